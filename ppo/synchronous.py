"""One process: environments act, then the optimiser learns, and so on, bit for bit repeatable."""

from ppo.environments import Environments
from ppo.rollouts import Recorder


def environments_needed(training):
    """How many environments fill one update's buffer with rollouts."""
    return -(-training.buffer // training.rollout)


class Player:
    """Rollouts of all environments under the newest version: lag 0.

    Args:
      config: `experiments.Experiment`; seed: of the environments.
      actor: an `actor.Actor` of one slot.
    """

    def __init__(self, config, seed, actor):
        self.training = config.training
        self.environments = Environments(config.environment, environments_needed(config.training), seed)
        self.actor, self._observations = actor, None
        self._within = max(1, config.training.evaluate_every // len(self.environments))  # actions between two restarts

    def restart(self, step):
        """New episodes everywhere, by (seed, step): what a checkpoint can begin from."""
        self._observations = self.environments.reset(step, self._within)

    def play(self, session, version):
        """One `Rollout`; its actions are functions of (seed, version, time)."""
        slot, length = self.actor.newest, self.training.rollout
        recorder = Recorder(length)
        for t in range(length):
            acted = self.actor.act(session, slot, self._observations, version * length + t)
            recorder.acted(self._observations, acted, version)
            step = self.environments.step(acted.actions)
            tails = {}
            if step.last:
                values = self.actor.values(session, slot, list(step.last.values()))
                tails = dict(zip(step.last, values))
            recorder.stepped(step.rewards, step.ended, step.episodes, tails)
            self._observations = step.observations
        return recorder.finish(self.actor.values(session, slot, self._observations))

    def close(self):
        """Ends the simulators."""
        self.environments.close()
