"""What a student's policy is worth: its score in the environment, and a diagnostic on real observations."""

import contextlib

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import trajectories
from gas_tf.collapse import moments
from gas_tf.evaluation import Evaluation
from gas_tf.objectives import distillation as divergence
from ppo.environments import Environments
from ppo.learner import inputs_of
from ppo.training import std
from runs.streams import stream_key

#: Real observations on which the log's kl_real is measured: environments,
#: actions, and every how many of them; of frames fewer, which are larger.
REAL = (16, 512, 4)
REAL_FRAMES = (16, 512, 16)

FRESH = 2 ** 31 - 1  # the step by which the last episodes are drawn


def sees_frames(teacher):
    """Whether its observations are frames, `[height, width, n]`, uint8."""
    return len(teacher.spaces.shape) == 3 and teacher.spaces.dtype == np.uint8


def seen(observations, teacher):
    """What the networks see of raw observations, a tensor `[b, ...]`."""
    return inputs_of(observations, *teacher.normaliser)


class InEnvironment(Evaluation):
    """The student's true score in the teacher's environment, its likeliest actions.

    The log has `score`, `score_std` and `episode_steps` of the episodes, and
    `kl_real`: KL(teacher ‖ student) on real observations, as a diagnostic; of
    vectors `real_mean`, `real_std` and `real_std_spread` of the same.  Training sees none of it,
    but for the choice when to stop.

    Args:
      algorithm: a `Distillation`; teacher: `ppo.teacher.Teacher`; evaluation:
        `experiments.policies.Evaluation`; seed: of the episodes.

    Raises:
      UserError: the simulator is not installed.
    """

    metric = 'score'
    also = {'by_loss': ('L_distill', True)}

    def __init__(self, algorithm, teacher, evaluation, seed):
        self.teacher, self.evaluation, self.seed = teacher, evaluation, seed
        self.best_by = {'score': 'score', 'loss': 'L_distill'}[evaluation.stopping]
        self.least = self.best_by == 'L_distill'
        student, spaces = algorithm.student, teacher.spaces
        self._observations = tf.placeholder(spaces.dtype, (None,) + spaces.shape)
        self._mode = student(seen(self._observations, teacher)).distribution.mode()
        environments, steps, every = REAL_FRAMES if sees_frames(teacher) else REAL
        real = trajectories.play(teacher, environments, steps, False, seed, every=every, stream='diagnostic')
        self._real = real.reshape((-1,) + spaces.shape)
        self._batch = tf.placeholder(spaces.dtype, self._real.shape)
        batch = self._seen = seen(self._batch, teacher)
        self._kl = tf.reduce_mean(divergence(algorithm.teacher(batch).distribution, student(batch).distribution))
        self._environments = self._games(evaluation.episodes)

    def _games(self, episodes, stream='evaluation'):
        return Environments(self.teacher.config.environment, episodes, self.seed, stream=stream)

    def _decide(self, session):
        return lambda observations: session.run(self._mode, {self._observations: observations})

    def __call__(self, session, step):
        played = self._environments.play(self._decide(session), step)
        scores = [score for score, _ in played]
        row = {'score': float(np.mean(scores)), 'score_std': std(scores),
               'episode_steps': float(np.mean([steps for _, steps in played]))}
        kl, real = session.run([self._kl, self._seen], {self._batch: self._real})
        if real.ndim == 2:
            row.update(moments(real, 'real'))
        if np.isfinite(kl):  # a diagnostic ends no run
            row['kl_real'] = float(kl)
        return row

    def of_the_kept(self, session, name, row):
        """Scores in episodes that chose nothing.

        `fresh` of the best student, `by_loss` of that of the least L_distill,
        which a user without a simulator would keep; and `random`, that of
        uniform actions.
        """
        with contextlib.closing(self._games(self.evaluation.fresh_episodes)) as games:
            found = dict(_summary(games.play(self._decide(session), FRESH)), step=row['step'])
        if name == 'by_loss':
            return {name: found}
        return {'fresh': found, 'random': self._random()}

    def _random(self):
        with contextlib.closing(self._games(1, 'random')) as games:
            space, played = games.simulations[0].env.action_space, []
            for number in range(self.evaluation.fresh_episodes):
                games.first = number  # each episode has draws of its own
                space.seed(stream_key(self.seed, 'random actions/%d' % number) % 2 ** 31)
                played += games.play(lambda observations: [space.sample()], FRESH)
        return _summary(played)

    def close(self):
        """Ends the simulators."""
        self._environments.close()

    def shown(self, value):
        return '%.1f' % value


def _summary(played):
    scores = [score for score, _ in played]
    return {'score': float(np.mean(scores)), 'score_std': std(scores), 'episodes': len(scores)}
