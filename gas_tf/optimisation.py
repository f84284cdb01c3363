"""What updates are made with: Adam at a rate that may decay, an average of what it made."""

import math

import tensorflow.compat.v1 as tf


class Adam(tf.train.AdamOptimizer):
    """Adam at a rate that may go down to zero.

    Args:
      name: of its variables.
      network: settings with `learning_rate` and `decay`.
      steps: of the whole run.
    """

    def __init__(self, name, network, steps):
        # TensorFlow asks for the rate at every `apply_gradients`.
        super().__init__(lambda: decayed(
            network.learning_rate, network.decay, self._step, steps), name=name)

    def apply(self, gradients, variables, step):
        """The operation of one update."""
        self._step = step
        # No variable may change while another gradient still reads it.
        with tf.control_dependencies(gradients):
            return self.apply_gradients(zip(gradients, variables))


class Average:
    """The moving average of the student's weights over its updates.

    After update t (from 0) it keeps a share of min(rate, (1 + t) / (10 + t)) of
    what it was: it forgets the first updates soon, and spans about a tenth of
    those so far until `rate` is the limit.  The rule is that of
    tf.train.ExponentialMovingAverage, which takes one t for a whole session
    call, and here a call's updates have one each.

    rate: 0: there is none.
    """

    PREFIX = 'average/'

    def __init__(self, rate, variables):
        self._rate, self._of = rate, variables
        self.variables = {}
        if rate:
            with tf.variable_scope('average'):
                self.variables = {self.PREFIX + v.op.name: tf.get_variable(
                    v.op.name, v.shape, tf.float32, tf.zeros_initializer(),
                    use_resource=True, trainable=False) for v in variables}

    def after(self, updated, step):
        """The operation that takes in what update `step` made of the weights."""
        if not self._rate:
            return updated
        step = tf.cast(step, tf.float32)
        gained = 1. - tf.minimum(self._rate, (1. + step) / (10. + step))
        with tf.control_dependencies([updated]):
            return tf.group(*[average.assign_add(gained * (v - average))
                              for average, v in zip(self.variables.values(), self._of)])

    def renamed(self, values):
        """{name: array} of the student's weights as the average's; {} without one."""
        return {name: values[name[len(self.PREFIX):]] for name in self.variables}

    def values(self, session):
        """Its weights under the student's names; {} without one."""
        return {name[len(self.PREFIX):]: array
                for name, array in session.run(self.variables).items()}


def decayed(value, decay, step, steps):
    """`value`, or what a way down to zero leaves of it at a step of `steps`.

    'cosine': half a wave; 'late': a straight line over the last fifth.  What is
    0 stays a number, so that its term costs no gradient.
    """
    if decay == 'constant' or not value:
        return value
    share = tf.cast(step, tf.float32) / steps
    if decay == 'late':
        return value * tf.minimum(1., 5. * (1. - share))
    return value * 0.5 * (1. + tf.cos(math.pi * share))
