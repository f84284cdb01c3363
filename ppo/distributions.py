"""The output distributions of teachers and students.

A distribution wraps the raw output of a network for a batch and offers the
few quantities that the objectives need.  Everything is computed from
log-probabilities, so that logits 150 apart give finite losses and gradients,
and without the fused cross-entropy op, whose GPU kernel does not repeat.
"""

import numpy as np
import tensorflow.compat.v1 as tf


class Categorical:
    """Class or action probabilities for a batch.

    Args:
      logits: float tensor `[B, K]`, unnormalised log-probabilities.
    """

    def __init__(self, logits):
        self.logits = logits
        self.log_probs = tf.nn.log_softmax(logits)

    @property
    def probs(self):
        """Probabilities, `[B, K]`."""
        return tf.exp(self.log_probs)

    def entropy(self):
        """Entropy of each distribution in nats, `[B]`."""
        return -tf.reduce_sum(self.probs * self.log_probs, axis=1)

    def kl(self, other):
        """KL(self ‖ other) of each pair in nats, `[B]`."""
        return tf.reduce_sum(
            self.probs * (self.log_probs - other.log_probs), axis=1)

    def mode(self):
        """The likeliest class, int `[B]`."""
        return tf.argmax(self.logits, axis=1, output_type=tf.int32)

    @staticmethod
    def log_mixture(parts):
        """Log of the mean distribution over all rows of several batches, `[K]`.

        `log p̄ = logsumexp_b(log p_b) - log B`: each batch is reduced apart and
        the batches are joined in their order, so the result does not depend on
        which was ready first.
        """
        rows = sum(int(part.logits.shape[0]) for part in parts)
        partial = tf.stack(
            [tf.reduce_logsumexp(part.log_probs, axis=0) for part in parts])
        return tf.reduce_logsumexp(partial, axis=0) - np.float32(np.log(rows))

    @classmethod
    def mixture_entropy(cls, parts):
        """H(E[p]) in nats over all rows of several batches, a scalar."""
        log_mean = cls.log_mixture(parts)
        return -tf.reduce_sum(tf.exp(log_mean) * log_mean)
