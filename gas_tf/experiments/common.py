"""What the experiments of images and of policies share: algorithm 1's own numbers."""

from typing_extensions import Literal

from runs.settings import described, setting


@described
class Objective:
    """Weights of equations 2 to 4."""
    alpha: float = setting(
        0.5, 'of H_each', 'stated for policies (appendix A.2.2)')
    beta: float = setting(5., 'of H_mean', 'stated for policies (appendix A.2.2)')
    gamma: float = setting(
        2., 'of the adaptive term',
        'chosen; 0.4 is stated, for CIFAR-10 alone: see CLAIMS.md')
    gamma_decay: Literal['constant', 'cosine', 'late'] = setting(
        'cosine', 'of gamma over the generator steps, as of the rates',
        'chosen, none is stated: see CLAIMS.md')
    lambda_activation: float = setting(
        0., 'of the activation term', 'table 1, "GAS (Ours)"')
    one_hot: float = setting(0., "of DAFL's one-hot term", 'not in equation 2')


@described
class Schedule:
    """How long, how often, how many."""
    student_steps: int = setting(
        120000, 'student updates', 'chosen: none is stated for MNIST')
    n_student: int = setting(
        100, 'N_s: student updates per outer epoch', 'section 5.2.2')
    n_generator: int = setting(
        20, 'N_g: generator updates per outer epoch', 'section 5.2.2')
    reset_every: int = setting(
        40000, 'student updates between re-initialisations of the generators '
        '(0: never)', 'appendix A.3.1; section 5.2.2 says 4,000')
    reset_in_turn: bool = setting(
        False, 'whether generators are re-initialised one after the other, '
        'evenly over the period, instead of all at once', 'algorithm 1')
    reset_slots: bool = setting(
        True, "whether a re-initialisation resets Adam's moments too",
        'chosen')
    batch_size: int = setting(512, 'inputs per step', 'section 5.2.2')
    evaluate_every: int = setting(
        1000, 'student updates between evaluations, each with a checkpoint',
        'chosen')

    @property
    def generator_steps(self):
        """Generator updates of the whole run."""
        return self.student_steps // self.n_student * self.n_generator
