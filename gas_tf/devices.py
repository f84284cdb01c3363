"""What TensorFlow computes on."""

import tensorflow.compat.v1 as tf

from runs import determinism
from runs.errors import UserError


def found(require_gpu=False):
    """Names of the devices, such as 'CPU:0'.

    The question starts TensorFlow's thread pools, so it goes through the
    session that fixes them.

    Raises:
      UserError: `require_gpu` and there is no GPU.
    """
    with tf.Graph().as_default() as graph:
        with determinism.new_session(graph) as session:
            names = [device.name.rsplit('device:', 1)[-1]
                     for device in session.list_devices()]
    if require_gpu and not any(name.startswith('GPU') for name in names):
        raise UserError(
            'TensorFlow sees no GPU (it sees %s): leave out --require-gpu to '
            'compute on the CPU' % ', '.join(names))
    return names
