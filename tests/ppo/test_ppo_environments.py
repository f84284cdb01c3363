"""The real environments: what they see, how they end, and what they draw from."""

import functools

import numpy as np
import pytest

from ppo.environments import (RUNNING, TERMINATED, TRUNCATED, Environments, Simulation, make, restore_contact_forces)
from ppo.experiments import Environment, configuration
from ppo.spaces import Actions
from runs.errors import UserError


@functools.lru_cache(maxsize=None)
def mujoco_error():
    """Why MuJoCo is not to be had, or None: without Debian's libraries its first import fails to compile."""
    try:
        import mujoco_py  # noqa: F401
    except Exception as error:
        return '%s: %s' % (type(error).__name__, str(error)[:200])
    return None


def mujoco():
    if mujoco_error():
        pytest.skip('no MuJoCo (make simulators): %s' % mujoco_error())


def atari():
    pytest.importorskip('atari_py', reason='the Atari games are not installed: make simulators')


def environment(name, **changes):
    config = configuration(name)[0].environment
    return Environment(**dict(config.__dict__, **changes))


@pytest.mark.parametrize('name, shape, actions', [
    ('cartpole', (4,), ('categorical', 2)), ('mountaincar', (2,), ('gaussian', 1)),
    ('halfcheetah', (17,), ('gaussian', 6)), ('humanoid', (376,), ('gaussian', 17)),
    ('standup', (376,), ('gaussian', 17)), ('pong', (84, 84, 4), ('categorical', 6)),
    ('breakout', (84, 84, 4), ('categorical', 4)), ('seaquest', (84, 84, 4), ('categorical', 18)),
    ('enduro', (84, 84, 4), ('categorical', 9)), ('pong48', (48, 48, 2), ('categorical', 6))])
def test_the_papers_spaces(name, shape, actions):
    atari() if len(shape) == 3 else mujoco() if shape[0] > 4 else None
    simulation = make(environment(name))
    assert simulation.spaces.shape == shape and simulation.spaces.actions == Actions(*actions)
    assert simulation.spaces.dtype == (np.uint8 if len(shape) == 3 else np.float32)
    simulation.seed(0)
    assert np.shape(simulation.reset()) == shape


class Script:
    """An environment that ends after `end` actions and remembers what it was given."""

    def __init__(self, end=10 ** 9):
        import gym
        self.action_space = gym.spaces.Box(np.float32([-1., 0.]), np.float32([1., 2.]))
        self.observation_space = gym.spaces.Box(-1., 1., (1,), np.float32)
        self.end, self.actions = end, []

    def reset(self):
        self.actions = []
        return np.zeros(1)

    def step(self, action):
        self.actions.append(np.array(action))
        return np.full(1, len(self.actions)), float(action[0]), len(self.actions) == self.end, {}


def test_actions_are_clipped_and_rewarded_as_clipped():
    script = Script()
    simulation = Simulation(script, 0)
    simulation.reset()
    _, reward, _ = simulation.step(np.float32([5., -5.]))
    np.testing.assert_array_equal(script.actions, [[1., 0.]])
    assert reward == 1.


@pytest.mark.parametrize('end, limit, codes', [
    (3, 0, [RUNNING, RUNNING, TERMINATED]), (9, 2, [RUNNING, TRUNCATED]),
    (2, 2, [RUNNING, TERMINATED])])  # its own end at the limit is an end
def test_a_cut_is_told_from_an_end(end, limit, codes):
    simulation = Simulation(Script(end), limit)
    simulation.reset()
    assert [simulation.step(np.zeros(2))[2] for _ in codes] == codes


@pytest.mark.parametrize('name, limit', [('cartpole', 200), ('mountaincar', 999)])
def test_gyms_limits_are_kept(name, limit):
    assert make(environment(name)).limit == limit
    assert make(environment(name, max_steps=7)).limit == 7


def test_a_pole_that_falls_is_an_end():
    simulation = make(environment('cartpole'))
    simulation.seed(0)
    simulation.reset()
    ends = [simulation.step(0)[2] for _ in range(9)]
    assert TERMINATED in ends


def test_after_an_end_the_next_episode_is_seen_and_the_last_observation_kept():
    environments = Environments(environment('cartpole', max_steps=5), 2, 0)
    environments.reset(0)
    first = [None, None]
    for t in range(1, 16):
        step = environments.step([0, 1])
        assert sorted(step.last) == [i for i in (0, 1) if step.ended[i]]
        for i, last in step.last.items():
            assert step.ended[i] == TRUNCATED and np.abs(last).max() > .05 > np.abs(step.observations[i]).max() or t < 5
            first[i] = first[i] or t
            assert (t - first[i]) % 5 == 0
        # The first one was cut off earlier, and is not a score.
        assert step.episodes == [(5., 5)] * sum(bool(step.ended[i]) and t > first[i] for i in (0, 1))
    assert all(1 <= t <= 5 for t in first)


def test_environments_that_begin_together_do_not_stay_together():
    def ends(step):
        environments = Environments(environment('mountaincar', max_steps=50), 40, 0)
        environments.reset(step)
        found = np.array([environments.step(np.zeros([40, 1])).ended for _ in range(100)])
        return [np.flatnonzero(column) for column in found.T]
    found = ends(3)
    assert all(len(times) == 2 and times[1] - times[0] == 50 for times in found)
    first = [times[0] for times in found]
    assert len(set(first)) > 20 and min(first) < 5 and max(first) > 40
    assert [times[0] for times in ends(3)] == first != [times[0] for times in ends(4)]
    soon = Environments(environment('mountaincar', max_steps=50), 40, 0)
    soon.reset(3, 7)
    cut = np.array([soon.step(np.zeros([40, 1])).ended for _ in range(7)])
    assert np.all((cut > 0).sum(axis=0) == 1) and len(set(cut.argmax(axis=0))) > 4  # before the next reset, at 7
    # What judges is never cut off.
    played = Environments(environment('mountaincar', max_steps=50), 5, 0).play(lambda seen: np.zeros([len(seen), 1]), 3)
    assert [steps for _, steps in played] == [50] * 5


def test_a_state_that_mujoco_gives_up_on_ends_the_episode(capsys):
    mujoco()
    from mujoco_py.builder import MujocoException
    simulation = make(environment('halfcheetah'))
    simulation.seed(0)
    before = simulation.reset()

    def broken(action):
        raise MujocoException('Got MuJoCo Warning: Nan, Inf or huge value in QACC')
    simulation.env.step = broken
    observation, reward, end = simulation.step(np.zeros(6))
    np.testing.assert_array_equal(observation, before)
    assert (reward, end, simulation.score) == (0., TERMINATED, 0.)
    assert capsys.readouterr().err.count('\n') == 1


def test_each_environment_draws_apart_and_again_the_same():
    one = Environments(environment('cartpole'), 4, 0)
    first = one.reset(0)
    assert len({row.tobytes() for row in first}) == 4
    # As numbers 0 to 3 or as 0, 1 and 2, 3 of two workers.
    two, three = Environments(environment('cartpole'), 2, 0), Environments(environment('cartpole'), 2, 0, first=2)
    np.testing.assert_array_equal(np.concatenate([two.reset(0), three.reset(0)]), first)
    assert (one.reset(1) != first).any(axis=1).all()
    np.testing.assert_array_equal(one.reset(0), first)
    assert (Environments(environment('cartpole'), 4, 1).reset(0) != first).any(axis=1).all()
    assert (Environments(environment('cartpole'), 4, 0, stream='evaluation').reset(0) != first).any(axis=1).all()


@pytest.mark.parametrize('name, changes', [
    ('cartpole', {}), ('mountaincar', {}), ('halfcheetah', {}), ('humanoid', {'contact_forces': 'restored'}),
    ('standup', {}), ('pong48', {})])
def test_a_reset_forgets_all_that_was(name, changes):
    """Which is why a checkpoint needs no state of the simulators: used ones go on as new ones do."""
    atari() if name == 'pong48' else mujoco() if name in ('halfcheetah', 'humanoid', 'standup') else None
    random = np.random.RandomState(0)
    used, new = [Environments(environment(name, **changes), 2, 0) for _ in range(2)]
    actions = used.spaces.actions

    def drawn():
        return random.randint(actions.size, size=2) if actions.kind == 'categorical' else random.randn(2, actions.size)
    used.reset(3)
    for _ in range(60):
        used.step(drawn())
    np.testing.assert_array_equal(used.reset(7), new.reset(7))
    for _ in range(40):
        action = drawn()
        found, expected = used.step(action), new.step(action)
        for one, other in zip(found[:3], expected[:3]):
            np.testing.assert_array_equal(one, other)
        assert found.episodes == expected.episodes


def test_play_runs_one_episode_in_each():
    environments, sizes = Environments(environment('cartpole', max_steps=30), 5, 0), []

    def decide(observations):
        sizes.append(len(observations))
        return np.zeros(len(observations), int)
    played = environments.play(decide, 0)
    assert len(played) == 5 and all(score == steps for score, steps in played)
    assert sizes[0] == 5 and sizes == sorted(sizes, reverse=True) and sum(sizes) == sum(s for _, s in played)
    assert environments.play(decide, 0) == played


@pytest.mark.parametrize('name', ['humanoid', 'standup'])
def test_contact_forces(name):
    """The observation's last 84 numbers: none of MuJoCo 2's own, and there once they are asked for."""
    mujoco()
    seen = {}
    for forces in ('zero', 'restored'):
        simulation = make(environment(name, contact_forces=forces))
        simulation.seed(0)
        simulation.reset()
        seen[forces] = np.array([simulation.step(np.zeros(17))[0] for _ in range(40)])
    assert not seen['zero'][:, -84:].any()
    assert np.abs(seen['restored'][-1, -84:]).max() > 1.  # it has fallen on the floor
    # The simulation itself is the same.
    np.testing.assert_array_equal(seen['zero'][:, :-84], seen['restored'][:, :-84])


@pytest.mark.parametrize('name', ['humanoid', 'standup'])
def test_restored_contact_forces_are_mujocos_own(name):
    mujoco()
    from mujoco_py import functions
    simulation = make(environment(name, contact_forces='restored'))
    simulation.seed(0)
    simulation.reset()
    for _ in range(40):
        observation, _, _ = simulation.step(np.zeros(17))
    sim = simulation.env.sim
    functions.mj_rnePostConstraint(sim.model, sim.data)
    np.testing.assert_array_equal(observation[-84:], sim.data.cfrc_ext.ravel())


def test_contact_forces_without_mujoco_are_refused():
    with pytest.raises(UserError, match='MuJoCo'):
        restore_contact_forces(Script())
    with pytest.raises(UserError, match='MuJoCo'):
        make(environment('cartpole', contact_forces='restored'))


def test_contact_forces_of_a_game_are_refused():
    atari()
    with pytest.raises(UserError, match='MuJoCo'):
        make(environment('pong48', contact_forces='restored'))


def test_atari_frames_are_the_maximum_of_two_and_stacked():
    atari()
    import cv2
    import gym
    simulation = make(environment('pong'))
    simulation.seed(3)
    first = np.array(simulation.reset())
    raw = simulation.env.unwrapped
    state = raw.clone_full_state()
    observation, reward, end = simulation.step(2)
    after = np.array(observation)
    np.testing.assert_array_equal(after[:, :, :3], first[:, :, 1:])
    raw.restore_full_state(state)
    frames = []
    for _ in range(4):
        frames.append(raw.step(2)[0])
    expected = cv2.resize(cv2.cvtColor(np.maximum(frames[2], frames[3]), cv2.COLOR_RGB2GRAY), (84, 84),
                          interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(after[:, :, 3], expected)
    assert reward == 0. and end == RUNNING and gym.__version__ == '0.17.3'


def test_ataris_first_frame_is_the_maximum_of_the_last_two_no_ops():
    atari()
    import cv2
    import gym
    simulation = make(environment('pong'))
    for seed in range(3):
        simulation.seed(seed)
        found = np.array(simulation.reset())
        raw = gym.make('PongNoFrameskip-v4').unwrapped
        raw.seed(seed)
        frames = [raw.reset()]
        for _ in range(raw.np_random.randint(1, 31)):
            frames.append(raw.step(0)[0])
        expected = cv2.resize(cv2.cvtColor(np.maximum(frames[-2], frames[-1]), cv2.COLOR_RGB2GRAY), (84, 84),
                              interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(found, np.repeat(expected[:, :, np.newaxis], 4, axis=2))


def test_ataris_rewards_are_learnt_from_by_sign_and_scored_as_they_are():
    atari()
    environments = Environments(environment('seaquest', max_steps=400), 1, 0)
    environments.reset(0)
    random, rewards, scores = np.random.RandomState(0), [], []
    for _ in range(800):
        step = environments.step([random.randint(18)])
        rewards += step.rewards.tolist()
        scores += [score for score, _ in step.episodes]
    # Seaquest pays 20 a shot.
    assert set(rewards) == {0., 1.} and max(scores) >= 20. and max(scores) % 20. == 0.


def test_ataris_cap_counts_actions():
    atari()
    assert make(environment('breakout')).limit == 27000
    environments = Environments(environment('enduro', max_steps=5), 1, 0)
    environments.reset(0)
    ended = [environments.step([0]).ended[0] for _ in range(10)]
    assert set(ended) == {0, TRUNCATED} and np.diff(np.flatnonzero(ended)).tolist() == [5]


def test_an_environment_without_time_limit_is_given_one():
    import gym
    gym.register('Endless-v0', entry_point='gym.envs.classic_control:CartPoleEnv')
    with pytest.raises(UserError, match='Endless-v0 has no time limit of its own: give environment.max_steps'):
        make(Environment(id='Endless-v0'))
    assert make(Environment(id='Endless-v0', max_steps=7)).limit == 7


@pytest.mark.parametrize('name, said', [('Nothing-v0', 'gym makes no'), ('CartPole', 'gym makes no'),
                                        ('Blackjack-v0', 'observations of')])
def test_what_cannot_be_made_is_one_line(name, said):
    with pytest.raises(UserError, match=said) as caught:
        make(Environment(id=name))
    assert '\n' not in str(caught.value)
