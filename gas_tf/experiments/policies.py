"""Policies: their experiments, methods and budgets (section 5.3, appendix A.2).

DAFL's objective for policies (the paper only names it): its coefficients for
images, one-hot 1, information entropy 5, activation 0.1; its generator and
student take turns, one update each, and nothing is re-initialised.  Over
categories the terms are those of images; its code takes the information entropy
to base 10, hence 5 / ln 10 in nats.  A Gaussian policy has no likeliest class,
so the one-hot term is dropped; its information entropy is equation 5, in nats,
to which no base belongs: 5.
"""

import math
from typing import Tuple

from typing_extensions import Literal

from gas_tf.experiments.common import Objective, Schedule
from runs.settings import described, replace, resolve, setting


@described
class Student:
    """The smaller policy."""
    widths: Tuple[int, ...] = setting(
        (), "units of each layer; none: a share of the teacher's", 'appendix A.2.2')
    share: float = setting(
        0.5, "of the teacher's units, or filters, in each layer, rounded down, but "
        'one at least, where no widths are given', 'appendix A.2.2: half')
    learning_rate: float = setting(1e-3, 'of Adam', 'table 10')
    decay: Literal['constant', 'cosine', 'late'] = setting(
        'constant', 'of the learning rate over the student steps: cosine '
        'to zero, or late, a line to zero over the last fifth',
        'no decay is stated')
    average: float = setting(
        0., 'share that a moving average of the weights, judged and kept in '
        'their place, keeps of itself at an update (0: none)',
        'none is stated')


@described
class Generator:
    """The networks that invent normalised observations."""
    hidden: int = setting(
        256, 'units of the hidden layer, ReLU; of vectors', 'chosen: none is stated')
    widths: Tuple[int, ...] = setting(
        (128, 64), 'channels of DCGAN, at a quarter and at half of the sides; of frames',
        'as table 4 has for images')
    count: int = setting(
        1, 'generators that run at once, each on its slice of the batch',
        'section 5.3, "a single generator"')
    noise_size: int = setting(100, 'length of z ~ U(-1, 1)', 'appendix A.2.2')
    standardised: bool = setting(
        False, 'whether each slice has mean 0 and variance 1 in every '
        'dimension, as observations after the normaliser have',
        'the output is linear')
    zero_constants: bool = setting(
        False, "whether dimensions that never varied, as the teacher's "
        'normaliser tells, are 0, as after it; of noise too', 'the output is linear')
    first_rms: float = setting(
        0., 'root mean square of what a new generator draws, where that is not '
        'standardised, by normal weights; 0: weights are U(±1/√fan_in), which '
        'draw about 0.14; of vectors',
        'chosen: none is stated')
    learning_rate: float = setting(1e-3, 'of Adam', 'table 10')
    decay: Literal['constant', 'cosine', 'late'] = setting(
        'constant', 'of the learning rate over the generator steps: cosine '
        'to zero, or late, a line to zero over the last fifth',
        'no decay is stated')


@described
class Noise:
    """Normal numbers in the place of observations, for `inputs` noise; of vectors."""
    correlation: float = setting(
        0., "share, 0..1, of the correlations that the teacher's first weights have; "
        'the rest is independent', 'a row of our own')
    moments: Literal['standard', 'real'] = setting(
        'standard', 'mean 0 and variance 1, or mean and covariance of real '
        'observations, of `collection`', 'a row of our own')


@described
class Collection:
    """Real observations, of the teacher's episodes, for `inputs` real or their moments."""
    transitions: int = setting(
        200000, 'observations, to learn from or for their moments', 'chosen: none is stated')
    workers: int = setting(
        4, 'that collect them side by side, 16 environments each',
        'section 5.3: several')
    actions: Literal['sampled', 'likeliest'] = setting(
        'sampled', 'which of its actions the teacher takes meanwhile',
        'chosen: not stated')


@described
class Evaluation:
    """How a student is judged, in the environment.  Training never sees it."""
    episodes: int = setting(10, 'of every evaluation', 'not stated: as section 5.3.1 has for teachers')
    fresh_episodes: int = setting(
        20, 'that judge the kept student at the end', 'chosen')
    stopping: Literal['score', 'loss'] = setting(
        'score', 'what keeps a student and ends a run: the best score, or the '
        'least L_distill, whose choice needs no simulator',
        "the paper's protocol")
    patience: int = setting(
        20000, 'student updates without a better one until the end, asked at '
        'evaluations (0: none)', 'chosen: appendix A.2.1 says 120 seconds')
    patience_seconds: float = setting(
        0., 'seconds without a better one until the end, in the place of the '
        'updates (0: the updates count); such an end does not repeat',
        'appendix A.2.1 says 120')


@described
class Experiment:
    """One distillation of a policy."""
    teacher: str = setting(
        '', 'folder of a run of ppo.train, or the name of a committed teacher; '
        "nothing: the experiment's own", 'section 5.3')
    inputs: Literal['generated', 'real', 'noise'] = setting(
        'generated', "what the student learns from: generated observations, "
        "those of the teacher's episodes, or N(0, 1) numbers", 'algorithm 1')
    student: Student = Student()
    generator: Generator = Generator()
    objective: Objective = Objective()
    schedule: Schedule = Schedule()
    noise: Noise = Noise()
    collection: Collection = Collection()
    evaluation: Evaluation = Evaluation()


BASE = {
    'objective.alpha': (0.5, 'appendix A.2.2'),
    'objective.beta': (5., 'appendix A.2.2'),
    'objective.gamma': (0.4, 'stated for CIFAR-10 (section 5.2.3)'),
    'objective.gamma_decay': ('constant', 'no decay is stated'),
    'schedule.student_steps': (100000, 'chosen: none is stated'),
    'schedule.n_student': (5, 'table 10'),
    'schedule.n_generator': (2, 'table 10'),
    'schedule.reset_every': (50, 'table 10: R_g of 10 outer epochs'),
    'schedule.batch_size': (512, 'chosen: as for images'),
}

#: Atari games.  Numbers of student updates are multiples of N_s.
_ALE = {
    'student.learning_rate': (3e-4, 'table 10'),
    'generator.learning_rate': (0.1, 'table 10'),
    'schedule.student_steps': (98000, 'chosen: none is stated'),
    'schedule.n_student': (7, 'table 10'),
    'schedule.n_generator': (5, 'table 10'),
    'schedule.reset_every': (1792, 'table 10: R_g of 256 outer epochs'),
    'schedule.evaluate_every': (1400, 'chosen'),
    'collection.transitions': (50000, 'chosen: 1.4 GB of four frames of 84x84'),
    'evaluation.patience': (10000, 'appendix A.2.1: 10,000 versions'),
}

#: Table 10 has no row for it.
_HALFCHEETAH = {name: (value, 'not stated: as table 10 has for Humanoid') for name, value in (
    ('student.learning_rate', 1e-3), ('generator.learning_rate', 1e-3), ('schedule.n_student', 5),
    ('schedule.n_generator', 2), ('schedule.reset_every', 50))}

_GAMES = ('pong', 'breakout', 'seaquest', 'enduro', 'pong48')

EXPERIMENTS = {name: {} for name in (
    'cartpole', 'mountaincar', 'halfcheetah', 'humanoid', 'standup', 'policy')}
EXPERIMENTS['halfcheetah'] = _HALFCHEETAH
EXPERIMENTS.update({name: _ALE for name in _GAMES})

DESCRIPTIONS = {
    'cartpole': 'a policy that balances a pole (table 8)',
    'mountaincar': 'a policy that drives up a hill (table 8)',
    'halfcheetah': 'a policy that runs, MuJoCo (table 8)',
    'humanoid': 'a policy that walks, MuJoCo (table 8)',
    'standup': 'a policy that stands up, MuJoCo (table 8)',
    'policy': 'any policy of ppo.train: --teacher names it',
    'pong': 'a policy that plays Atari Pong (table 9)',
    'breakout': 'a policy that plays Atari Breakout (table 9)',
    'seaquest': 'a policy that plays Atari Seaquest (table 9)',
    'enduro': 'a policy that plays Atari Enduro (table 9)',
    'pong48': 'a policy that plays Atari Pong in 2 frames of 48x48',
}

METHODS = {
    'gas': {},
    'gas_normalised': {
        'generator.standardised': (True, 'what the normaliser promises'),
        'generator.zero_constants': (True, 'what the normaliser promises'),
        'generator.count': (8, 'as for images'),
    },
    'dafl': {
        'objective.alpha': (0., "DAFL has its one-hot term in its place"),
        'objective.one_hot': (1., "DAFL's; of a Gaussian policy 0: it has no likeliest class"),
        'objective.beta': (5. / math.log(10.), "DAFL's 5, with its logarithm to base 10; of a Gaussian policy 5"),
        'objective.gamma': (0., 'no adaptive term'),
        'objective.lambda_activation': (0.1, "DAFL's"),
        'schedule.n_student': (1, 'one and one'),
        'schedule.n_generator': (1, 'one and one'),
        'schedule.reset_every': (0, 'no re-initialisation'),
    },
    'student_kd': {'inputs': ('real', 'section 5.3, "Student KD"')},
    'reset_only': {'objective.gamma': (0., 'no adaptive term')},
    'noise': {'inputs': ('noise', 'a row of our own')},
    'noise_correlated': {
        'inputs': ('noise', 'a row of our own'),
        'noise.correlation': (.5, 'chosen of 0, 0.5 and 1 by scores on Humanoid, one seed each'),
        'generator.zero_constants': (True, 'what the normaliser promises'),
    },
    'noise_moments': {
        'inputs': ('noise', 'a row of our own'),
        'noise.moments': ('real', 'what a normaliser could promise'),
    },
}

METHOD_DESCRIPTIONS = {
    'gas': 'algorithm 1 with the adaptive loss, equation 4, one generator',
    'gas_normalised': 'gas with eight generators of standardised observations',
    'dafl': "DAFL's objective, one and one, no re-initialisation",
    'student_kd': "observations of the teacher's episodes, KL to the teacher",
    'reset_only': 'L_G and re-initialisation, no adaptive term',
    'noise': 'observations from N(0, 1), KL to the teacher',
    'noise_correlated': "noise, half correlated as the teacher's first weights are",
    'noise_moments': 'noise with mean and covariance of real observations',
}

#: What a choice is worth: the method, and what is changed in it.
ABLATIONS = {
    'gas_no_reset': ('gas', {'schedule.reset_every': 0}),
    'gas_beta_0': ('gas', {'objective.beta': 0.}),
    'gas_first_rms_1': ('gas', {'generator.first_rms': 1.}),
    'gas_generators_8': ('gas', {'generator.count': 8}),
    'gas_by_loss': ('gas', {'evaluation.stopping': 'loss'}),
    'gas_normalised_by_loss': (
        'gas_normalised', {'evaluation.stopping': 'loss'}),
    'gas_normalised_gamma_0': ('gas_normalised', {'objective.gamma': 0.}),
    'gas_normalised_no_reset': ('gas_normalised', {'schedule.reset_every': 0}),
    'gas_normalised_generators_1': ('gas_normalised', {'generator.count': 1}),
    'gas_normalised_no_zeros': (
        'gas_normalised', {'generator.zero_constants': False}),
    'gas_full_width': ('gas', {'student.share': 1.}),
    'gas_normalised_full_width': ('gas_normalised', {'student.share': 1.}),
    'noise_full_width': ('noise', {'student.share': 1.}),
    'noise_share_0.75': ('noise', {'student.share': .75}),
    'noise_full_width_by_loss': (
        'noise', {'student.share': 1., 'evaluation.stopping': 'loss'}),
    'noise_zeros': ('noise', {'generator.zero_constants': True}),
    'student_kd_likeliest': (
        'student_kd', {'collection.actions': 'likeliest'}),
}
METHODS.update({
    method: dict(METHODS[base], **{
        name: (value, 'ablation') for name, value in changes.items()})
    for method, (base, changes) in ABLATIONS.items()})
METHOD_DESCRIPTIONS.update({
    method: base + ' with ' + ', '.join('%s %s' % c for c in changes.items())
    for method, (base, changes) in ABLATIONS.items()})

_BUDGETS = {
    'paper': {},
    'quick': {'schedule.student_steps': (20000, 'budget quick')},
    'smoke': {
        'schedule.student_steps': (100, 'budget smoke'),
        'schedule.evaluate_every': (50, 'budget smoke'),
        'collection.transitions': (2000, 'budget smoke'),
        'evaluation.episodes': (2, 'budget smoke'),
        'evaluation.fresh_episodes': (2, 'budget smoke')},
}
_ALE_BUDGETS = {
    'paper': {},
    'quick': {
        'schedule.student_steps': (9800, 'budget quick'),
        'collection.transitions': (20000, 'budget quick')},
    'smoke': dict(_BUDGETS['smoke'], **{
        'schedule.student_steps': (14, 'budget smoke'),
        'schedule.evaluate_every': (7, 'budget smoke'),
        'schedule.batch_size': (32, 'budget smoke')}),
}
BUDGETS = {experiment: _ALE_BUDGETS if experiment in _GAMES else _BUDGETS
           for experiment in EXPERIMENTS}

#: Tables 8 and 9, in the environments' own units.
PAPER_SCORE = {
    'teacher': {'humanoid': 5896., 'standup': 159200., 'halfcheetah': 7698.,
                'mountaincar': 94.30, 'cartpole': 200., 'pong': 20.70,
                'breakout': 355.5, 'seaquest': 2624., 'enduro': 643.1, 'pong48': 16.5},
    'student_kd': {'humanoid': 2012., 'standup': 157100., 'halfcheetah': 7199.,
                   'mountaincar': 95.77, 'cartpole': 200., 'pong': 20.20,
                   'breakout': 213.5, 'seaquest': 1015., 'enduro': 119.9},
    'dafl': {'humanoid': 418.1, 'standup': 38540., 'halfcheetah': -0.387,
             'mountaincar': 95.87, 'cartpole': 200., 'pong': -20.60,
             'breakout': 0.84, 'seaquest': 110., 'enduro': 4.92},
    'gas': {'humanoid': 5833., 'standup': 155200., 'halfcheetah': 6580.,
            'mountaincar': 95.13, 'cartpole': 200., 'pong': -20.54,
            'breakout': 0.88, 'seaquest': 123.6, 'enduro': 24.22, 'pong48': -18.87},
}


def paper_score(experiment, method, config):
    """The paper's score, or None where it has none, or `config` learns from other inputs than the method's."""
    if config.inputs != configuration(experiment, method)[0].inputs:
        return None
    return PAPER_SCORE.get(method, {}).get(experiment)


def configuration(experiment, method='gas', budget='paper'):
    """See `experiments.configuration`."""
    return resolve(Experiment(), [
        BASE, EXPERIMENTS[experiment], BUDGETS[experiment][budget], METHODS[method]])


def for_actions(config, sources, method, kind):
    """What a method's settings are for actions of a kind, 'categorical' or 'gaussian'.

    Returns:
      (Experiment, sources): the given ones but for DAFL's objective, as this
      module's docstring settles it, where the caller has not changed it.
    """
    changes = {'objective.one_hot': (0., 'no meaning for a Gaussian policy'),
               'objective.beta': (5., "DAFL's 5, equation 5 in nats")}
    if method == 'dafl' and kind == 'gaussian':
        sources = dict(sources)
        for name, (value, source) in changes.items():
            if sources[name] == METHODS['dafl'][name][1]:
                config, sources[name] = replace(config, name, value), source
    return config, sources
