"""Classifiers of images: their experiments, methods and budgets."""

import math
from typing import Tuple

from typing_extensions import Literal

from gas_tf.experiments.common import Objective, Schedule
from runs.settings import described, resolve, setting

LENET5 = (6, 16, 120, 84)   # 61,706 parameters with one channel, ten classes
LENET5_HALF = (3, 8, 60, 42)  # 15,738


@described
class Teacher:
    """How the classifier that is distilled was trained."""
    widths: Tuple[int, int, int, int] = setting(
        LENET5, 'filters of three convolutions, units of the dense layer',
        'LeNet-5, section 5.2.2')
    learning_rate: float = setting(7e-4, 'of Adam', 'section 5.2.2')
    dropout: float = setting(
        0.2, 'share of units dropped in all four hidden layers',
        '0.2 from section 5.2.2, its place chosen: see CLAIMS.md')
    batch_size: int = setting(256, 'images per step', "DAFL's code")
    epochs: int = setting(30, 'passes over the training images', 'chosen')
    validation: int = setting(
        5000, 'training images set aside to choose the best checkpoint',
        'chosen: the paper chose on the test images')
    seed: int = setting(0, 'of weights, batches and the set aside', 'chosen')


@described
class Student:
    """The smaller classifier."""
    widths: Tuple[int, int, int, int] = setting(
        LENET5_HALF, 'filters of three convolutions, units of the dense layer',
        'LeNet-5-Half, section 5.2.2')
    learning_rate: float = setting(
        1e-3, 'of Adam', 'section 5.2.2; table 5 says 1e-4')
    decay: Literal['constant', 'cosine', 'late'] = setting(
        'cosine', 'of the learning rate over the student steps: cosine '
        'to zero, or late, a line to zero over the last fifth',
        'chosen, none is stated: see CLAIMS.md')
    average: float = setting(
        0., 'share that a moving average of the weights, judged and kept in '
        'their place, keeps of itself at an update (0: none)',
        'none is stated')


@described
class Generator:
    """The networks that invent inputs."""
    shape: Literal['dafl', 'dcgan'] = setting(
        'dafl', "dafl: DAFL's convolutions with batch-norm; dcgan: transposed "
        'convolutions without', "DAFL's, as the section of table 1 says")
    widths: Tuple[int, ...] = setting(
        (64, 32), 'channels of the 8x8 map, the 16x16 map and, for a third '
        "convolution of dafl, the 32x32 map",
        "chosen: 1/20 of the arithmetic of DAFL's (128, 128, 64)")
    count: int = setting(
        8, 'generators that run at once, each on its slice of the batch',
        'section 5.2.2')
    noise_size: int = setting(100, 'length of z ~ U(-1, 1)', 'section 5.2.2')
    learning_rate: float = setting(1e-2, 'of Adam', 'section 5.2.2')
    decay: Literal['constant', 'cosine', 'late'] = setting(
        'cosine', 'of the learning rate over the generator steps: cosine '
        'to zero, or late, a line to zero over the last fifth',
        'chosen, none is stated: see CLAIMS.md')
    output: Literal['tanh', 'linear', 'pixels'] = setting(
        'tanh', 'last step before the scale of normalised pixels; pixels: '
        'tanh of a batch-norm, mapped to their range',
        "DAFL's code")
    leak: float = setting(
        0., 'slope of dafl\'s rectifier below zero (0: ReLU)',
        "chosen; DAFL's is 0.2")
    epsilon: float = setting(
        1e-5, "of dafl's batch-norms between convolutions",
        "chosen; DAFL's code has 0.8")
    stddev: float = setting(
        0.02, 'of the first weights; 0: uniform, by fan-in', 'as DCGAN')


@described
class Experiment:
    """One distillation of a classifier."""
    data: Literal['digits', 'mnist'] = setting(
        'mnist', 'data set of the teacher and of the evaluation', 'section 5.2.2')
    inputs: Literal['generated', 'real', 'noise'] = setting(
        'generated', 'what the student learns from: generated images, the '
        'real training images, or N(0, 1) pixels', 'algorithm 1')
    teacher: Teacher = Teacher()
    student: Student = Student()
    generator: Generator = Generator()
    objective: Objective = Objective()
    schedule: Schedule = Schedule()


EXPERIMENTS = {
    'mnist': {},
    'digits': {
        'data': ('digits', 'the embedded default: needs no download'),
        'teacher.batch_size': (64, 'chosen: 1,297 training images'),
        'teacher.epochs': (60, 'chosen'),
        'teacher.validation': (200, 'chosen: 1,297 training images'),
        'generator.count': (4, 'chosen: a demonstration in minutes'),
        'schedule.batch_size': (256, 'chosen: a demonstration in minutes'),
        'schedule.student_steps': (5000, 'chosen: a demonstration in minutes'),
        'schedule.evaluate_every': (500, 'chosen'),
    },
}

DESCRIPTIONS = {
    'mnist': 'LeNet-5 to LeNet-5-Half on MNIST (table 1)',
    'digits': "scikit-learn's handwritten digits, 8x8 enlarged to 32x32",
}

#: What decays over a run, or does not.
DECAYS = ('objective.gamma_decay', 'student.decay', 'generator.decay')

#: What the paper states, for lack of a value for MNIST, or does not mention.
STATED = dict({
    'schedule.reset_every': (40000, 'appendix A.3.1; section 5.2.2 says 4,000'),
    'schedule.reset_in_turn': (False, 'algorithm 1'),
    'objective.gamma': (0.4, 'stated for CIFAR-10 (section 5.2.3)'),
}, **dict.fromkeys(DECAYS, ('constant', 'no decay is stated')))

METHODS = {
    'teacher': {},
    'gas': {},
    'gas_stated': STATED,
    'gas_literal': dict(STATED, **{
        'generator.shape': ('dcgan', 'section 4.3 and table 4'),
        'generator.widths': ((128, 64), 'section 4.3 and table 4'),
        'schedule.reset_every': (4000, 'section 5.2.2'),
    }),
    'gas_activation': {
        'objective.lambda_activation': (0.1, 'table 1, variant row'),
    },
    'reset_only': {
        'objective.gamma': (0., 'no adaptive term'),
        'schedule.reset_every': (4000, 'section 5.2.2'),
        'schedule.reset_in_turn': (False, 'algorithm 1'),
    },
    'student_kd': {
        'inputs': ('real', 'table 1, "Student KD"'),
    },
    'noise': {
        'inputs': ('noise', "DAFL's table 1, noise as data"),
    },
}

METHOD_DESCRIPTIONS = {
    'teacher': 'trains the teacher anew, a seed each, and distils nothing',
    'gas': 'algorithm 1 with the adaptive loss, equation 4',
    'gas_stated': 'gas with the stated gamma, 0.4, no decay, all reset at once',
    'gas_literal': 'gas_stated with DCGAN without batch-norm, reset every 4,000',
    'gas_activation': 'gas with the activation term, lambda 0.1',
    'reset_only': 'L_G and re-initialisation, no adaptive term',
    'student_kd': 'the real training images, KL to the teacher',
    'noise': 'pixels from N(0, 1), KL to the teacher',
}

#: What each choice of `gas` is worth: what is changed, for the budgets `quick` and shorter.
SHORT_ABLATIONS = {
    'gas_gamma_0': {'objective.gamma': 0.},
    'gas_gamma_0.4': {'objective.gamma': 0.4},
    'gas_gamma_1': {'objective.gamma': 1.},
    'gas_gamma_4': {'objective.gamma': 4.},
    'gas_gamma_kept': {'objective.gamma_decay': 'constant'},
    'gas_student_rate_kept': {'student.decay': 'constant'},
    'gas_generator_rate_kept': {'generator.decay': 'constant'},
    'gas_student_rate_1e-4': {'student.learning_rate': 1e-4},
    'gas_generator_rate_1e-3': {'generator.learning_rate': 1e-3},
    'gas_alpha_0': {'objective.alpha': 0.},
    'gas_one_hot': {'objective.alpha': 0., 'objective.one_hot': 1.},
    'gas_n_20_4': {'schedule.n_student': 20, 'schedule.n_generator': 4},
    'gas_n_20_20': {'schedule.n_student': 20},
    'gas_reset_1000': {'schedule.reset_every': 1000},
    'gas_late': dict.fromkeys(DECAYS, 'late'),
    'gas_pixels': {'generator.output': 'pixels'},
    'gas_fan_in': {'generator.stddev': 0.},
    'gas_dcgan': {'generator.shape': 'dcgan', 'generator.widths': (128, 64)},
    'gas_wide': {'generator.widths': (128, 128, 64)},
    'gas_dafl_generator': {
        'generator.widths': (128, 128, 64), 'generator.leak': 0.2,
        'generator.epsilon': 0.8, 'generator.stddev': 0.},
    # DAFL's recipe (its code of 2020-08, log10 in its entropy term) but for its
    # noise, with the smaller widths.
    'dafl_light': {
        'generator.leak': 0.2, 'generator.epsilon': 0.8,
        'objective.alpha': 0., 'objective.one_hot': 1.,
        'objective.beta': 5. / math.log(10.), 'objective.gamma': 0.,
        'objective.lambda_activation': 0.1, 'generator.count': 1,
        'generator.learning_rate': 0.2, 'generator.decay': 'constant',
        'generator.stddev': 0., 'student.learning_rate': 2e-3,
        'student.decay': 'constant', 'schedule.n_student': 1,
        'schedule.n_generator': 1, 'schedule.reset_every': 0},
}


#: The same for the budget `long`, which decays late.
LONG_ABLATIONS = {
    'gas_averaged': dict(dict.fromkeys(DECAYS, 'constant'), **{'student.average': 0.9995}),
    'gas_late_gamma_kept': {'objective.gamma_decay': 'constant'},
    'gas_cosine': dict.fromkeys(DECAYS, 'cosine'),
    'gas_cosine_generator_rate_kept': dict(dict.fromkeys(DECAYS, 'cosine'), **{'generator.decay': 'constant'}),
}
ABLATIONS = dict(SHORT_ABLATIONS, **LONG_ABLATIONS)
METHODS.update({
    method: {name: (value, 'ablation') for name, value in changes.items()}
    for method, changes in ABLATIONS.items()})
METHOD_DESCRIPTIONS.update({
    method: ', '.join('%s %s' % change for change in changes.items())
    for method, changes in ABLATIONS.items()})
METHOD_DESCRIPTIONS.update({
    method: METHOD_DESCRIPTIONS[method] + ' (of --budget long)'
    for method in LONG_ABLATIONS})
METHOD_DESCRIPTIONS['dafl_light'] = (
    "DAFL's recipe, one generator, one and one, with the smaller widths")

#: For runs of many periods of the resets.
LONG_RUNS = dict({
    'schedule.reset_every': (4000, 'section 5.2.2; appendix A.3.1 says 40,000'),
    'schedule.reset_in_turn': (
        True, 'chosen: algorithm 1 renews all at once; see CLAIMS.md'),
}, **dict.fromkeys(DECAYS, ('late', 'chosen for long runs; see CLAIMS.md')))

BUDGETS = {
    'mnist': {
        'paper': LONG_RUNS,
        'long': dict(LONG_RUNS, **{
            'schedule.student_steps': (30000, 'budget long')}),
        'quick': {
            'schedule.student_steps': (10000, 'budget quick'),
            'schedule.evaluate_every': (500, 'budget quick')},
        'ablation': {
            'schedule.student_steps': (5000, 'budget ablation'),
            'schedule.evaluate_every': (500, 'budget ablation')},
        # For what takes too long for `ablation`: DAFL's full width.
        'sketch': {
            'schedule.student_steps': (2000, 'budget sketch'),
            'schedule.evaluate_every': (500, 'budget sketch')},
        'smoke': {
            'schedule.student_steps': (200, 'budget smoke'),
            'schedule.evaluate_every': (100, 'budget smoke')},
    },
    'digits': {
        'paper': {},
        'quick': {
            'schedule.student_steps': (2000, 'budget quick')},
        'smoke': {
            'schedule.student_steps': (40, 'budget smoke'),
            'schedule.n_student': (10, 'budget smoke'),
            'schedule.n_generator': (2, 'budget smoke'),
            'schedule.evaluate_every': (20, 'budget smoke')},
    },
}

#: The papers' accuracies (fractions) by experiment and method.
PAPER_ACCURACY = {
    ('mnist', 'teacher'): 0.9935,
    ('mnist', 'gas'): 0.9879,
    ('mnist', 'gas_stated'): 0.9879,
    ('mnist', 'gas_literal'): 0.9879,
    ('mnist', 'gas_activation'): 0.9867,
    ('mnist', 'student_kd'): 0.9892,
    ('mnist', 'noise'): 0.8801,
}


def paper_accuracy(experiment, method, config):
    """The paper's accuracy, or None where it has none.

    None too where `config` has other data or inputs than the method's own: a
    number of something else.
    """
    own = configuration(experiment, method)[0]
    if (config.data, config.inputs) != (own.data, own.inputs):
        return None
    return PAPER_ACCURACY.get((experiment, method))


def configuration(experiment, method='gas', budget='paper'):
    """The settings of one experiment, method and budget.

    Returns:
      (Experiment, dict of dotted field to source).

    Raises:
      KeyError: a name is unknown.
    """
    return resolve(Experiment(), [
        EXPERIMENTS[experiment], BUDGETS[experiment][budget], METHODS[method]])
