"""The output distributions of teachers and students.

A distribution wraps the raw output of a network for a batch and offers the
few quantities that the objectives need.  Everything is computed from
log-probabilities, so that logits 150 apart give finite losses and gradients,
and without the fused cross-entropy op, whose GPU kernel does not repeat.
Samples are functions of a stateless seed (`runs.determinism`).
"""

import math

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

    def log_prob(self, actions):
        """Log-probability of each action, `[B]`; actions: int `[B]`."""
        chosen = tf.one_hot(actions, int(self.logits.shape[1]))
        # A class of probability zero is -inf, and 0 · -inf no number.
        return tf.reduce_sum(
            tf.where(chosen > 0, self.log_probs, tf.zeros_like(chosen)), axis=1)

    def sample(self, seed):
        """An action for each row, int32 `[B]`: the argmax under Gumbel noise.

        Args:
          seed: int64 `[2]`, `determinism.stateless_seed`.
        """
        uniform = tf.random.stateless_uniform(
            tf.shape(self.logits), seed, np.finfo(np.float32).tiny, 1.)
        return tf.argmax(self.logits - tf.log(-tf.log(uniform)), axis=1,
                         output_type=tf.int32)

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


class DiagGaussian:
    """Independent normal distributions over the numbers of an action.

    Args:
      mean: float `[B, d]`.
      log_std: float `[B, d]`, or `[d]` for a policy whose deviation does not
        depend on its input.
    """

    def __init__(self, mean, log_std):
        self.mean = mean
        self.log_std = log_std + tf.zeros_like(mean)
        # [d] where all rows have one deviation, else None.
        self.shared_log_std = log_std if log_std.shape.rank == 1 else None

    def entropy(self):
        """Differential entropy of each distribution in nats, `[B]`."""
        return tf.reduce_sum(
            self.log_std + 0.5 * math.log(2. * math.pi * math.e), axis=1)

    def kl(self, other):
        """KL(self ‖ other) of each pair in nats, `[B]`."""
        ratio = tf.exp(2. * (self.log_std - other.log_std))
        distance = (self.mean - other.mean) * tf.exp(-other.log_std)
        return tf.reduce_sum(
            other.log_std - self.log_std
            + 0.5 * (ratio + tf.square(distance) - 1.), axis=1)

    def log_prob(self, actions):
        """Log-density of each action `[B, d]`, `[B]`."""
        distance = (actions - self.mean) * tf.exp(-self.log_std)
        return -tf.reduce_sum(
            0.5 * tf.square(distance) + self.log_std
            + 0.5 * math.log(2. * math.pi), axis=1)

    def mode(self):
        """The likeliest action, `[B, d]`: the mean."""
        return self.mean

    def sample(self, seed):
        """An action for each row, `[B, d]`.

        Args:
          seed: int64 `[2]`, `determinism.stateless_seed`.
        """
        noise = tf.random.stateless_normal(tf.shape(self.mean), seed)
        return self.mean + tf.exp(self.log_std) * noise

    @classmethod
    def mixture_entropy(cls, parts):
        """Lower bound of the entropy of the mean distribution, in nats, a scalar.

        parts: list of `DiagGaussian`, `[b_i, d]`, of one policy; its deviation is
          that of all rows or of none.

        Equation 5, Huber et al. 2008, over all b rows of several batches:
        `−1/b Σ_i log 1/b Σ_j N(μ_i; μ_j, C_i + C_j)`, in log space.

        Takes O(b² d) operations.  Where all rows have one deviation, memory is
        about six b×b matrices, 7 MiB at b = 512.  Else each of the d dimensions keeps
        about seven for the gradient: 120 MiB at b = 512, d = 17.
        """
        mean = tf.concat([part.mean for part in parts], axis=0)
        rows = int(mean.shape[0])
        shared = parts[0].shared_log_std
        if shared is not None:
            # |a − b|² = |a|² + |b|² − 2 a·b loses digits where deviations are
            # small, hence double precision and no more length than there is.
            scaled = tf.cast(mean, tf.float64) * tf.exp(-tf.cast(shared, tf.float64))
            scaled -= tf.stop_gradient(tf.reduce_mean(scaled, axis=0))
            return (math.log(rows) - _mean_log_overlap(scaled, [int(part.mean.shape[0]) for part in parts])
                    + tf.reduce_sum(shared + 0.5 * math.log(4. * math.pi)))
        log_density = cls._pairs(mean, tf.concat(
            [part.log_std for part in parts], axis=0))
        return math.log(rows) - tf.reduce_mean(
            tf.reduce_logsumexp(log_density, axis=1))

    @staticmethod
    def _pairs(mean, log_std):
        """log N(μ_i; μ_j, C_i + C_j), `[b, b]`, one dimension after the other."""
        terms = []
        for m, s in zip(tf.unstack(mean, axis=1), tf.unstack(log_std, axis=1)):
            # log(C_i + C_j), whatever their sizes; |·| shares the gradient of equal ones, where a maximum
            # gives it to one of them.
            apart = tf.abs(s[:, tf.newaxis] - s)
            total = s[:, tf.newaxis] + s + apart + tf.log1p(tf.exp(-2. * apart))
            terms.append(tf.square((m[:, tf.newaxis] - m) * tf.exp(-0.5 * total)) + total)
        return -0.5 * (tf.add_n(terms) + len(terms) * math.log(2. * math.pi))


def _mean_log_overlap(x, blocks):
    """mean_i log Σ_j exp(−¼ |x_i − x_j|²), float32, for float64 x `[b, d]`.

    No exponent is above 0 and the diagonal's is 0, so nothing need be taken out
    of the sum; they are kept so where x is so long that its squares' rounding
    is larger than 1.  The gradient by x_i, −1/2b Σ_j (P_ij + P_ji)(x_i − x_j) with P
    the shares of each row's sum, takes products of the b×b matrix with thin
    ones; automatic differentiation takes a dozen passes over such matrices.

    blocks: of how many columns each part of the matrix is; parts are computed
    side by side.
    """
    rows, size = x.shape.as_list()
    fixed = tf.stop_gradient(x)
    squares = -0.25 * tf.reduce_sum(tf.square(fixed), axis=1, keepdims=True)
    ones = tf.ones_like(squares)
    left = tf.concat([0.5 * fixed, squares, ones], axis=1)
    right = tf.concat([fixed, ones, squares], axis=1)
    others = []  # without the diagonal, on which x_i − x_i would be a rounded zero
    for mask, columns in zip(np.split(1 - np.eye(rows, dtype=np.float32), np.cumsum(blocks)[:-1], axis=1),
                             tf.split(right, blocks)):
        exponents = tf.cast(tf.matmul(left, columns, transpose_b=True), tf.float32)
        others.append(tf.exp(tf.minimum(exponents, 0.)) * mask)
    # The matrix is symmetric: its columns' sums are its rows', and what is
    # multiplied from the left need not be from the right, with few columns and slow.
    row = tf.concat([tf.reduce_sum(part, axis=0) for part in others], axis=0)[:, tf.newaxis]
    sums = 1. + row
    y, share = tf.cast(fixed, tf.float32), 1. / sums
    thin = tf.concat([y, y * share, share], axis=1)
    found = tf.transpose(tf.concat([tf.matmul(thin, part, transpose_a=True) for part in others], axis=1))
    by_row, by_column, column = tf.split(found, [size, size, 1], axis=1)
    slope = -0.5 / rows * ((row * share + column) * y - by_row * share - by_column)
    # Adds zero, and the gradient.
    linear = tf.reduce_sum(slope * tf.cast(x, tf.float32))
    return tf.reduce_mean(tf.log(sums)) + (linear - tf.stop_gradient(linear))
