"""LeNet-5 in the shape that DAFL and the paper use, at any width."""

import tensorflow.compat.v1 as tf

from gas_tf.networks.layers import convolution_relu_pool, plain_convolution_relu_pool
from ppo.distributions import Categorical
from ppo.network import Network, Outputs, uniform_fan_in


class LeNet(Network):
    """conv5 → ReLU → pool → conv5 → ReLU → pool → conv5 → ReLU → dense → ReLU → dense.

    VALID padding on 32×32 inputs.  The third convolution covers its whole 5×5
    input, so it is computed as the matrix product that it is.

    Args:
      name: variable scope.
      widths: filters of the three convolutions, units of the dense layer.
      channels: of the image.
      classes: number of logits.
      plain: whether by TensorFlow's own operations alone, whose gradients go
        with a file; slower.
    """

    def __init__(self, name, widths, channels=1, classes=10, plain=False):
        super().__init__(name)
        self._pooled = plain_convolution_relu_pool if plain else convolution_relu_pool
        sizes = (channels,) + tuple(widths[:3])
        self.convolutions = [
            self._layer('conv%d' % (i + 1), [5, 5, sizes[i], sizes[i + 1]])
            for i in range(3)]
        self.dense = [self._layer('dense1', [widths[2], widths[3]]),
                      self._layer('dense2', [widths[3], classes])]

    def _layer(self, name, shape):
        fan_in = 1
        for size in shape[:-1]:
            fan_in *= size
        law = uniform_fan_in(fan_in)
        return (self.add_variable(name + '/kernel', shape, law),
                self.add_variable(name + '/bias', shape[-1:], law))

    def __call__(self, images, dropout=None):
        """Builds the network on a batch.

        Args:
          images: `[b, 32, 32, channels]`, normalised.
          dropout: None, or a function of (tensor, layer index) that drops
            units of a hidden layer, after its pooling (training a teacher).

        Returns:
          `Outputs`.
        """
        dropout = dropout or (lambda x, layer: x)
        x = images
        for layer, (kernel, bias) in enumerate(self.convolutions[:2]):
            x = dropout(self._pooled(x, kernel, bias), layer)
        kernel, bias = self.convolutions[2]
        x = tf.reshape(x, [-1, 25 * int(kernel.shape[2])])
        kernel = tf.reshape(kernel, [-1, int(kernel.shape[3])])
        features = tf.nn.relu(tf.matmul(x, kernel) + bias)
        (kernel, bias), (last_kernel, last_bias) = self.dense
        x = dropout(features, 2)
        x = dropout(tf.nn.relu(tf.matmul(x, kernel) + bias), 3)
        logits = tf.matmul(x, last_kernel) + last_bias
        return Outputs(Categorical(logits), features)
