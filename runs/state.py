"""The training state of a session as named arrays, out and in."""

import numpy as np
import tensorflow.compat.v1 as tf


def named(variables):
    """{op name: variable}."""
    return {v.op.name: v for v in variables}


def adam_variables(optimizer):
    """An applied tf.train.AdamOptimizer's variables by names that stay.

    TensorFlow numbers the two powers of beta in the order of creation; here
    they carry their optimiser's name.
    """
    variables = {}
    for variable in optimizer.variables():
        name = variable.op.name
        for power in ('beta1_power', 'beta2_power'):
            if name.startswith(power):
                name = '%s/%s' % (optimizer.get_name(), power)
        variables[name] = variable
    return variables


def adam_start(optimizer):
    """What `adam_variables` hold before the first step.

    Returns:
      dict of name to array: moments zero, powers beta1 and beta2.
    """
    # The betas are not to be had from the optimiser but by private names.
    powers = {'beta1_power': optimizer._beta1, 'beta2_power': optimizer._beta2}
    return {name: np.float32(powers[name.rsplit('/', 1)[1]])
            if name.rsplit('/', 1)[1] in powers
            else np.zeros(variable.shape.as_list(), np.float32)
            for name, variable in adam_variables(optimizer).items()}


class State:
    """Reads and writes the variables of a session under fixed names.

    Args:
      variables: dict of name to tf.Variable.
    """

    def __init__(self, variables):
        self.variables = variables
        self._inputs = {
            name: tf.placeholder(v.dtype.base_dtype, v.shape)
            for name, v in variables.items()}
        self._assign = {name: tf.assign(v, self._inputs[name])
                        for name, v in variables.items()}

    def values(self, session):
        """dict of name to array, one consistent reading."""
        return session.run(self.variables)

    def load(self, session, values):
        """Sets every variable that `values` names.

        Raises:
          KeyError: a name is unknown.
          ValueError: a shape differs.
        """
        session.run([self._assign[name] for name in values],
                    {self._inputs[name]: np.asarray(value)
                     for name, value in values.items()})
