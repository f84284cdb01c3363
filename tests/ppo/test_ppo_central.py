"""Who gets which answer, and what a rollout is made of: the central actor and the synchronous player by hand."""

import collections

import numpy as np
import pytest

from ppo.actor import Acted
from ppo.central import ALIVE, Central, Failed, Reply, Request
from ppo.environments import RUNNING, TERMINATED, TRUNCATED, Step
from ppo.experiments import Environment, Experiment, Training
from ppo.synchronous import Player
from runs.errors import UserError

Slot = collections.namedtuple('Slot', 'version')


class Actor:
    """Answers each row with its number; a value says the number and the version."""

    def __init__(self):
        self.newest, self.passes, self.using = None, [], collections.Counter()
        self.has_room = True

    def publish(self, session, parameters, version):
        if self.has_room:
            self.newest = Slot(version)
        return self.has_room

    def begin(self):
        self.using[self.newest.version] += 1
        return self.newest

    def end(self, slot):
        self.using[slot.version] -= 1

    def act(self, session, slot, observations, step=None):
        rows = np.asarray(observations)[:, 0]
        self.passes.append((slot.version, rows.tolist()))
        return Acted(rows.astype(int), -rows, rows + 1000. * slot.version)

    def values(self, session, slot, observations):
        return np.asarray(observations)[:, 0] + 1000. * slot.version


class Learning:
    def __init__(self):
        self.published, self.done, self.is_full = ({}, 0), False, False
        self.rollouts, self.seconds, self.put = [], collections.Counter(), lambda rollout: self.rollouts.append(rollout)

    def stop(self):
        pass


class Port:
    """Gives out what was put in, and keeps what was sent."""

    def __init__(self):
        self.waiting, self.sent = collections.deque(), []

    def receive(self):
        return self.waiting.popleft() if self.waiting else None

    def send(self, destination, message):
        self.sent.append((destination, message))


def central(length=2, workers=(1,), timeout=10.):
    class Trained:
        session, actor = None, Actor()
        config = Experiment(training=Training(rollout=length))
        stopped = staticmethod(lambda: False)
    return Central(Trained(), Port(), workers, Learning(), timeout)


def turn(one, *requests):
    """One round of the loop with these (worker, request)."""
    one.port.waiting.extend(requests)
    one.run(lambda: None, iter([False, True]).__next__)


def request(group, rows, rewards=None, ended=None, last=None):
    observations = np.float32(rows)[:, np.newaxis]
    step = None if rewards is None else Step(
        None, np.float32(rewards), np.uint8(ended), {i: np.float32([row]) for i, row in (last or {}).items()}, [])
    return Request(group, observations, step)


def test_requests_of_all_workers_are_answered_in_one_pass():
    one = central(workers=(1, 2))
    turn(one, (1, request(0, [1, 2])), (2, request(0, [3, 4])), (1, request(1, [5, 6])))
    assert one.actor.passes == [(0, [1, 2, 3, 4, 5, 6])]
    assert [(to, reply.group, reply.actions.tolist()) for to, reply in one.port.sent] == [
        (1, 0, [1, 2]), (2, 0, [3, 4]), (1, 1, [5, 6])]
    assert isinstance(one.port.sent[0][1], Reply)


def test_a_rollout_keeps_its_version_and_the_next_takes_the_newest():
    one = central()
    turn(one, (1, request(0, [1, 2])))
    one.learning.published = ({}, 1)
    turn(one, (1, request(0, [3, 4], [.1, .2], [RUNNING, RUNNING])))
    assert one.actor.newest.version == 1 and one.actor.using == {0: 1}
    turn(one, (1, request(0, [5, 6], [.3, .4], [RUNNING, RUNNING])))
    assert [version for version, _ in one.actor.passes] == [0, 0, 1] and one.actor.using == {0: 0, 1: 1}
    rollout, = one.learning.rollouts
    assert rollout.version == 0
    np.testing.assert_array_equal(rollout.observations[:, :, 0], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(rollout.actions, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(rollout.log_probs, [[-1, -2], [-3, -4]])
    np.testing.assert_array_equal(rollout.values, [[1, 2], [3, 4]])
    np.testing.assert_allclose(rollout.rewards, [[.1, .2], [.3, .4]])
    # The last observations' values are those that the next rollout begins with.
    np.testing.assert_array_equal(rollout.next_values, [[3, 4], [1005, 1006]])


def test_a_version_without_a_place_is_published_when_there_is_one():
    one = central()
    turn(one, (1, request(0, [1, 2])))
    one.learning.published, one.actor.has_room = ({}, 1), False
    turn(one, (1, request(1, [3, 4])))
    one.actor.has_room = True
    turn(one, (1, request(2, [5, 6])))
    assert [version for version, _ in one.actor.passes] == [0, 0, 1]


def test_groups_of_two_versions_are_answered_apart():
    one = central()
    turn(one, (1, request(0, [1, 2])))
    one.learning.published = ({}, 1)
    turn(one, (1, request(1, [7, 8])), (1, request(0, [3, 4], [0, 0], [RUNNING, RUNNING])))
    assert sorted(one.actor.passes[1:]) == [(0, [3, 4]), (1, [7, 8])]


@pytest.mark.parametrize('at', [0, 1])
def test_a_cut_episode_is_worth_its_last_observation_and_an_ended_one_nothing(at):
    """In the middle of a rollout and at its end."""
    one = central()
    turn(one, (1, request(0, [1, 2])))
    for t in range(2):
        ended, last = ([TRUNCATED, TERMINATED], {0: 50}) if t == at else ([RUNNING, RUNNING], {})
        turn(one, (1, request(0, [3 + 2 * t, 4 + 2 * t], [0, 0], ended, last)))
    rollout, = one.learning.rollouts
    expected = [[3, 4], [5, 6]]
    expected[at] = [50, 0]
    np.testing.assert_array_equal(rollout.next_values, expected)
    assert rollout.ended.tolist() == [[t == at] * 2 for t in range(2)]
    # The actions that were sent are for the observations alone.
    assert [len(reply.actions) for _, reply in one.port.sent] == [2, 2, 2]


def test_new_rollouts_wait_while_the_learner_has_enough():
    one = central()
    turn(one, (1, request(0, [1, 2])), (1, request(1, [7, 8])))
    one.learning.is_full = True
    turn(one, (1, request(0, [3, 4], [0, 0], [RUNNING, RUNNING])))
    assert len(one.port.sent) == 3  # in the middle of one it goes on
    turn(one, (1, request(0, [5, 6], [0, 0], [RUNNING, RUNNING])))
    assert len(one.port.sent) == 3 and not one.learning.rollouts
    one.learning.is_full = False
    turn(one)
    assert len(one.port.sent) == 4 and len(one.learning.rollouts) == 1


def test_a_silent_worker_is_noticed_while_another_keeps_rank_0_busy(monkeypatch):
    from ppo import central as module
    clock = [0.]
    monkeypatch.setattr(module.time, 'monotonic', lambda: clock[0])
    one = central(workers=(1, 2))
    turn(one, (1, request(0, [1, 2])), (2, request(0, [1, 2])))
    clock[0] = 9.
    turn(one, (1, request(0, [3, 4], [0, 0], [RUNNING, RUNNING])))
    clock[0] = 11.
    with pytest.raises(UserError, match='rank 2 has not answered'):
        turn(one, (1, request(0, [5, 6], [0, 0], [RUNNING, RUNNING])))


def test_a_silent_worker_is_noticed_while_one_of_its_groups_is_held(monkeypatch):
    """The learner has enough, as in a long evaluation: group 0 waits for a new rollout, group 1 is out."""
    from ppo import central as module
    clock = [0.]
    monkeypatch.setattr(module.time, 'monotonic', lambda: clock[0])
    one = central(length=1)
    turn(one, (1, request(0, [1, 2])), (1, request(1, [3, 4])))
    one.learning.is_full = True
    clock[0] = 9.
    turn(one, (1, request(0, [5, 6], [0, 0], [RUNNING, RUNNING])))
    assert len(one.port.sent) == 2
    clock[0] = 11.
    with pytest.raises(UserError, match='rank 1 has not answered'):
        turn(one)


def test_a_worker_whose_groups_are_all_held_owes_nothing(monkeypatch):
    from ppo import central as module
    clock = [0.]
    monkeypatch.setattr(module.time, 'monotonic', lambda: clock[0])
    one = central(length=1)
    turn(one, (1, request(0, [1, 2])))
    one.learning.is_full = True
    turn(one, (1, request(0, [5, 6], [0, 0], [RUNNING, RUNNING])))
    clock[0] = 3600.
    turn(one)
    assert len(one.port.sent) == 1


def test_after_a_pause_of_the_whole_job_nobody_is_given_up(monkeypatch):
    from ppo import central as module
    clock = [100.]
    monkeypatch.setattr(module.time, 'monotonic', lambda: clock[0])

    def stopped(*seconds):
        """Asked before every round, of which each takes so long."""
        for one_round in seconds:
            yield False
            clock[0] += one_round
        yield True
    one = central()
    turn(one, (1, request(0, [1, 2])))  # now it owes a word within ten seconds
    one.run(lambda: None, stopped(1.1, 60., 1.1, 1.1).__next__)
    with pytest.raises(UserError, match='rank 1 has not answered'):
        one.run(lambda: None, stopped(*[2.] * 9).__next__)
    assert clock[0] - 161. < 14.
    # Rounds that are always slow do not hide one that is silent, nor does a pause put anybody off for ever.
    turn(one, (1, request(0, [3, 4], [0, 0], [RUNNING, RUNNING])))
    started = clock[0]
    with pytest.raises(UserError, match='rank 1 has not answered'):
        one.run(lambda: None, stopped(*[5.] * 9).__next__)
    assert clock[0] - started < 26.


def test_why_a_worker_cannot_go_on_is_said():
    one = central(workers=(1, 2))
    with pytest.raises(UserError, match='no such game .the worker of rank 2.'):
        turn(one, (1, request(0, [1, 2])), (2, Failed('no such game')))


def test_why_a_worker_cannot_even_end_is_said():
    one = central(workers=(1, 2))
    one.port.waiting.extend([(1, None), (2, Failed('it does not close'))])
    with pytest.raises(UserError, match='it does not close .the worker of rank 2.'):
        one.stop_workers()


def test_a_sign_of_life_puts_the_deadline_off(monkeypatch):
    from ppo import central as module
    clock = [0.]
    monkeypatch.setattr(module.time, 'monotonic', lambda: clock[0])
    one = central()
    clock[0] = 9.
    turn(one, (1, ALIVE))
    clock[0] = 18.
    turn(one)
    assert not one.port.sent
    clock[0] = 20.
    with pytest.raises(UserError, match='rank 1 has not answered'):
        turn(one)


def test_the_synchronous_player_makes_the_same_of_an_episode():
    """CartPole cut after three actions: at the second and at the last step of a rollout of five."""
    training = Training(rollout=5, buffer=10)
    player = Player(Experiment(environment=Environment(id='CartPole-v0', max_steps=3), training=training), 0, Actor())
    player.actor.publish(None, {}, 7)
    player.restart(0)
    for simulation in player.environments.simulations:
        simulation.shorten(3)
    steps, step = [], player.environments.step

    def spied(actions):
        steps.append(step(np.zeros(2, int)))
        return steps[-1]
    player.environments.step = spied
    rollout = player.play(None, 7)
    assert rollout.version == 7 and rollout.rewards.shape == (5, 2)
    assert rollout.ended.tolist() == [[False] * 2, [False] * 2, [True] * 2, [False] * 2, [False] * 2]
    following = np.array([found.observations[:, 0] + 7000. for found in steps])
    following[2] = [steps[2].last[i][0] + 7000. for i in range(2)]
    np.testing.assert_allclose(rollout.next_values, following, rtol=1e-6)
    # The next rollout goes on where this one ended.
    second = player.play(None, 8)
    np.testing.assert_array_equal(second.observations[0], steps[4].observations)
    assert second.ended[0].tolist() == [True, True]
