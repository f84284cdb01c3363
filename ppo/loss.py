"""Proximal policy optimisation's losses as pure functions (Schulman et al. 2017).

Each returns one value per example, `[B]`.
"""

import tensorflow.compat.v1 as tf


def clipped_surrogate(log_probs, old_log_probs, advantages, clip):
    """−L^CLIP, equation 7: what the policy minimises.

    Args:
      log_probs: float `[B]`, of the taken actions under the policy.
      old_log_probs: float `[B]`, when they were taken.
      advantages: float `[B]`.
      clip: ε, how far the ratio may move from 1 and still be rewarded.

    Returns:
      float `[B]`; no gradient where the ratio has left the clip on the side
      that the advantage favours.
    """
    ratio = tf.exp(log_probs - old_log_probs)
    clipped = tf.clip_by_value(ratio, 1. - clip, 1. + clip)
    return -tf.minimum(ratio * advantages, clipped * advantages)


def value_error(values, returns):
    """Half the squared error of values `[B]` from returns `[B]`: `[B]`."""
    return 0.5 * tf.square(values - returns)


def standardised(advantages, epsilon=1e-8):
    """Advantages `[n]` (NumPy) with mean 0 and standard deviation 1."""
    return (advantages - advantages.mean()) / (advantages.std() + epsilon)
