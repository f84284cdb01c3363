"""The parts of the asynchronous system that need no MPI: a worker, and the learner's thread."""

import numpy as np
import pytest

from ppo import worker
from ppo.environments import Environments
from ppo.experiments import configuration
from ppo.learning import Learning
from ppo.rollouts import Rollout


@pytest.mark.parametrize('total, parts', [(512, 2), (512, 3), (2, 3), (7, 7)])
def test_environments_are_shared_out(total, parts):
    found = worker.shares(total, parts)
    assert sum(found) == total and len(found) == parts and max(found) - min(found) <= 1


class Ended:
    """A port on whose other side somebody has nothing to do any more."""

    def __init__(self):
        self.sent = []

    def receive(self):
        return None

    def send(self, message):
        self.sent.append(message)


def test_every_environment_of_every_worker_has_its_own_episodes():
    """What the workers begin with is what all environments in one process would."""
    config, found = configuration('cartpole')[0], []
    for first, count in ((0, 3), (3, 4)):
        port = Ended()
        worker.work(config, 5, count, first, port, 9)
        found += [message.observations for message in port.sent if message]
    assert [len(observations) for observations in found] == [2, 1, 2, 2]
    expected = Environments(config.environment, 7, 5).reset(9)
    np.testing.assert_array_equal(np.concatenate(found), expected)
    assert len(np.unique(expected, axis=0)) == 7


class Training:
    """As much of `training.Training` as the learner's thread sees."""

    class Config:
        class training:
            buffer, max_version_lag = 8, 2

    class Learner:
        version = 0

        def parameters(self, session):
            return {'version': self.version}

    def __init__(self, versions):
        self.config, self.learner, self.session = self.Config(), self.Learner(), None
        self.learnt, self.versions = [], versions

    @property
    def finished(self):
        return self.learner.version >= self.versions

    def learn(self, played):
        self.learnt.append([rollout.version for rollout in played])
        self.learner.version += 1


def rollout(version, size=4):
    return Rollout(*[np.zeros([size, 1])] * 7, version=version, episodes=[])


def test_rollouts_are_used_oldest_first_and_dropped_when_too_old():
    training = Training(versions=4)
    learning = Learning(training)
    for version in (0, 0, 0, 1, 0, 0, 3, 1, 3):
        learning.put(rollout(version))
    assert learning.queued == 36 and learning.is_full
    learning.start()
    learning.join(10)
    # At versions 0, 1 and 2 two rollouts of 4; at 3 those of version 0 are too old.
    assert training.learnt == [[0, 0], [0, 1], [0, 0], [3, 1]]
    assert learning.dropped == 0 and learning.lags == {0: 4, 1: 1, 2: 3}
    assert learning.published == ({'version': 4}, 4) and learning.done

    training = Training(versions=4)
    training.learner.version = 3
    learning = Learning(training)
    for version in (0, 0, 3, 1):
        learning.put(rollout(version))
    learning.start()
    learning.join(10)
    assert training.learnt == [[3, 1]] and learning.dropped == 2


def test_asked_to_stop_the_learner_begins_no_other_update():
    """Although rollouts for several wait."""
    training = Training(versions=4)
    learning, learn = Learning(training), training.learn

    def learn_and_be_asked(played):
        learn(played)
        learning._stopping = True
    training.learn = learn_and_be_asked
    for _ in range(6):
        learning.put(rollout(0))
    learning.start()
    learning.join(10)
    assert training.learnt == [[0, 0]] and learning.done and learning.is_full


def test_the_learners_error_comes_out_where_it_is_asked_for():
    training = Training(versions=2)
    training.learn = lambda played: 1 / 0
    learning = Learning(training)
    learning.put(rollout(0, 8))
    learning.start()
    learning.join(10)
    assert learning.done
    with pytest.raises(ZeroDivisionError):
        learning.stop()
