"""gym environments: one, and many of them in one process."""

import sys
from collections import namedtuple

import numpy as np

from ppo.spaces import Actions, Spaces
from runs.errors import UserError
from runs.streams import stream_key

RUNNING, TERMINATED, TRUNCATED = 0, 1, 2
ATARI = 'NoFrameskip'  # in the ids of gym's games that show every frame

#: observations `[n, ...]`, of the next episode where one has ended; rewards `[n]`, to learn from; ended `[n]`:
#: RUNNING, TERMINATED or TRUNCATED; last `{i: observation}` before a truncation; episodes: list of (score, steps)
#: of those that ended, but for the first ones, which `reset` cuts off.
Step = namedtuple('Step', 'observations rewards ended last episodes')


class Stopped(Exception):
    """Episodes were broken off because somebody wants to stop."""


def make(environment):
    """A `Simulation` of an `experiments.Environment`.

    Raises:
      UserError: gym has no such environment, what it needs is not installed,
        or its spaces are of another kind.
    """
    import gym
    gym.logger.set_level(gym.logger.ERROR)
    try:
        made = gym.make(environment.id)
    except gym.error.DependencyNotInstalled as error:
        raise UserError('%s needs what `make simulators` installs: %s' % (environment.id, _line(error))) from error
    except Exception as error:  # of the simulator's own code too
        raise UserError('gym makes no %r: %s' % (environment.id, _line(error))) from error
    limit = made.spec.max_episode_steps or 0
    while isinstance(made, gym.wrappers.TimeLimit):  # which is one more `done`
        made = made.env
    if environment.contact_forces == 'restored':
        restore_contact_forces(made.unwrapped)
    if ATARI in environment.id:
        if len(made.observation_space.shape) != 3:
            raise UserError('%s shows no frames: name the game without -ram' % environment.id)
        from ppo import atari
        return Simulation(atari.wrapped(made, environment), environment.max_steps or limit // atari.REPEAT)
    limit = environment.max_steps or limit
    simulation = Simulation(made, limit)
    if not limit:
        raise UserError('%s has no time limit of its own: give environment.max_steps' % environment.id)
    return simulation


def _line(error):
    return str(error).strip().split('\n')[0]


def restore_contact_forces(env):
    """Lets MuJoCo compute the contact forces after each of its steps.

    From 2.0 on it leaves them out unless asked; gym 0.17 reads them still.

    Raises:
      UserError: the environment is not one of MuJoCo's.
    """
    if not hasattr(env, 'do_simulation'):
        raise UserError('contact_forces restored: this environment is not one of MuJoCo')
    from mujoco_py import functions
    simulate = env.do_simulation

    def do_simulation(control, frames):
        simulate(control, frames)
        functions.mj_rnePostConstraint(env.sim.model, env.sim.data)
    env.do_simulation = do_simulation


def _failures(env):
    """What a simulator raises when it cannot go on from a state: a tuple of exceptions."""
    if not hasattr(getattr(env, 'unwrapped', env), 'do_simulation'):
        return ()
    from mujoco_py.builder import MujocoException
    return (MujocoException,)


class Simulation:
    """One environment with its time limit told apart from its own end.

    Actions are clipped to the space, and the reward is that of the clipped one.

    Args:
      env: a gym environment without time limit.
      limit: actions until an episode is cut off.

    Attributes:
      steps, score: actions and true rewards of the episode so far.
      is_whole: whether the episode may last as long as any, see `shorten`.
    """

    def __init__(self, env, limit):
        from gym.spaces import Box, Discrete
        self.env, self.limit = env, limit
        space = env.action_space
        if isinstance(space, Discrete):
            actions = Actions('categorical', int(space.n))
            self._bounds = None
        elif isinstance(space, Box) and len(space.shape) == 1:
            actions = Actions('gaussian', int(space.shape[0]))
            self._bounds = space.low, space.high
        else:
            raise UserError('actions of %s are not supported: a Box of one dimension or Discrete is needed' % space)
        shape = env.observation_space.shape
        if not isinstance(env.observation_space, Box):
            raise UserError('observations of %s are not supported: a Box is needed' % env.observation_space)
        frames = env.observation_space.dtype == np.uint8
        self.spaces = Spaces(tuple(shape), np.dtype(np.uint8 if frames else np.float32), actions)
        self.steps, self.score = 0, 0.
        self.is_whole, self._until, self._seen = True, limit, None
        self._failures = _failures(env)

    def seed(self, seed):
        """Of all that it draws from the next `reset` on."""
        self.env.seed(seed)

    def reset(self):
        """The first observation of a new episode."""
        self.steps, self.score = 0, 0.
        self.is_whole, self._until = True, self.limit
        self._seen = self.env.reset()
        return self._seen

    def shorten(self, steps):
        """Cuts the episode off after so many actions already."""
        self.is_whole, self._until = False, steps

    def step(self, action):
        """(observation, reward, RUNNING | TERMINATED | TRUNCATED) after an action."""
        if self._bounds:
            # What np.clip does, without its overhead.
            action = np.minimum(np.maximum(action, self._bounds[0]), self._bounds[1])
        self.steps += 1
        try:
            self._seen, reward, done, _ = self.env.step(action)
        except self._failures as error:
            # MuJoCo gives up on a state; the episode need not take the run along.
            print('warning: %s: the episode ends there' % _line(error), file=sys.stderr)
            reward, done = 0., True
        self.score += reward
        if done:
            return self._seen, reward, TERMINATED
        return self._seen, reward, TRUNCATED if self.steps == self._until else RUNNING

    def frame(self):
        """A picture of the present state, uint8 `[h, w, 3]`.

        Raises UserError where it cannot be drawn: gym's classic control needs
        pyglet and a display, MuJoCo OSMesa.
        """
        try:
            return self.env.render('rgb_array')
        except Exception as error:  # of any drawing library
            raise UserError('a frame cannot be drawn (%s): classic control needs a display, such as that of xvfb-run'
                            % _line(error)) from error

    def close(self):
        """Ends the simulator."""
        self.env.close()


class Environments:
    """`count` environments of one kind, stepped one after the other.

    Args:
      environment: an `experiments.Environment`.
      count: how many.
      seed: of everything that they draw.
      first: number of the first one among those of all processes.
      stream: name of what they draw.
      alive: called after each that was made, reset or stepped, which may take a while.

    Rewards of ALE are learnt from by their sign.

    Raises:
      UserError: `make`'s.
    """

    def __init__(self, environment, count, seed, first=0, stream='environment', alive=lambda: None):
        self.simulations, self._alive = [], alive
        for _ in range(count):
            self.simulations.append(make(environment))
            alive()
        self.seed, self.first, self.stream = seed, first, stream
        self._clip = ATARI in environment.id
        self.spaces = self.simulations[0].spaces
        self._observations = np.zeros((count,) + self.spaces.shape, self.spaces.dtype)

    def __len__(self):
        return len(self.simulations)

    def reset(self, step, within=None):
        """Seeds each apart by (seed, its number, step) and begins new episodes: `[n, ...]`.

        These first episodes are cut off at random times: environments that
        begin together are not to stay together.

        within: actions until the next reset, where one will come.
        """
        for i, simulation in enumerate(self.simulations):
            self._observations[i] = self._new_episode(i, step)
            latest = min(simulation.limit, within or simulation.limit)
            simulation.shorten(1 + self._key(i, 'first end/%d' % step) % latest)
            self._alive()
        return self._observations.copy()

    def _new_episode(self, i, step):
        self.simulations[i].seed(self._key(i, '%d' % step) % 2 ** 31)
        return self.simulations[i].reset()

    def _key(self, i, what):
        return stream_key(self.seed, '%s/%d/%s' % (self.stream, self.first + i, what))

    def play(self, decide, step, stopped=lambda: False):
        """One episode in each, new ones by (seed, step): list of (score, actions taken).

        Args:
          decide: actions `[k, ...]` for the observations `[k, ...]` of those
            that still run.
          stopped: asked before every action.

        Raises:
          Stopped: `stopped()` said so.
        """
        for i in range(len(self)):
            self._observations[i] = self._new_episode(i, step)
        running = list(range(len(self)))
        while running:
            if stopped():
                raise Stopped
            actions = decide(self._observations[running])
            for i, action in zip(list(running), actions):
                self._observations[i], _, end = self.simulations[i].step(action)
                if end:
                    running.remove(i)
        return [(simulation.score, simulation.steps) for simulation in self.simulations]

    def step(self, actions):
        """`Step` after an action `[n, ...]` in each."""
        count = len(self.simulations)
        rewards, ended = np.zeros(count, np.float32), np.zeros(count, np.uint8)
        last, episodes = {}, []
        for i, simulation in enumerate(self.simulations):
            observation, rewards[i], end = simulation.step(actions[i])
            if end:
                ended[i] = end
                if end == TRUNCATED:
                    last[i] = np.array(observation, self.spaces.dtype)
                if simulation.is_whole:
                    episodes.append((simulation.score, simulation.steps))
                observation = simulation.reset()
            self._observations[i] = observation
            self._alive()
        if self._clip:
            rewards = np.sign(rewards)
        return Step(self._observations.copy(), rewards, ended, last, episodes)

    def close(self):
        """Ends the simulators."""
        for simulation in self.simulations:
            simulation.close()
