"""A user's own networks: functions, checkpoints and SavedModels, tried before any work."""

import hashlib
import os

import numpy as np
import tensorflow.compat.v1 as tf

from ppo.distributions import Categorical
from ppo.network import Outputs
from runs import determinism
from runs.checkpoint import fingerprint
from runs.errors import UserError
from runs.state import State, named

PROBE = 8     # inputs on which a teacher is tried before the work starts
LARGE = 1024  # numbers of a SavedModel's weight that is kept once, not in each tower
FUNCTIONS = ('PartitionedCall', 'StatefulPartitionedCall')


class Built:
    """A function from images to logits as a network of the current graph.

    Every call shares its variables, which stand under `name`/.
    """

    def __init__(self, name, function, values=None):
        self.name, self._values, self.variables = name, values, None
        self._template = tf.make_template(name, function, create_scope_now_=True)

    def __call__(self, images):
        shape = images.shape.as_list()
        try:
            logits = self._template(images)
        except Exception as error:  # of any kind: it is another's code
            raise UserError('the %s does not take images %s: %s' % (
                self.name, shape, first_line(error))) from error
        sides = logits.shape.as_list() if tf.is_tensor(logits) and logits.shape.rank == 2 else None
        if not sides or sides[0] not in (None, shape[0]) or sides[1] is None or sides[1] < 2:
            raise UserError('the %s gives %s for images %s: logits [b, classes] are needed' % (
                self.name, getattr(logits, 'shape', type(logits).__name__), shape))
        if self.variables is None:  # later an optimiser's stand there too
            self.variables = list(self._template.global_variables)
        logits = tf.cast(logits, tf.float32)
        return Outputs(Categorical(logits), logits)

    def initial_values(self, seed):
        """The values that it was given."""
        return self._values


def first_line(error):
    """What an exception says, in one line."""
    return (str(error).strip() or type(error).__name__).split('\n')[0]


class Teacher:
    """A teacher that was tried on images of N(0, 1) pixels.

    Attributes:
      function: from images to logits.
      values: {variable name: array} of what the function calls variables.
      identity: hash of its weights and of its answers to fixed images.
      classes: number of logits.
      note: what to say of it, or None.

    Args:
      given: a function, or the folder of a SavedModel.
      weights: of a function with variables: a checkpoint, or {name: array}.
      shape: of an image.

    Raises:
      UserError: in one line, why it cannot teach.
    """

    def __init__(self, given, weights, shape):
        self.function, self.note = given, None
        if isinstance(given, (str, os.PathLike)):
            self.function, weights = from_savedmodel(os.fspath(given))
        with tf.Graph().as_default() as graph:
            images = tf.constant(determinism.random_state(0, 'probe').randn(PROBE, *shape).astype(np.float32))
            network = Built('teacher', self.function)
            logits = network(images).distribution.logits
            self.classes = int(logits.shape[1])
            self.values = _weights(network.variables, weights)
            try:
                slope = tf.gradients(logits, images)[0]
            except LookupError as error:
                raise UserError("the teacher's logits have no gradient to its input: %s" % first_line(error)) from error
            if slope is None:
                raise _no_gradient()
            with determinism.new_session(graph) as session:
                State(named(network.variables)).load(session, self.values)
                try:
                    logits, slope = session.run([logits, slope])
                except tf.errors.OpError as error:
                    raise UserError('the teacher does not answer: %s' % first_line(error)) from error
        for name, array in (('logits are', logits), ('gradient to the input is', slope)):
            if not np.all(np.isfinite(array)):
                raise UserError("the teacher's %s not finite on images of N(0, 1) pixels" % name)
        if not slope.any():
            raise _no_gradient()
        self.identity = hashlib.sha256(
            (fingerprint(self.values) + fingerprint({'logits': logits})).encode('ascii')).hexdigest()
        if np.all(logits >= 0.) and np.allclose(logits.sum(axis=1), 1., atol=1e-3):
            self.note = 'the teacher gives probabilities: their logarithm is taken for the logits'
            answer = self.function
            self.function = lambda images: tf.log(tf.maximum(answer(images), 1e-30))


def _no_gradient():
    return UserError("the teacher's logits have no gradient to its input: the generators cannot learn from it")


def _weights(variables, weights):
    """{variable name: array} of a function's variables."""
    scope = 'teacher/'
    names = [v.op.name[len(scope):] for v in variables]
    if not names:
        return {}
    if weights is None:
        raise UserError('the teacher has variables (%s, ...): give their weights' % names[0])
    if isinstance(weights, (str, os.PathLike)):
        try:
            weights = tf.train.load_checkpoint(os.fspath(weights))
            found = weights.get_variable_to_shape_map()
            read = weights.get_tensor
        except (ValueError, tf.errors.OpError) as error:
            raise UserError('the weights cannot be read: %s' % first_line(error)) from error
    else:
        found, read = weights, weights.__getitem__
    values = {}
    for name, variable in zip(names, variables):
        if name not in found:
            raise UserError('the weights hold no %s' % name)
        values[scope + name] = np.asarray(read(name))
        if list(values[scope + name].shape) != variable.shape.as_list():
            raise UserError('%s is %s in the weights, %s in the teacher' % (
                name, list(values[scope + name].shape), variable.shape.as_list()))
    return values


def from_savedmodel(folder):
    """(function from images to logits, its weights) of a SavedModel's graph."""
    verbosity = tf.logging.get_verbosity()
    tf.logging.set_verbosity(tf.logging.ERROR)  # deprecations of TensorFlow's own
    try:
        with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
            images, logits, frozen = _frozen(folder, graph, session)
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


def _frozen(folder, graph, session):
    """(name of the input, name of the output, GraphDef with constants) of a SavedModel."""
    try:
        model = tf.saved_model.load(session, ['serve'], folder)
    except (IOError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise UserError('%s is not a SavedModel that can be read: %s' % (folder, first_line(error))) from error
    signature = model.signature_def.get('serving_default')
    if signature is None:
        raise UserError('%s has no signature serving_default' % folder)
    outputs = dict(signature.outputs)
    if len(outputs) > 1 and 'logits' in outputs:
        outputs = {'logits': outputs['logits']}
    if len(signature.inputs) != 1 or len(outputs) != 1:
        raise UserError('%s has the inputs %s and the outputs %s: one input and one output, or one called logits, are '
                        'needed' % (folder, sorted(signature.inputs), sorted(signature.outputs)))
    images, = signature.inputs.values()
    logits, = outputs.values()
    if images.dtype != tf.float32.as_datatype_enum:
        raise UserError('%s takes %s: images of float32 are needed' % (folder, tf.as_dtype(images.dtype).name))
    if any(node.op in FUNCTIONS for node in graph.as_graph_def().node):
        raise UserError('%s was exported with functions in its graph, as Keras does: export it from a session by '
                        'tf.saved_model.simple_save' % folder)
    return images.name, logits.name, tf.graph_util.convert_variables_to_constants(
        session, graph.as_graph_def(), [logits.name.split(':')[0]])


def first_student_values(function, shape, classes, seed):
    """{name: array} as the student's own initialisers draw them.

    In a graph that holds the student alone: TensorFlow's draws depend on what
    else a graph holds.
    """
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(seed)
        student = Built('student', function)
        learnt = int(student(tf.zeros((PROBE,) + shape)).distribution.logits.shape[1])
        if learnt != classes:
            raise UserError('the student tells %d classes apart, the teacher %d' % (learnt, classes))
        if not student.variables:
            raise UserError('the student has nothing to train')
        left = set(student.variables) - set(tf.trainable_variables())
        if left:
            raise UserError('%s is not trained: give the student batch statistics, say, instead of moving averages'
                            % sorted(v.op.name for v in left)[0])
        with determinism.new_session(graph) as session:
            session.run(tf.global_variables_initializer())
            return State(named(student.variables)).values(session)
