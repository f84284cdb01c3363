"""Rollouts: what some environments did under one version of the parameters."""

from collections import namedtuple

import numpy as np

from ppo import gae
from ppo.environments import TERMINATED, TRUNCATED

#: A finished rollout, arrays `[T, N, ...]`, time first: observations, actions, log_probs, values, rewards, ended,
#: next_values (as `gae.advantages` wants them); version: of the parameters that acted; episodes: (score, steps) of
#: those that ended in it.
Rollout = namedtuple('Rollout', 'observations actions log_probs values rewards ended next_values version episodes')

#: Transitions to learn from, arrays `[n, ...]`: one per action.
Batch = namedtuple('Batch', 'observations actions log_probs advantages returns')


class Recorder:
    """Collects the rollouts of one group of environments that act together.

    For each step: `acted` with what the policy answered, then `stepped` with
    what the environments did; `finish` when `length` steps are in.

    Args:
      length: T, steps of a rollout.
    """

    def __init__(self, length):
        self.length = length
        self._clear()

    def _clear(self):
        self.version, self._answers, self._steps, self._tails = None, [], [], {}

    @property
    def steps(self):
        """How many are in."""
        return len(self._steps)

    @property
    def is_full(self):
        """Whether `finish` may be called."""
        return self.steps == self.length

    def acted(self, observations, answer, version):
        """Observations `[N, ...]` and the answer to them: actions `[N]` or `[N, d]`, log_probs `[N]`, values `[N]`."""
        if self.version is None:
            self.version = version
        self._answers.append((observations,) + tuple(answer))

    def stepped(self, rewards, ended, episodes, tail_values):
        """What followed; tail_values `{i: value}` of the last observations of truncated episodes."""
        for i, value in tail_values.items():
            self._tails[len(self._steps), i] = value
        self._steps.append((rewards, ended, episodes))

    def finish(self, next_values):
        """The `Rollout`; next_values `[N]`: of the observations that the next one begins with."""
        observations, actions, log_probs, values = [np.stack(parts) for parts in zip(*self._answers)]
        rewards, ended = [np.stack(parts) for parts in list(zip(*self._steps))[:2]]
        following = np.concatenate([values[1:], next_values[np.newaxis]])
        following[ended == TERMINATED] = 0.
        for (t, i), value in self._tails.items():
            assert ended[t, i] == TRUNCATED
            following[t, i] = value
        rollout = Rollout(observations, actions, log_probs, values, rewards, ended > 0, following, self.version,
                          [episode for step in self._steps for episode in step[2]])
        self._clear()
        return rollout


def batch(rollouts, gamma, lam):
    """`Batch` of the transitions of some rollouts, with their advantages."""
    parts = []
    for rollout in rollouts:
        found = gae.advantages(
            rollout.rewards, rollout.values, rollout.next_values, rollout.ended, gamma, lam)
        parts.append([rollout.observations, rollout.actions, rollout.log_probs, found, found + rollout.values])
    return Batch(*[np.concatenate([part.reshape((-1,) + part.shape[2:]) for part in column])
                   for column in zip(*parts)])
