"""Running mean and deviation: of the observations, part of a policy's parameters, and of the returns."""

import numpy as np
import tensorflow.compat.v1 as tf

CLIP = 10.  # standard deviations, baselines' habit
EPSILON = 1e-8  # added to the variance, as in baselines
COUNT = 1e-4  # observations that the first mean, 0, and variance, 1, stand for


class Normalizer:
    """What is learnt from the observations; baselines' RunningMeanStd.

    The optimiser updates it and publishes `parameters` together with the
    weights of the same version.

    Args:
      shape: of one observation.
    """

    def __init__(self, shape):
        from baselines.common.running_mean_std import RunningMeanStd
        self.running = RunningMeanStd(epsilon=COUNT, shape=tuple(shape))

    def update(self, observations):
        """Takes in observations `[n, ...]`."""
        self.running.update(np.asarray(observations, np.float64))

    def parameters(self):
        """{'normalizer/mean', 'normalizer/std'}: float32, of one observation's shape."""
        return {'normalizer/mean': self.running.mean.astype(np.float32),
                'normalizer/std': np.sqrt(self.running.var + EPSILON).astype(np.float32)}

    def values(self):
        """The whole state: {name: array}, float64."""
        return _values(self.running, 'normalizer/')

    def load(self, values):
        """Continues from `values`."""
        _load(self.running, 'normalizer/', values)


class Returns:
    """Running mean and deviation of the value function's targets, in the game's own units."""

    def __init__(self):
        from baselines.common.running_mean_std import RunningMeanStd
        self.running = RunningMeanStd(epsilon=COUNT)

    def update(self, returns):
        """Takes in returns `[n]`."""
        self.running.update(np.asarray(returns, np.float64))

    @property
    def moments(self):
        """(mean, std)."""
        return float(self.running.mean), float(np.sqrt(self.running.var + EPSILON))

    def values(self):
        """The whole state: {name: array}, float64."""
        return _values(self.running, 'returns/')

    def load(self, values):
        """Continues from `values`."""
        _load(self.running, 'returns/', values)


def _values(running, prefix):
    return {prefix + 'running_mean': np.array(running.mean), prefix + 'running_variance': np.array(running.var),
            prefix + 'count': np.float64(running.count)}


def _load(running, prefix, values):
    running.mean = np.array(values[prefix + 'running_mean'], np.float64)
    running.var = np.array(values[prefix + 'running_variance'], np.float64)
    running.count = float(values[prefix + 'count'])


def constant(mean, std):
    """Which dimensions never varied, bool `[n]`, of a normaliser's mean and std `[n]`.

    Their variance is what is left of the first one, COUNT·(1 + mean²) over all
    observations: of ten thousand or more, less than EPSILON·(1 + mean²).
    """
    left = np.square(std, dtype=np.float64) - EPSILON
    return left < EPSILON * (1. + np.square(mean, dtype=np.float64))


def normalised(observations, mean, std):
    """Tensors `[b, ...]` as the networks want them, clipped to ±10."""
    return tf.clip_by_value((observations - mean) / std, -CLIP, CLIP)
