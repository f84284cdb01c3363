"""Policies: a body, a head for the distribution of actions, a head for the value."""

from collections import namedtuple

import numpy as np
import tensorflow.compat.v1 as tf

from ppo.distributions import Categorical, DiagGaussian
from ppo.network import Network, Outputs, affine, constant, orthogonal
from runs.errors import UserError

#: distribution: of the actions for each observation; value: float `[B]`, in the game's own units.
Answer = namedtuple('Answer', 'distribution value')

#: Kernel and stride of the three convolutions of Green et al., table 1 (the
#: printed stride of 3 in its medium row is a typo for 2: the printed number of
#: weights is that of 2).
CONVOLUTIONS = ((8, 4), (4, 2), (3, 1))


class Policy(Network):
    """Normalised observations to the distribution of actions.

    Args:
      name: variable scope.
      model: `experiments.Model`: body, widths.
      shape: of one observation.
      actions: `spaces.Actions`.

    Raises:
      UserError: the body takes other widths, or larger frames.
    """

    def __init__(self, name, model, shape, actions):
        super().__init__(name)
        self.model, self.shape, self.actions = model, tuple(shape), actions
        self.body = self._body('policy/')
        # A first policy that hardly depends on the observation (baselines).
        self.head = self.dense('policy/head', self.body.size, actions.size, 0.01)
        if actions.kind == 'gaussian':
            self.log_std = self.add_variable('policy/log_std', [actions.size], constant(model.log_std))

    def _body(self, prefix):
        body = {'mlp': MLP, 'impala': Impala, 'nature': Nature}[self.model.body]
        return body(self, prefix, self.model, self.shape)

    def dense(self, name, inputs, outputs, gain):
        """(kernel, bias) of a dense layer."""
        return (self.add_variable(name + '/kernel', [inputs, outputs], orthogonal(gain)),
                self.add_variable(name + '/bias', [outputs], constant(0.)))

    def convolution(self, name, kernel, inputs, outputs, gain):
        """(kernel, bias) of a square convolution."""
        return (self.add_variable(name + '/kernel', [kernel, kernel, inputs, outputs], orthogonal(gain)),
                self.add_variable(name + '/bias', [outputs], constant(0.)))

    def __call__(self, observations):
        """`network.Outputs` for normalised observations `[B, ...]`."""
        hidden = self.body(observations)
        output = affine(hidden, *self.head)
        if self.actions.kind == 'categorical':
            return Outputs(Categorical(output), hidden)
        return Outputs(DiagGaussian(output, self.log_std), hidden)


class ActorCritic(Policy):
    """A policy with its value function, which has a body of its own or the policy's.

    The value is `value_mean` + `value_std` · the head's output: the head learns
    standardised returns, and what is answered is in the game's own units.

    Args:
      as of `Policy`, of the model its value_network too.

    Raises:
      UserError: the body takes other widths, or larger frames.

    Attributes:
      trained: what gradients change, in groups that share no variable's
        gradient; `variables` without the two moments.
    """

    def __init__(self, name, model, shape, actions):
        super().__init__(name, model, shape, actions)
        policy = list(self.variables)
        self.value_body = self._body('value/') if model.value_network == 'separate' else None
        self.value_head = self.dense('value/head', (self.value_body or self.body).size, 1, 1.)
        value = self.variables[len(policy):]
        self.trained = [policy, value] if self.value_body else [policy + value]
        self.value_mean = self.add_variable('value/mean', [], constant(0.))
        self.value_std = self.add_variable('value/std', [], constant(1.))

    def __call__(self, observations):
        """`Answer` to normalised observations `[B, ...]`."""
        distribution, hidden = super().__call__(observations)
        if self.value_body:
            hidden = self.value_body(observations)
        standardised = tf.squeeze(affine(hidden, *self.value_head), axis=1)
        return Answer(distribution, self.value_mean + self.value_std * standardised)

    def rescaled(self, values, mean, std):
        """The values of head and moments under other moments, with the same answers as before.

        PopArt's output-preserving step (van Hasselt et al. 2016, proposition 1).

        Args:
          values: {variable name: array} of `head_and_moments`.
        """
        kernel, bias, old_mean, old_std = [
            np.asarray(values[v.op.name], np.float64) for v in self.head_and_moments]
        found = kernel * old_std / std, (bias * old_std + old_mean - mean) / std, mean, std
        return {v.op.name: np.asarray(array, np.float32) for v, array in zip(self.head_and_moments, found)}

    @property
    def head_and_moments(self):
        """The value head's kernel and bias, then the mean and the deviation."""
        return list(self.value_head) + [self.value_mean, self.value_std]


class MLP:
    """Dense layers with tanh, as baselines has them: observations `[B, ...]` to `[B, size]`."""

    def __init__(self, owner, prefix, model, shape):
        sizes = (int(np.prod(shape)),) + tuple(model.widths)
        self.layers = [owner.dense('%sdense%d' % (prefix, i + 1), sizes[i], sizes[i + 1], np.sqrt(2.))
                       for i in range(len(model.widths))]
        self.size = sizes[-1]

    def __call__(self, x):
        x = _flat(x)
        for layer in self.layers:
            x = tf.tanh(affine(x, *layer))
        return x


class Nature:
    """Three convolutions and a dense layer, VALID padding, ReLU (Green et al., table 1).

    Frames `[B, height, width, n]` to `[B, size]`.  `widths`: channels of the
    convolutions and units of the dense layer; there (32, 64, 64, 512), (16, 32,
    32, 256) and (8, 16, 16, 128).
    """

    def __init__(self, owner, prefix, model, shape):
        sides, channels, units = np.array(shape[:2]), shape[2], _four(model)[-1]
        self.layers = []
        for i, (filters, (kernel, stride)) in enumerate(zip(model.widths, CONVOLUTIONS)):
            if min(sides) < kernel:
                raise UserError('frames of %d x %d are too small for model.body nature' % shape[:2])
            self.layers.append((owner.convolution(
                '%sconv%d' % (prefix, i + 1), kernel, channels, filters, np.sqrt(2.)), stride))
            sides, channels = (sides - kernel) // stride + 1, filters
        self.dense = owner.dense(prefix + 'dense', int(np.prod(sides)) * channels, units, np.sqrt(2.))
        self.size = units

    def __call__(self, x):
        for (kernel, bias), stride in self.layers:
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, stride, 'VALID') + bias)
        return tf.nn.relu(affine(_flat(x), *self.dense))


class Impala:
    """Espeholt et al. 2018, figure 3, the large network without its LSTM.

    Three stages of a 3×3 convolution, a 3×3 max-pool of stride 2 and two
    residual blocks; then ReLU, 256 units, ReLU: frames `[B, height, width, n]` to
    `[B, size]`.  `widths`: channels of the three stages and the units, (16, 32,
    32, 256) in the paper.
    """

    def __init__(self, owner, prefix, model, shape):
        side, channels = np.array(shape[:2]), shape[2]
        self.stages = []
        for i, filters in enumerate(_four(model)[:-1]):
            name = '%sstage%d/' % (prefix, i + 1)
            first = owner.convolution(name + 'conv', 3, channels, filters, np.sqrt(2.))
            blocks = [[owner.convolution('%sblock%d/conv%d' % (name, b + 1, c + 1), 3, filters, filters, np.sqrt(2.))
                       for c in range(2)] for b in range(2)]
            self.stages.append((first, blocks))
            side, channels = -(-side // 2), filters
        self.dense = owner.dense(prefix + 'dense', int(np.prod(side)) * channels, model.widths[-1], np.sqrt(2.))
        self.size = model.widths[-1]

    def __call__(self, x):
        for first, blocks in self.stages:
            x = tf.nn.max_pool2d(_same(x, first), 3, 2, 'SAME')
            for one, two in blocks:
                x += _same(tf.nn.relu(_same(tf.nn.relu(x), one)), two)
        return tf.nn.relu(affine(_flat(tf.nn.relu(x)), *self.dense))


def _four(model):
    """The widths of three convolutions, or stages, and a dense layer."""
    if len(model.widths) != 4:
        raise UserError('model.widths has %d numbers: model.body %s takes four' % (len(model.widths), model.body))
    return model.widths


def _same(x, layer):
    kernel, bias = layer
    return tf.nn.conv2d(x, kernel, 1, 'SAME') + bias


def _flat(x):
    return tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])
