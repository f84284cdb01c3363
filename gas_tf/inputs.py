"""Where the student's inputs come from: generators, real images, or noise.

A source gives the batch of step + k as a list of sub-batches; several k of one
session call tell its updates apart.  Each sub-batch
goes through teacher and student as a tower of its own, so that towers, not
threads inside an op, fill the cores: the bits do not depend on how many.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf.moments import square_root
from runs import determinism
from runs.errors import UserError

TOWERS = 8


def towers(batch_size, most=TOWERS):
    """How many sub-batches a batch is cut in, at most."""
    return next(n for n in range(most, 0, -1) if batch_size % n == 0)


class Generated:
    """g(z), z ~ U(−1, 1), from a bank of generators (algorithm 1).

    most: how many sub-batches there may be.  joined: where there are more
    generators, whether they share them, which saves small networks the overhead
    of operations; else each has its own.
    """

    def __init__(self, bank, seed, batch_size, noise_size, most=1, joined=False):
        self.bank, self.seed = bank, seed
        self.shape = [batch_size, noise_size]
        count = len(bank.generators)
        self._parts = towers(batch_size // count, max(1, most // count))
        self._together = np.array_split(np.arange(count), most) if joined and count > most else None

    def noise(self, stream, step):
        """z of one step of a stream, `[batch_size, noise_size]`."""
        return tf.random.stateless_uniform(
            self.shape, determinism.stateless_seed(self.seed, stream, step),
            -1., 1.)

    def sub_batches(self, stream, step, k=0):
        """List of inputs `[b, ...]`, generator by generator; fresh noise for every step."""
        return self.drawn_from(self.noise(stream, step + k))

    def drawn_from(self, noise):
        """The sub-batches of inputs that the generators make of `noise`."""
        drawn = self.bank(noise, self._parts)
        if self._together is None:
            return drawn
        return [tf.concat([drawn[i] for i in generators], axis=0) for generators in self._together]

    def feed(self, step, count=1):
        """Nothing is fed."""
        return {}


class Noise:
    """Normal numbers, N(0, 1) as the teacher's normalised inputs are over its training.

    zero: bool, which numbers of an input are 0 instead.  moments: of inputs
    `[n]`, (mean `[n]`, covariance `[n, n]`) in the place of 0 and 1.
    """

    bank = None

    def __init__(self, seed, batch_size, shape, most=TOWERS, zero=None, moments=None):
        self.seed, self._zero = seed, zero
        self.shape = [batch_size] + list(shape)
        self._parts = towers(batch_size, most)
        self._moments = moments and (np.float32(moments[0]), square_root(moments[1]))

    def sub_batches(self, stream, step, k=0):
        """List of inputs `[b, ...]`, fresh for every step."""
        drawn = tf.random.stateless_normal(
            self.shape, determinism.stateless_seed(self.seed, stream, step + k))
        if self._moments is not None:
            mean, root = self._moments
            drawn = mean + tf.matmul(drawn, root)
        if self._zero is not None:
            drawn *= np.float32(~self._zero)
        return tf.split(drawn, self._parts, axis=0)

    def feed(self, step, count=1):
        """Nothing is fed."""
        return {}


class Real:
    """Real inputs `[n, ...]` in epochs, each shuffled by (seed, epoch).

    prepare: builds from a batch of them what the networks see.  Raises
    UserError where there are fewer than a batch.
    """

    bank = None

    def __init__(self, seed, batch_size, images, most=TOWERS, prepare=tf.identity):
        if not 0 < batch_size <= len(images):
            raise UserError('a batch of %d cannot be drawn from %d training '
                            'inputs: give a smaller batch_size'
                            % (batch_size, len(images)))
        self.seed, self.batch_size, self.images = seed, batch_size, images
        self._parts, self._prepare = towers(batch_size, most), prepare
        self._placeholder = tf.placeholder(
            images.dtype, [None, batch_size] + list(images.shape[1:]))
        self._epoch, self._order = None, None

    def sub_batches(self, stream, step, k=0):
        """List of inputs `[b, ...]`: those that `feed` gives."""
        return tf.split(self._prepare(self._placeholder[k]), self._parts, axis=0)

    def indices(self, step):
        """Positions of the images of one step, `[batch_size]`."""
        batches = len(self.images) // self.batch_size
        epoch, batch = divmod(step, batches)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = determinism.random_state(
                self.seed, 'real images', epoch).permutation(len(self.images))
        start = batch * self.batch_size
        return self._order[start:start + self.batch_size]

    def feed(self, step, count=1):
        """The images of `count` steps from `step` on."""
        return {self._placeholder: self.images[
            np.stack([self.indices(step + k) for k in range(count)])]}
