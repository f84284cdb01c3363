"""What every network is: named variables, each with a law for its first value."""

from collections import namedtuple

import numpy as np
import tensorflow.compat.v1 as tf

from runs import determinism

#: distribution: of `distributions`, for each input of a batch; features `[b, F]`:
#: the last hidden layer, the h_t of GAS's equation 3.
Outputs = namedtuple('Outputs', 'distribution features')


def uniform_fan_in(fan_in):
    """U(-1/√fan_in, 1/√fan_in): PyTorch's default, used by DAFL's networks."""
    bound = 1. / np.sqrt(fan_in)
    return lambda random, shape: random.uniform(-bound, bound, shape)


def normal(stddev):
    """N(0, stddev²), as DCGAN starts its weights."""
    return lambda random, shape: stddev * random.randn(*shape)


def constant(value):
    """The same value everywhere."""
    return lambda random, shape: np.full(shape, value)


def orthogonal(gain):
    """gain times a matrix with orthonormal rows or columns, as baselines starts its policies."""
    def law(random, shape):
        flat = (int(np.prod(shape[:-1])), shape[-1])
        u, _, v = np.linalg.svd(random.randn(*flat), full_matrices=False)
        return gain * (u if u.shape == flat else v).reshape(shape)
    return law


def affine(x, kernel, bias):
    """x · kernel + bias, `[b, n]`, for x `[b, m]` and kernel `[m, n]`.

    Where n < m the gradient by the kernel is computed transposed: products with
    few columns leave most of the processor's lanes empty.
    """
    thin = int(kernel.shape[1]) < int(kernel.shape[0])
    with tf.get_default_graph().gradient_override_map({'MatMul': 'ThinMatMul'} if thin else {}):
        product = tf.matmul(x, kernel)
    return tf.nn.bias_add(product, bias)


@tf.RegisterGradient('ThinMatMul')
def _thin_gradient(operation, upstream):
    x, kernel = operation.inputs
    return (tf.matmul(upstream, kernel, transpose_b=True),
            tf.transpose(tf.matmul(upstream, x, transpose_a=True)))


class Network:
    """Variables under one name, and how each is drawn.

    Values are drawn in NumPy, each from its own (seed, variable name, draw),
    so a port in any framework can start from the same weights, and adding a
    layer does not move the weights of the others.

    Attributes:
      name: the variable scope, such as `generator_3`.
      variables: list of tf.Variable, in order of creation.
    """

    def __init__(self, name):
        self.name = name
        self.variables = []
        self._laws = {}

    def add_variable(self, name, shape, law):
        """Creates `<network>/<name>` of `shape`, drawn from `law`."""
        with tf.variable_scope(self.name, reuse=tf.AUTO_REUSE):
            # A resource is read where it is used, so several updates in one
            # session call see each other's results.
            variable = tf.get_variable(
                name, shape, tf.float32, tf.zeros_initializer(), use_resource=True)
        self.variables.append(variable)
        self._laws[variable.op.name] = law
        return variable

    @property
    def parameters(self):
        """Number of weights and biases."""
        return sum(int(np.prod(v.shape.as_list())) for v in self.variables)

    def initial_values(self, seed, draw=0):
        """First values of all variables.

        Args:
          seed: the run's seed.
          draw: 0 at the start, k at the k-th re-initialisation.

        Returns:
          dict of variable name (`generator_3/dense/kernel`) to float32 array.
        """
        return {
            v.op.name: np.asarray(
                self._laws[v.op.name](
                    determinism.random_state(seed, v.op.name, draw),
                    v.shape.as_list()), np.float32)
            for v in self.variables}
