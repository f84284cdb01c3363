"""SavedModels: read as teachers, written of students."""

import os
import shutil

import tensorflow.compat.v1 as tf

from runs import determinism
from runs.errors import UserError
from runs.files import user_errors
from runs.state import State, named

LARGE = 1024  # numbers of a weight that is kept once, not in each tower
FUNCTIONS = ('PartitionedCall', 'StatefulPartitionedCall')


def read(folder, shape):
    """(function from inputs to logits, its weights) of a SavedModel.

    Args:
      folder: exported from a session, with one input; and with one output, or
        one called `logits`, or else one called `probabilities`.
      shape: of the images, or observations, that it is to take.

    Raises:
      UserError: in one line, why it cannot teach.
    """
    verbosity = tf.logging.get_verbosity()
    tf.logging.set_verbosity(tf.logging.ERROR)  # deprecations of TensorFlow's own
    try:
        with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
            images, logits, frozen = _frozen(folder, shape, graph, session)
    finally:
        tf.logging.set_verbosity(verbosity)
    weights = {}
    for node in frozen.node:
        if node.op == 'Const' and node.attr['dtype'].type == tf.float32.as_datatype_enum:
            array = tf.make_ndarray(node.attr['value'].tensor)
            if array.size >= LARGE:
                weights[node.name] = array
                node.op = 'Placeholder'
                del node.attr['value']

    def function(x):
        inputs = {name + ':0': tf.get_variable(name, array.shape, tf.float32)
                  for name, array in sorted(weights.items())}
        inputs[images] = x
        return tf.import_graph_def(frozen, input_map=inputs, return_elements=[logits])[0]
    return function, weights


def _frozen(folder, shape, graph, session):
    """(name of the input, name of the output, GraphDef with constants) of a SavedModel."""
    try:
        model = tf.saved_model.load(session, ['serve'], folder)
    except (IOError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise UserError('%s is not a SavedModel that can be read: %s' % (
            folder or "''", str(error).strip().split('\n')[0])) from None
    signature = model.signature_def.get('serving_default')
    if signature is None:
        raise UserError('%s has no signature serving_default, but %s' % (
            folder, ', '.join(sorted(model.signature_def)) or 'none at all'))
    outputs = dict(signature.outputs)
    for name in ('logits', 'probabilities'):
        if len(outputs) > 1 and name in outputs:
            outputs = {name: outputs[name]}
    if len(signature.inputs) != 1 or len(outputs) != 1:
        raise UserError('%s has the inputs %s and the outputs %s: one input and one output, or one called logits or '
                        'probabilities, are needed' % (folder, sorted(signature.inputs), sorted(signature.outputs)))
    images, = signature.inputs.values()
    logits, = outputs.values()
    if images.dtype != tf.float32.as_datatype_enum:
        raise UserError('%s takes %s: float32 is needed' % (folder, tf.as_dtype(images.dtype).name))
    _check_shape(folder, tf.TensorShape(images.tensor_shape), shape)
    if any(node.op in FUNCTIONS for node in graph.as_graph_def().node):
        raise UserError('%s was exported with functions in its graph, as Keras does: export it by tf.saved_model.'
                        'simple_save from a session (tf.keras.backend.get_session())' % folder)
    if any('_gradient_op_type' in node.attr for node in graph.as_graph_def().node):
        # A file has a gradient's name alone, and here it may be another's.
        raise UserError('%s was exported with a gradient of its own (tf.custom_gradient), which no file holds: export '
                        'it without' % folder)
    return images.name, logits.name, tf.graph_util.convert_variables_to_constants(
        session, graph.as_graph_def(), [logits.name.split(':')[0]])


def _check_shape(folder, takes, shape):
    if takes.rank is None:
        return
    sides = takes.as_list()
    if not takes.is_compatible_with([sides[0] if sides else None] + list(shape)):
        first = takes.rank == 4 and takes[1:].is_compatible_with([shape[-1]] + list(shape[:-1]))
        raise UserError('%s takes %s, and the inputs are [b, %s]%s' % (
            folder, '[%s]' % ', '.join('?' if side is None else str(side) for side in sides),
            ', '.join(map(str, shape)), ': channels have to come last' if first else ''))
    if sides[0] is not None:
        raise UserError('%s takes batches of %d alone: export it for any number' % (folder, sides[0]))


def write(path, values, build):
    """A SavedModel whose signature is `serving_default`; whole or not at all.

    Args:
      path: a pathlib.Path.
      values: {variable name: array}, with those of the variables among them.
      build: makes (variables, {name: input}, {name: output}) in the current
        graph.

    Raises:
      UserError: the disk refuses.
    """
    with tf.Graph().as_default() as graph:
        variables, inputs, outputs = build()
        state = State(named(variables))
        with determinism.new_session(graph) as session:
            state.load(session, {name: values[name] for name in state.variables})
            temporary = path.parent / ('.%s.tmp' % path.name)
            with user_errors('cannot write %s' % path):
                shutil.rmtree(str(temporary), ignore_errors=True)
                try:
                    tf.saved_model.simple_save(session, str(temporary), inputs, outputs)
                    os.rename(str(temporary), str(path))
                except tf.errors.OpError as error:
                    raise OSError(None, error.message)
                finally:
                    shutil.rmtree(str(temporary), ignore_errors=True)


def classified(logits):
    """The outputs of a classifier: `logits`, `probabilities` `[b, classes]`, `label` `[b]`."""
    return {'logits': logits, 'probabilities': tf.nn.softmax(logits), 'label': tf.argmax(logits, axis=1)}
