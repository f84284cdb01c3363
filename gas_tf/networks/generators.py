"""Generators of images, and the bank that runs several of them at once."""

import tensorflow.compat.v1 as tf

from gas_tf.networks.layers import (batch_normalisation, transposed_convolution,
                                    upsampling_kernel)
from ppo.network import Network, constant, normal, uniform_fan_in

IMAGE = (32, 32, 1)  # height, width, channels; two doublings of the first map


def squash(x, output):
    """`tanh` or `linear`: the last step before the image's own scale."""
    return tf.tanh(x) if output == 'tanh' else x


def in_range(x, pixel_range):
    """tanh, stretched to (lowest, highest)."""
    low, high = pixel_range
    return low + (high - low) * 0.5 * (tf.tanh(x) + 1.)


class Generator(Network):
    """A network of noise.

    Attributes:
      couples_examples: whether what is drawn from one noise vector depends on
        the others of the batch.
    """

    couples_examples = True

    def _layer(self, name, shape, outputs, fan_in, stddev):
        """The kernel of `shape` and the bias of `outputs` numbers.

        stddev: of the first weights, biases zero; 0: U(±1/√fan_in) for both.
        """
        law = normal(stddev) if stddev else uniform_fan_in(fan_in)
        bias_law = constant(0.) if stddev else law
        return (self.add_variable(name + '/kernel', shape, law),
                self.add_variable(name + '/bias', [outputs], bias_law))


class DCGAN(Generator):
    """dense → small map → transposed 5×5 → transposed 5×5, no batch-norm.

    The literal reading of the paper (section 4.3 and table 4).

    Args:
      name: variable scope.
      noise_size: length of z.
      widths: channels of the map at a quarter of the image's sides, and of
        that at half of them.
      image: (height, width, channels), both sides multiples of 4.
      output: 'tanh' or 'pixels' (both: tanh, mapped to the range of
        normalised pixels), or 'linear'.
      pixel_range: (lowest, highest) value of a normalised pixel.
      stddev: of the first weights; 0 for U(±1/√fan_in).
    """

    def __init__(self, name, noise_size=100, widths=(128, 64), image=IMAGE,
                 output='tanh', pixel_range=(-1., 1.), stddev=0.02):
        super().__init__(name)
        first, second = widths
        height, width, channels = image
        self.small = [height // 4, width // 4, first]
        self.output, self.pixel_range = output, pixel_range
        units = self.small[0] * self.small[1] * first
        self.layers = [
            self._layer('dense', [noise_size, units], units, noise_size, stddev),
            # An output pixel sees a quarter of the 5×5 taps, on average.
            self._layer('deconv1', [5, 5, second, first], second,
                        25 * first // 4, stddev),
            self._layer('deconv2', [5, 5, channels, second], channels,
                        25 * second // 4, stddev)]

    def __call__(self, noise):
        """Images `[b, *image]` from noise `[b, noise_size]`."""
        (kernel, bias), (kernel1, bias1), (kernel2, bias2) = self.layers
        x = tf.nn.relu(tf.matmul(noise, kernel) + bias)
        x = tf.reshape(x, [-1] + self.small)
        x = tf.nn.relu(transposed_convolution(x, kernel1) + bias1)
        x = transposed_convolution(x, kernel2) + bias2
        return x if self.output == 'linear' else in_range(x, self.pixel_range)


class DAFLGenerator(Generator):
    """DAFL's generator: nearest ×2 and 3×3 convolutions with batch-norm.

    With three widths it is DAFL's own (1,049,985 parameters at (128, 128, 64)
    and z of 100): dense → BN → ×2 conv → BN → leaky → ×2 conv → BN → leaky →
    conv → tanh → BN without weights.  With two widths the second doubling's
    convolution draws the image itself, and the first map is rectified too.
    Batch statistics always: there is no other mode.

    DAFL's images have mean 0 and variance 1, as normalised ones have, but any
    range.  With output 'pixels' the last batch-norm has weights, comes before
    the tanh, and the range is that of normalised pixels.

    Args:
      name: variable scope.
      noise_size: length of z.
      widths: channels of the map at a quarter of the image's sides, of that
        at half of them and, with three, of that of the image's size.
      image: (height, width, channels), both sides multiples of 4.
      output: 'tanh' or 'linear', before the last normalisation, or 'pixels'.
      pixel_range: (lowest, highest) value of a normalised pixel, for 'pixels'.
      leak: slope of the rectifier below zero.
      epsilon: of the batch-norms between convolutions.  DAFL's is 0.8, which
        its code passed in the place of another argument.
      stddev: of the first weights; 0 for U(±1/√fan_in), DAFL's.
    """

    EPSILON = 1e-5  # of the first and the last batch-norm

    def __init__(self, name, noise_size=100, widths=(128, 128, 64), image=IMAGE,
                 output='tanh', leak=0.2, epsilon=0.8, stddev=0.,
                 pixel_range=(-1., 1.)):
        super().__init__(name)
        self.widths, self.output = tuple(widths), output
        self.pixel_range = pixel_range
        self.leak, self.epsilon = leak, epsilon
        height, width, channels = image
        self.small = [height // 4, width // 4, widths[0]]
        units = self.small[0] * self.small[1] * widths[0]
        self.dense = self._layer('dense', [noise_size, units], units, noise_size, stddev)
        self.norms = [
            (self.add_variable('bn%d/scale' % i, [w], constant(1.)),
             self.add_variable('bn%d/offset' % i, [w], constant(0.)))
            for i, w in enumerate(
                tuple(widths) + ((channels,) if output == 'pixels' else ()))]
        sizes = tuple(widths) + (channels,)
        self.convolutions = [
            self._layer('conv%d' % (i + 1), [3, 3, sizes[i], sizes[i + 1]],
                        sizes[i + 1], 9 * sizes[i], stddev)
            for i in range(len(widths))]

    def _rectified(self, x):
        return tf.nn.leaky_relu(x, self.leak) if self.leak else tf.nn.relu(x)

    def _normalised(self, x, index):
        epsilon = self.epsilon if index else self.EPSILON
        return batch_normalisation(x, epsilon, *self.norms[index])

    def __call__(self, noise):
        """Images `[b, *image]` from noise `[b, noise_size]`."""
        kernel, bias = self.dense
        x = tf.matmul(noise, kernel) + bias
        x = tf.reshape(x, [-1] + self.small)
        x = self._normalised(x, 0)
        if len(self.widths) == 2:
            x = self._rectified(x)
        for index in (1, 2):
            kernel, bias = self.convolutions[index - 1]
            x = transposed_convolution(x, upsampling_kernel(kernel)) + bias
            if index < len(self.widths):
                x = self._rectified(self._normalised(x, index))
        if len(self.widths) == 3:
            kernel, bias = self.convolutions[2]
            x = tf.nn.conv2d(x, kernel, 1, 'SAME') + bias
        if self.output == 'pixels':
            return in_range(
                batch_normalisation(x, self.EPSILON, *self.norms[-1]),
                self.pixel_range)
        return batch_normalisation(squash(x, self.output), self.EPSILON)


class GeneratorBank:
    """G generators that share one batch of noise and draw side by side.

    Args:
      generators: list of `Network`, each a function of noise.
    """

    def __init__(self, generators):
        self.generators = generators

    @property
    def variables(self):
        """The variables of all generators."""
        return [v for g in self.generators for v in g.variables]

    def initial_values(self, seed, draw=0):
        """First values of all generators, each drawn apart."""
        values = {}
        for generator in self.generators:
            values.update(generator.initial_values(seed, draw))
        return values

    def __call__(self, noise, parts=1):
        """Sub-batches of inputs, generator by generator.

        Args:
          noise: `[b, noise_size]`, b a multiple of the number of generators.
          parts: how many sub-batches each generator's slice is cut in.

        Returns:
          list of `[b / G / parts, ...]`; concatenated, they are the batch.
        """
        drawn = []
        for generator, z in zip(self.generators, tf.split(
                noise, len(self.generators), axis=0)):
            if parts == 1:
                drawn.append(generator(z))
            elif generator.couples_examples:
                drawn += tf.split(generator(z), parts, axis=0)
            else:
                drawn += [generator(part) for part in tf.split(z, parts, axis=0)]
        return drawn
