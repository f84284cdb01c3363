"""The training state of a session as named arrays, out and in."""

import numpy as np
import tensorflow.compat.v1 as tf


class State:
    """Reads and writes the variables of a session under fixed names.

    Args:
      variables: list of tf.Variable; each is known by its op name.
    """

    def __init__(self, variables):
        self.variables = {v.op.name: v for v in variables}
        self._inputs = {
            name: tf.placeholder(v.dtype.base_dtype, v.shape)
            for name, v in self.variables.items()}
        self._assign = {name: tf.assign(v, self._inputs[name])
                        for name, v in self.variables.items()}

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


def adam_start(optimizer, variables, state):
    """The values that Adam's slots and powers have before its first step.

    Args:
      optimizer: a tf.train.AdamOptimizer that has been applied.
      variables: the variables that it updates.
      state: the `State` that knows its variables' shapes.

    Returns:
      dict of name to array: moments zero, powers beta1 and beta2.
    """
    slots = {optimizer.get_slot(v, name).op.name
             for v in variables for name in optimizer.get_slot_names()}
    start = {}
    for variable in optimizer.variables():
        name = variable.op.name
        shape = state.variables[name].shape.as_list()
        if name in slots:
            start[name] = np.zeros(shape, np.float32)
        else:
            beta = optimizer._beta2 if 'beta2' in name else optimizer._beta1
            start[name] = np.float32(beta)
    return start
