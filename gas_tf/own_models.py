"""A user's own classifier as the teacher, a user's own network as the student."""

import hashlib
import os
from collections import namedtuple
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import distillation, inputs
from gas_tf.algorithm import Distillation, check_schedule
from gas_tf.evaluation import Agreement, OnData
from gas_tf.experiments import Experiment
from gas_tf.networks.lenet import Outputs
from ppo.distributions import Categorical
from runs import determinism, settings
from runs.checkpoint import fingerprint
from runs.display import Display
from runs.errors import UserError
from runs.record import Record
from runs.recording import best_model
from runs.state import State, named

PROBE = 8  # inputs on which a teacher is tried before the work starts

#: values: {variable name: array} of the best student; result: the content of
#: result.json; path: the folder of the record.
Distilled = namedtuple('Distilled', 'values result path')


def distil(teacher, student, input_shape, out, weights=None, data=None, seed=0,
           display=None, **changes):
    """Distils a classifier of one's own into a smaller one, without its data.

    Algorithm 1 with generators of images of `input_shape`.  DAFL's generators
    draw images whose numbers have mean 0 and variance 1: a teacher that wants
    others scales them itself.  The same call goes on after an interruption,
    and returns at once when the work is done.

    Args:
      teacher: a function that builds logits `[b, classes]` from images
        `[b, *input_shape]` with TensorFlow operations, its variables made by
        `tf.get_variable`; or the folder of a SavedModel with one input and
        one output, or one that is called `logits`.
      student: such a function; its variables start as it says.
      input_shape: (height, width, channels), both sides multiples of 4.
      out: folder of the record.
      weights: of a teacher that is a function with variables: a TensorFlow
        checkpoint, or {name: array}, with the names that the function gives.
      data: None, or (images `[n, *input_shape]`, labels `[n]`) on which the
        student is evaluated; nothing is learnt from them.  Without them the
        log has the share of fresh generated images on which both agree.
      seed: of everything that is drawn.
      display: a `display.Display`; None: standard output.
      changes: settings with `__` for the dot, such as `objective__gamma=1.`
        or `schedule__student_steps=30000`.

    Returns:
      `Distilled`.

    Raises:
      UserError: one line that says what does not fit: a shape, an answer
        that is not finite, no gradient to the input, a setting, the disk.
    """
    config, sources = _settings(changes)
    check_schedule(config.schedule, config.generator.count)
    shape = tuple(int(side) for side in input_shape)
    teacher, values, identity, classes = _prepared(teacher, weights, shape)
    fields = dict(
        settings.fields(config, sources),
        seed={'value': seed, 'source': 'distil'},
        input_shape={'value': list(shape), 'source': 'distil'},
        **{'teacher.fingerprint': {'value': identity, 'source': 'its weights'}})
    if data:
        data = _checked(data, shape)
    first_values = _first_values(student, shape, classes, seed)
    with Record(out, fields) as record, tf.Graph().as_default():
        bank = distillation.generator_bank(config.generator, shape, (-1., 1.))
        networks = [_Built('teacher', teacher),
                    _Built('student', student, first_values)]
        algorithm = Distillation(
            *networks, inputs.Generated(bank, seed, config.schedule.batch_size,
                             config.generator.noise_size), config, seed)
        evaluation = (OnData(algorithm.student, *data) if data
                      else Agreement(algorithm))
        result = record.result() or distillation.distil_recorded(
            record, algorithm, values, evaluation, display or Display(),
            'own models, seed %d' % seed, {'teacher': identity}, None,
            (0.5, 0.25),  # a deviation of 2 each way is black and white
            experiment='own', method='gas', seed=seed, budget='paper',
            teacher=None, paper=None)
        return Distilled(best_model(record.checkpoints), result, Path(record.directory))


class _Built:
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
        except (ValueError, TypeError, tf.errors.OpError) as error:
            raise UserError('the %s does not take images %s: %s' % (
                self.name, shape, str(error).strip().split('\n')[0])) from error
        if not tf.is_tensor(logits) or logits.shape.rank != 2 or (
                logits.shape.as_list()[1] is None):
            raise UserError('the %s gives %s for images %s: logits [b, classes] '
                            'are needed' % (self.name, getattr(
                                logits, 'shape', type(logits).__name__), shape))
        if self.variables is None:  # later an optimiser's stand there too
            self.variables = list(self._template.global_variables)
        logits = tf.cast(logits, tf.float32)
        return Outputs(Categorical(logits), logits)

    def initial_values(self, seed):
        """The values that it was given."""
        return self._values


def _settings(changes):
    """An `Experiment` with the changes, and the sources of its fields."""
    config = Experiment()
    sources = settings.default_sources(config)
    known = settings.flatten(config)
    for name, value in changes.items():
        name = name.replace('__', '.')
        if name not in known or name.split('.')[0] in ('data', 'inputs', 'teacher'):
            raise TypeError('distil has no setting %r' % name)
        config = settings.replace(config, name, value)
        sources[name] = 'distil'
    if config.objective.lambda_activation:
        raise UserError('objective.lambda_activation needs the features of the '
                        'teacher, which a function to logits does not give')
    return config, sources


def _prepared(teacher, weights, shape):
    """(function, {name: array}, identity, classes) of a teacher that was tried."""
    folder = isinstance(teacher, (str, os.PathLike))
    if folder:
        teacher, identity = _from_savedmodel(os.fspath(teacher))
    with tf.Graph().as_default() as graph:
        images = tf.constant(determinism.random_state(
            0, 'probe').randn(PROBE, *shape).astype(np.float32))
        network = _Built('teacher', teacher)
        logits = network(images).distribution.logits
        slope = tf.gradients(logits, images)[0]
        if slope is None:
            raise UserError("the teacher's logits have no gradient to its "
                            'input: the generators cannot learn from it')
        state = State(named(network.variables))
        with determinism.new_session(graph) as session:
            values = _weights(network.variables, weights)
            state.load(session, values)
            for name, array in zip(('logits', 'gradient to the input'),
                                   session.run([logits, slope])):
                if not np.all(np.isfinite(array)):
                    raise UserError("the teacher's %s is not finite on images "
                                    'of N(0, 1) pixels' % name)
    return (teacher, values, identity if folder else fingerprint(values),
            int(logits.shape[1]))


def _weights(variables, weights):
    """{variable name: array} of a function's variables."""
    scope = 'teacher/'
    names = [v.op.name[len(scope):] for v in variables]
    if not names:
        return {}
    if weights is None:
        raise UserError('the teacher has variables (%s, ...): give their '
                        'weights' % names[0])
    if isinstance(weights, (str, os.PathLike)):
        try:
            weights = tf.train.load_checkpoint(os.fspath(weights))
            found = weights.get_variable_to_shape_map()
            read = weights.get_tensor
        except (ValueError, tf.errors.OpError) as error:
            raise UserError('the weights cannot be read: %s'
                            % str(error).strip().split('\n')[0]) from error
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


def _from_savedmodel(folder):
    """(function from images to logits, identity) of a SavedModel's graph."""
    with tf.Graph().as_default() as graph:
        with determinism.new_session(graph) as session:
            try:
                model = tf.saved_model.load(session, ['serve'], folder)
            except (IOError, RuntimeError, tf.errors.OpError) as error:
                raise UserError('%s is not a SavedModel that can be read: %s' % (
                    folder, str(error).strip().split('\n')[0])) from error
            signature = model.signature_def.get('serving_default')
            if signature is None:
                raise UserError('%s has no signature serving_default' % folder)
            outputs = dict(signature.outputs)
            if len(outputs) > 1 and 'logits' in outputs:
                outputs = {'logits': outputs['logits']}
            if len(signature.inputs) != 1 or len(outputs) != 1:
                raise UserError(
                    '%s has the inputs %s and the outputs %s: one input and one '
                    'output, or one called logits, are needed' % (
                        folder, sorted(signature.inputs), sorted(signature.outputs)))
            images, = [info.name for info in signature.inputs.values()]
            logits, = [info.name for info in outputs.values()]
            frozen = tf.graph_util.convert_variables_to_constants(
                session, graph.as_graph_def(), [logits.split(':')[0]])
    identity = hashlib.sha256(frozen.SerializeToString(deterministic=True))

    def function(x):
        return tf.import_graph_def(
            frozen, input_map={images: x}, return_elements=[logits])[0]
    return function, identity.hexdigest()


def _first_values(function, shape, classes, seed):
    """{name: array} as the student's own initialisers draw them.

    In a graph that holds the student alone: TensorFlow's draws depend on what
    else a graph holds.
    """
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(seed)
        student = _Built('student', function)
        learnt = int(student(tf.zeros((1,) + shape)).distribution.logits.shape[1])
        if learnt != classes:
            raise UserError('the student tells %d classes apart, the teacher %d'
                            % (learnt, classes))
        if not student.variables:
            raise UserError('the student has nothing to train')
        left = set(student.variables) - set(tf.trainable_variables())
        if left:
            raise UserError('%s is not trained: give the student batch '
                            'statistics, say, instead of moving averages'
                            % sorted(v.op.name for v in left)[0])
        with determinism.new_session(graph) as session:
            session.run(tf.global_variables_initializer())
            return State(named(student.variables)).values(session)


def _checked(data, shape):
    images, labels = (np.asarray(part) for part in data)
    if images.shape[1:] != shape or labels.shape != images.shape[:1]:
        raise UserError('the data are images %s and labels %s: [n, %s] and [n] '
                        'are needed' % (list(images.shape), list(labels.shape),
                                        ', '.join(map(str, shape))))
    return images.astype(np.float32), labels
