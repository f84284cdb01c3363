"""Generators of vectors."""

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf.networks.generators import Generator
from gas_tf.networks.layers import batch_normalisation
from ppo.network import affine


class MLPGenerator(Generator):
    """noise → dense → ReLU → dense: normalised observations (section 4.3).

    Args:
      name: variable scope.
      size: numbers of an observation.
      noise_size: length of z.
      hidden: units of the hidden layer.
      standardised: whether every dimension gets mean 0 and variance 1 over
        the batch, which is what the teacher's normaliser aims at.
      zero: None, or bool `[size]`: dimensions that are 0.
      first_rms: root mean square of what a new generator draws, by normal
        weights and biases of zero; 0: weights and biases are U(±1/√fan_in),
        which draw about 0.14.
    """

    EPSILON = 1e-5  # of the standardisation

    def __init__(self, name, size, noise_size=100, hidden=256, standardised=False, zero=None,
                 first_rms=0.):
        super().__init__(name)
        self._live = None if zero is None else np.float32(~zero)
        self.standardised = self.couples_examples = standardised
        # Noise of variance 1/3 becomes variance 1 before the ReLU, which leaves a mean square of 1/2.
        first = (3. / noise_size) ** .5 if first_rms else 0.
        second = first_rms * (2. / hidden) ** .5
        self.layers = [
            self._layer('dense1', [noise_size, hidden], hidden, noise_size, first),
            self._layer('dense2', [hidden, size], size, hidden, second)]

    def __call__(self, noise):
        """Observations `[b, size]` from noise `[b, noise_size]`."""
        first, second = self.layers
        x = affine(tf.nn.relu(affine(noise, *first)), *second)
        if self.standardised:
            x = batch_normalisation(x, self.EPSILON)
        return x if self._live is None else x * self._live
