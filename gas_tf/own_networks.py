"""A user's own networks: functions, and SavedModels read as such, tried before any work."""

import hashlib
import os
import re
from collections import namedtuple

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import savedmodels
from ppo.distributions import Categorical, DiagGaussian
from ppo.network import Outputs
from runs import determinism
from runs.checkpoint import fingerprint
from runs.errors import UserError
from runs.state import State, named

PROBE = 8  # inputs on which a teacher is tried before the work starts

#: Names in a GraphDef that TensorFlow numbers through the whole process.
NUMBERED = re.compile(r'("(?:\w+-|__(?:inference|forward|backward)_[^"]*_))\d+(?=")')

#: What a network of one's own is a function of, and of what: inputs, wanted: in
#: words; read: from its answer to b inputs to (distribution, or None where it
#: is none).
Kind = namedtuple('Kind', 'inputs wanted read')


def _logits(answer, rows):
    """The `Categorical` of logits `[rows, k]`, k from 2 on."""
    if not _is_matrix(answer, rows) or answer.shape.as_list()[1] < 2:
        return None
    return Categorical(tf.cast(_told(answer, rows), tf.float32))


def _actions(answer, rows):
    """As `_logits`, or the `DiagGaussian` of (mean `[rows, d]`, log_std `[d]` or `[rows, d]`)."""
    if not isinstance(answer, (tuple, list)):
        return _logits(answer, rows)
    if len(answer) != 2 or not _is_matrix(answer[0], rows):
        return None
    mean, log_std = [tf.cast(part, tf.float32) for part in (_told(answer[0], rows), answer[1])]
    if log_std.shape.as_list() not in (mean.shape.as_list(), mean.shape.as_list()[1:]):
        return None
    return DiagGaussian(mean, log_std)


def _is_matrix(tensor, rows):
    sides = tensor.shape.as_list() if tf.is_tensor(tensor) and tensor.shape.rank == 2 else None
    return bool(sides) and sides[0] in (None, rows) and sides[1] is not None and sides[1] > 0


def _told(matrix, rows):
    """A matrix whose number of rows the graph tells."""
    return matrix if matrix.shape.is_fully_defined() else tf.ensure_shape(matrix, [rows, None])


CLASSIFIER = Kind('images', 'logits [b, classes]', _logits)
POLICY = Kind('observations', 'logits [b, actions], or (mean [b, d], log_std [d] or [b, d]),', _actions)


def raw(distribution):
    """The tensors that a distribution was made of, the one that depends on the inputs first."""
    if isinstance(distribution, Categorical):
        return [distribution.logits]
    return [distribution.mean, distribution.log_std]


class Built:
    """A function from inputs to a distribution as a network of the current graph.

    Every call shares its variables, which stand under `name`/.
    """

    def __init__(self, name, function, values=None, kind=CLASSIFIER):
        self.name, self.kind, self._values, self.variables = name, kind, values, None

        def with_resources(inputs):
            # See `ppo.network.Network.add_variable`.
            tf.get_variable_scope().set_use_resource(True)
            return function(inputs)
        self._template = tf.make_template(name, with_resources, create_scope_now_=True)

    def __call__(self, inputs):
        shape = inputs.shape.as_list()
        try:
            answer = self._template(inputs)
        except Exception as error:  # of any kind: it is another's code
            if 'calling a template' in str(error):
                raise UserError('the %s makes other variables at every call: make them by tf.get_variable, as '
                                'tf.layers does' % self.name) from error
            raise UserError('the %s does not take %s %s: %s' % (
                self.name, self.kind.inputs, shape, first_line(error))) from error
        try:
            distribution = self.kind.read(answer, shape[0])
        except (TypeError, ValueError):
            distribution = None
        if distribution is None:
            raise UserError('the %s gives %s for %s %s: %s are needed' % (
                self.name, getattr(answer, 'shape', type(answer).__name__), self.kind.inputs, shape, self.kind.wanted))
        if self.variables is None:  # later an optimiser's stand there too
            self.variables = list(self._template.global_variables)
        return Outputs(distribution, raw(distribution)[0])

    def initial_values(self, seed):
        """The values that it was given."""
        return self._values


def first_line(error):
    """What an exception says, in one line."""
    return (str(error).strip() or type(error).__name__).split('\n')[0]


class Teacher:
    """A teacher that was tried on inputs of N(0, 1) numbers.

    Attributes:
      function: from inputs to what it answers.
      values: {variable name: array} of what the function calls variables.
      identity: hash of its weights and of the graph that it builds, the same on
        every machine with this TensorFlow.
      size: number of logits, or of an action's numbers; gaussian: whether they
        are of a Gaussian.
      note: what to say of it, or None.

    Args:
      given: a function, or the folder of a SavedModel.
      weights: of a function with variables: a checkpoint, or {name: array}.
      shape: of an input.
      kind: `CLASSIFIER` or `POLICY`.
      scale: None, or (mean, std) of the inputs that it takes: it is given
        x * std + mean.

    Raises:
      UserError: in one line, why it cannot teach.
    """

    def __init__(self, given, weights, shape, kind=CLASSIFIER, scale=None):
        self.note = None
        self.function, weights = _function(given, weights, shape)
        if scale:
            plain, (mean, std) = self.function, scale
            self.function = lambda inputs: plain(inputs * std + mean)
        with tf.Graph().as_default() as graph:
            probe, network = _probe(shape), Built('teacher', self.function, kind=kind)
            answer, alone = [raw(network(inputs).distribution) for inputs in (probe, probe[:1])]
            built = NUMBERED.sub(r'\1', str(graph.as_graph_def()))
            self.size, self.gaussian = int(answer[0].shape[1]), len(answer) > 1
            said = 'means' if self.gaussian else 'logits'
            self.values = _weights(network.variables, weights)
            try:
                # In a direction of no meaning: the sum of probabilities, or of a normalised batch, is constant.
                direction = determinism.random_state(0, 'direction').randn(PROBE, self.size)
                slope = tf.gradients(answer[0], probe, direction.astype(np.float32))[0]
            except (LookupError, ValueError) as error:
                raise UserError("the teacher's %s have no gradient to its input: %s" % (
                    said, first_line(error))) from None
            if slope is None:
                raise _no_gradient(said)
            with determinism.new_session(graph) as session:
                State(named(network.variables)).load(session, self.values)
                try:
                    again = session.run(answer[0])
                    answer, slope, alone = session.run([answer, slope, alone[0]])
                except tf.errors.OpError as error:
                    raise UserError('the teacher does not answer: %s' % first_line(error)) from None
        _check_alone('teacher', answer[0], alone, again)
        for name, array in [(said + ' are', part) for part in answer] + [('gradient to the input is', slope)]:
            if not np.all(np.isfinite(array)):
                raise UserError("the teacher's %s not finite on %s of N(0, 1) numbers" % (name, kind.inputs))
        if not slope.any():
            raise _no_gradient(said)
        self.identity = hashlib.sha256((fingerprint(self.values) + built).encode('utf-8')).hexdigest()
        if not self.gaussian and _are_probabilities(answer[0]):
            self.note = 'the teacher gives probabilities: their logarithm is taken for the logits'
            probabilities = self.function
            self.function = lambda inputs: tf.log(tf.maximum(probabilities(inputs), 1e-30))


def _probe(shape):
    """Inputs `[PROBE, *shape]` of N(0, 1) numbers, the same at every call."""
    return tf.constant(determinism.random_state(0, 'probe').randn(PROBE, *shape).astype(np.float32))


def _check_alone(name, answers, alone, again):
    """Refuses a network that answers an input `[1, k]` otherwise than among others `[b, k]`, or these otherwise again."""
    alike = [np.allclose(answers[:len(others)], others, 1e-3, 1e-3 * np.abs(answers).max()) for others in (alone, again)]
    if np.all(np.isfinite(answers)) and not all(alike):
        raise UserError("the %s's answer to one input depends on the others of its batch, or on chance: build it "
                        'without batch statistics and dropout' % name)


def _are_probabilities(answers):
    return np.all(answers >= 0.) and np.allclose(answers.sum(axis=1), 1., atol=1e-3)


def _no_gradient(said):
    return UserError("the teacher's %s have no gradient to its input: the generators cannot learn from it" % said)


def _function(given, weights, shape):
    """(function, weights) of a function, or of a SavedModel's folder."""
    if isinstance(given, tf.keras.Model):
        raise UserError('a model of Keras lives in a graph of its own: give the folder that '
                        "tf.saved_model.simple_save(tf.keras.backend.get_session(), folder, {'x': model.input}, "
                        "{'probabilities': model.output}) writes, with 'logits' where it ends without softmax")
    if callable(given):
        return given, weights
    if not isinstance(given, (str, os.PathLike)):
        raise UserError('teacher is %r: give a function, or the folder of a SavedModel' % (given,))
    if weights is not None:
        raise UserError('a SavedModel holds its own weights: leave out the others')
    return savedmodels.read(os.fspath(given), shape)


def _weights(variables, weights):
    """{variable name: array} of a function's variables."""
    scope = 'teacher/'
    names = [v.op.name[len(scope):] for v in variables]
    if not names:
        if weights:
            raise UserError('the teacher makes no variables: leave out its weights')
        return {}
    if weights is None:
        raise UserError('the teacher has variables (%s, ...): give their weights' % names[0])
    if isinstance(weights, (str, os.PathLike)):
        try:
            weights = tf.train.load_checkpoint(os.fspath(weights))
            found = weights.get_variable_to_shape_map()
            read = weights.get_tensor
        except (ValueError, tf.errors.OpError) as error:
            raise UserError('the weights cannot be read: %s' % first_line(error)) from None
    else:
        found, read = weights, weights.__getitem__
    values = {}
    for name, variable in zip(names, variables):
        if name not in found:
            raise UserError('the weights hold no %s' % name)
        values[scope + name] = np.asarray(read(name))
        if values[scope + name].dtype.kind not in 'fiu':
            raise UserError('%s is of %s in the weights' % (name, values[scope + name].dtype))
        if list(values[scope + name].shape) != variable.shape.as_list():
            raise UserError('%s is %s in the weights, %s in the teacher' % (
                name, list(values[scope + name].shape), variable.shape.as_list()))
    return values


def first_student_values(function, shape, teacher, seed, kind=CLASSIFIER):
    """{name: array} as the student's own initialisers draw them.

    In a graph that holds the student alone: TensorFlow's draws depend on what
    else a graph holds.
    """
    if not callable(function):
        raise UserError('student is %r: give a function' % (function,))
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(seed)
        student = Built('student', function, kind=kind)
        probe = _probe(shape)
        answer, alone = [raw(student(inputs).distribution) for inputs in (probe, probe[:1])]
        learnt = int(answer[0].shape[1])
        if (len(answer) > 1) != teacher.gaussian:
            raise UserError('one of teacher and student gives logits, the other means and deviations')
        if learnt != teacher.size:
            raise UserError('the student gives %d numbers, the teacher %d: of each class or action one is needed'
                            % (learnt, teacher.size))
        if not student.variables:
            raise UserError('the student has nothing to train')
        left = set(student.variables) - set(tf.trainable_variables())
        if left:
            raise UserError('%s is not trained: build the student without moving averages'
                            % sorted(v.op.name for v in left)[0])
        for variable, slope in zip(student.variables, tf.gradients(answer, student.variables)):
            if slope is None:
                raise UserError("the student's answers do not depend on %s" % variable.op.name)
        with determinism.new_session(graph) as session:
            session.run(tf.global_variables_initializer())
            again = session.run(answer[0])
            found, alone = session.run([answer[0], alone[0]])
            _check_alone('student', found, alone, again)
            if not teacher.gaussian and _are_probabilities(found):
                raise UserError('the student gives probabilities: logits are needed, without a softmax')
            return State(named(student.variables)).values(session)
