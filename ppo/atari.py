"""ALE as IMPALA preprocesses it, with the sound parts of baselines' wrappers."""

import cv2
import gym
import numpy as np

NOOPS = 30  # at most, at the start of an episode
REPEAT = 4  # frames per action, of which the last two are joined by their maximum


class _LastTwo(gym.Wrapper):
    """Remembers the last two frames of an episode."""

    def step(self, action):
        found = self.env.step(action)
        self.frames = self.frames[-1:] + [found[0]]
        return found

    def reset(self, **arguments):
        self.frames = [self.env.reset(**arguments)]
        return self.frames[0]


class _RepeatAndMax(gym.Wrapper):
    """Each action for four frames; what is seen is the maximum of the last two.

    baselines' own keeps what its buffer held before where an episode ends
    within the first frames of an action, and shows one frame alone after the
    no-ops.  Here the maximum is over the frames of that action alone, and after
    the no-ops over the last two of them.

    recent: the `_LastTwo` below.
    """

    def __init__(self, env, recent):
        super().__init__(env)
        self.recent = recent

    def step(self, action):
        total, seen = 0., []
        for _ in range(REPEAT):
            frame, reward, done, info = self.env.step(action)
            total += reward
            seen = seen[-1:] + [frame]
            if done:
                break
        return np.maximum(seen[0], seen[-1]), total, done, info

    def reset(self, **arguments):
        self.env.reset(**arguments)
        return np.maximum(self.recent.frames[0], self.recent.frames[-1])


class _Grey(gym.ObservationWrapper):
    """Frames in grey, `[size, size, 1]`; baselines 0.1.5 has 84 alone."""

    def __init__(self, env, size):
        super().__init__(env)
        self.size = size
        self.observation_space = gym.spaces.Box(0, 255, (size, size, 1), np.uint8)

    def observation(self, frame):
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        return cv2.resize(grey, (self.size, self.size), interpolation=cv2.INTER_AREA)[:, :, np.newaxis]


def wrapped(env, environment):
    """gym's `*NoFrameskip-v4` with no-ops, repeated actions, grey frames, stacked.

    Rewards are the game's own: who learns clips them, scores never are.
    """
    from baselines.common.atari_wrappers import FrameStack, NoopResetEnv
    # Without gym's limit of 400,000 frames; ours counts actions.
    recent = _LastTwo(env.unwrapped)
    env = _RepeatAndMax(NoopResetEnv(recent, noop_max=NOOPS), recent)
    return FrameStack(_Grey(env, environment.frame_size), environment.frames)
