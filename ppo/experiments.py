"""Every environment with the settings of its teacher, each number with its source.

"Section" and "table" are those of Raiman, *Generative Adversarial Simulator*
(2021), appendix A.2; "chosen" marks what it does not state.
"""

from typing import Tuple

from typing_extensions import Literal

from runs.settings import described, resolve, setting

NOT_STATED = "not stated for this environment: as Humanoid's"


@described
class Environment:
    """The simulator, through gym 0.17."""
    id: str = setting('Humanoid-v2', "gym's name", 'table 6')
    contact_forces: Literal['zero', 'restored'] = setting(
        'zero', "the last 84 observations of Humanoid and HumanoidStandup: 0, as with every "
        "mujoco_py from 2.0 on, or computed after each step, as before", 'chosen: the paper does not say')
    max_steps: int = setting(
        0, "actions until an episode is cut off; 0: gym's own limit (an action is 4 frames on ALE)", "gym's")
    frame_size: int = setting(84, 'side of a frame in pixels (ALE)', 'IMPALA')
    frames: int = setting(4, 'frames in an observation (ALE)', 'IMPALA')


@described
class Model:
    """The policy and its value function."""
    body: Literal['mlp', 'impala', 'nature'] = setting(
        'mlp', 'mlp: tanh; impala: residual network; nature: three convolutions', 'table 6')
    widths: Tuple[int, ...] = setting(
        (64, 64), 'units of each layer; channels of each stage or convolution, then units', 'table 6')
    value_network: Literal['separate', 'shared'] = setting(
        'separate', 'whether the value function has a body of its own', "baselines' for control")
    log_std: float = setting(0., "first logarithm of a Gaussian policy's deviation", "baselines'")


@described
class Training:
    """Proximal policy optimisation."""
    transitions: int = setting(10000000, 'steps of all environments together', 'section A.2.1')
    environments: int = setting(512, 'at once; in one process: enough for one update', 'table 6')
    rollout: int = setting(32, 'transitions of an environment in a rollout', 'table 6')
    buffer: int = setting(8192, 'new transitions for an update', 'table 6')
    batch: int = setting(1024, 'transitions per gradient step', 'table 6')
    gradient_steps: int = setting(
        10, 'per update, unless epochs are given; drawn without replacement within a pass', 'table 6')
    epochs: int = setting(0, 'passes over the buffer per update (0: gradient_steps)', 'a variant')
    learning_rate: float = setting(3e-4, 'of Adam', 'table 6')
    decay: Literal['constant', 'linear'] = setting(
        'constant', 'of the learning rate over the transitions; linear ends at zero', 'no decay is stated')
    epsilon: float = setting(1e-5, "of Adam", "baselines'")
    gamma: float = setting(0.99, 'discount', 'table 6')
    lam: float = setting(0.95, 'of the advantage estimation', 'table 6')
    clip: float = setting(0.2, 'of the ratio of probabilities', 'table 6')
    clip_around: Literal['behaviour', 'newest'] = setting(
        'behaviour', 'which policy the ratio is to: the one that acted, under MPI some versions old, or the one that '
        'an update begins with', 'chosen: the paper does not say; newest: Hilton et al. 2021')
    value_weight: float = setting(0.5, 'of the value error in the loss', "baselines'")
    entropy_weight: float = setting(0., 'of the entropy in the loss', 'table 6')
    gradient_clip: float = setting(
        0.5, 'largest norm of a gradient: of each network, where policy and value function have one each', "baselines'")
    value_targets: Literal['standardised', 'raw'] = setting(
        'standardised', 'what the value function learns: returns by their running mean and deviation, its answers '
        'kept as these move, or returns as they are', 'chosen: PopArt (van Hasselt et al. 2016)')
    max_version_lag: int = setting(4, 'versions; older rollouts are dropped', 'table 6')
    evaluate_every: int = setting(500000, 'transitions between evaluations, each with a checkpoint', 'chosen')
    episodes: int = setting(10, 'of an evaluation', 'section A.2.1')
    greedy: bool = setting(True, 'whether an evaluation takes the likeliest action', 'chosen')
    patience: int = setting(0, 'evaluations without a better score until the end (0: all transitions)', 'chosen')


@described
class Experiment:
    """One teacher."""
    environment: Environment = Environment()
    model: Model = Model()
    training: Training = Training()


_ATARI = {
    'model.body': ('impala', 'table 6'), 'model.widths': ((16, 32, 32, 256), 'IMPALA'),
    'model.value_network': ('shared', 'IMPALA'),
    'environment.max_steps': (27000, '108,000 frames, the common cap'),
    'training.buffer': (16384, 'table 6'), 'training.batch': (2048, 'table 6'),
    'training.learning_rate': (1e-3, 'table 6'),
}


def _atari(game, **more):
    return dict(_ATARI, **{'environment.id': (game + 'NoFrameskip-v4', 'table 6')}, **more)


EXPERIMENTS = {
    'cartpole': {
        'environment.id': ('CartPole-v0', 'table 6'), 'model.widths': ((512,), 'table 6'),
        'training.buffer': (16384, 'table 6'), 'training.batch': (2048, 'table 6'),
        'training.learning_rate': (1e-3, 'table 6')},
    'mountaincar': {
        'environment.id': ('MountainCarContinuous-v0', 'table 6'), 'model.widths': ((512,), 'table 6'),
        'training.buffer': (15000, 'table 6'), 'training.batch': (5000, 'table 6'),
        'training.learning_rate': (1e-3, 'table 6'), 'training.gamma': (0.995, 'table 6')},
    'halfcheetah': {
        'environment.id': ('HalfCheetah-v2', 'table 8'), 'model.widths': ((64, 64), NOT_STATED)},
    'humanoid': {},
    'standup': {'environment.id': ('HumanoidStandup-v2', 'table 6')},
    'pong': _atari('Pong'),
    'breakout': _atari('Breakout'),
    'seaquest': _atari('Seaquest'),
    'enduro': _atari('Enduro'),
    'pong48': _atari('Pong', **{
        'environment.frame_size': (48, 'appendix A.4'), 'environment.frames': (2, 'appendix A.4')}),
}

DESCRIPTIONS = {
    'cartpole': 'balance a pole; 200 is the most',
    'mountaincar': 'a weak car and a steep hill, continuous actions',
    'halfcheetah': 'run, MuJoCo',
    'humanoid': 'walk, MuJoCo',
    'standup': 'stand up, MuJoCo',
    'pong': 'Atari Pong', 'breakout': 'Atari Breakout', 'seaquest': 'Atari Seaquest', 'enduro': 'Atari Enduro',
    'pong48': 'Atari Pong in 2 frames of 48x48',
}

_NEWEST = {
    'training.epochs': (10, 'ten passes over the buffer, where the paper has ten gradient steps'),
    'training.clip_around': ('newest', 'Hilton et al. 2021')}

_LIGHT = 'chosen, for games on two cores'

METHODS = {
    'ppo': {},
    'ppo_epochs': {'training.epochs': (10, 'ten passes over the buffer, where the paper has ten gradient steps')},
    'ppo_newest': _NEWEST,
    'ppo_narrow': dict(_NEWEST, **{
        'model.log_std': (-1., 'chosen, for Humanoid and Standup, which clip actions at 0.4')}),
    'ppo_light': {
        'model.body': ('nature', _LIGHT), 'model.widths': ((32, 64, 64, 512), 'Green et al., table 1'),
        'training.environments': (128, _LIGHT), 'training.buffer': (4096, _LIGHT), 'training.batch': (512, _LIGHT),
        'training.epochs': (3, _LIGHT), 'training.decay': ('linear', _LIGHT), 'training.entropy_weight': (0.01, _LIGHT),
        'training.clip_around': _NEWEST['training.clip_around']},
}

METHOD_DESCRIPTIONS = {
    'ppo': 'the paper: ten gradient steps per update',
    'ppo_epochs': 'ten passes over the buffer per update',
    'ppo_newest': 'ppo_epochs, clipped around the policy that an update begins with',
    'ppo_narrow': 'ppo_newest, first deviation of a Gaussian policy e^-1 in place of 1',
    'ppo_light': "games on two cores: Nature's network, three passes over smaller buffers, entropy 0.01",
}

BUDGETS = {
    'paper': {},
    'quick': {'training.transitions': (1000000, 'budget quick'), 'training.evaluate_every': (100000, 'budget quick')},
    'smoke': {'training.transitions': (20000, 'budget smoke'), 'training.evaluate_every': (10000, 'budget smoke'),
              'training.buffer': (2048, 'budget smoke'), 'training.batch': (256, 'budget smoke'),
              'training.environments': (64, 'budget smoke'), 'training.episodes': (2, 'budget smoke')},
}

#: The paper's scores, table 8 and 9.
PAPER_SCORE = {'cartpole': 200., 'mountaincar': 94.30, 'halfcheetah': 7698., 'humanoid': 5896., 'standup': 159200.,
               'pong': 20.70, 'breakout': 355.5, 'seaquest': 2624., 'enduro': 643.1, 'pong48': 16.5}


def configuration(experiment, budget='paper', method='ppo'):
    """The settings of one experiment, budget and method: (Experiment, {dotted field: source}).

    Raises KeyError for an unknown name.
    """
    return resolve(Experiment(), [EXPERIMENTS[experiment], BUDGETS[budget], METHODS[method]])
