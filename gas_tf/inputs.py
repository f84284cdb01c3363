"""Where the student's inputs come from: generators, real images, or noise.

A source gives the batch of a step as a list of sub-batches.  Each sub-batch
goes through teacher and student as a tower of its own, so that towers, not
threads inside an op, fill the cores: the bits do not depend on how many.
"""

import tensorflow.compat.v1 as tf

from runs import determinism
from runs.errors import UserError

TOWERS = 8


def towers(batch_size):
    """How many sub-batches a batch without generators is cut in."""
    return next(n for n in range(TOWERS, 0, -1) if batch_size % n == 0)


class Generated:
    """g(z), z ~ U(−1, 1), from a bank of generators (algorithm 1)."""

    def __init__(self, bank, seed, batch_size, noise_size):
        self.bank, self.seed = bank, seed
        self.shape = [batch_size, noise_size]

    def noise(self, stream, step):
        """z of one step of a stream, `[batch_size, noise_size]`."""
        return tf.random.stateless_uniform(
            self.shape, determinism.stateless_seed(self.seed, stream, step),
            -1., 1.)

    def sub_batches(self, stream, step):
        """Lists of inputs, one per generator; fresh noise for every step."""
        return self.bank(self.noise(stream, step))

    def feed(self, step):
        return {}


class Noise:
    """Pixels from N(0, 1): what the teacher's normalised inputs share with
    nothing but mean and variance."""

    bank = None

    def __init__(self, seed, batch_size, image_shape):
        self.seed = seed
        self.shape = [batch_size] + list(image_shape)

    def sub_batches(self, stream, step):
        images = tf.random.stateless_normal(
            self.shape, determinism.stateless_seed(self.seed, stream, step))
        return tf.split(images, towers(self.shape[0]), axis=0)

    def feed(self, step):
        return {}


class Real:
    """The real training images in epochs, each shuffled by (seed, epoch)."""

    bank = None

    def __init__(self, seed, batch_size, images):
        if not 0 < batch_size <= len(images):
            raise UserError('a batch of %d cannot be drawn from %d training '
                            'images: give a smaller batch_size'
                            % (batch_size, len(images)))
        self.seed, self.batch_size, self.images = seed, batch_size, images
        self._placeholder = tf.placeholder(
            tf.float32, [batch_size] + list(images.shape[1:]))
        self._epoch, self._order = None, None

    def sub_batches(self, stream, step):
        return tf.split(self._placeholder, towers(self.batch_size), axis=0)

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

    def feed(self, step):
        return {self._placeholder: self.images[self.indices(step)]}
