"""One small algorithm of images in a graph, its values, and its gradients as the paper writes them."""

import contextlib

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import experiments, images
from gas_tf.data.dataset import Dataset
from runs import determinism, settings

SEED = 3
TINY = {
    'teacher.widths': (3, 4, 6, 5), 'student.widths': (2, 3, 5, 4),
    'generator.widths': (4, 3), 'generator.count': 2,
    'generator.noise_size': 5, 'schedule.batch_size': 8,
    'schedule.student_steps': 12, 'schedule.evaluate_every': 3,
    'schedule.n_student': 3, 'schedule.n_generator': 2,
    'schedule.reset_every': 6, 'objective.lambda_activation': .1,
    'student.decay': 'constant', 'generator.decay': 'constant', 'objective.gamma_decay': 'constant'}


def configured(**changes):
    config = experiments.configuration('digits', 'gas', 'smoke')[0]
    for name, value in dict(TINY, **changes).items():
        config = settings.replace(config, name, value)
    return config


def digits_like():
    random = np.random.RandomState(0)
    images = random.randn(60, 32, 32, 1).astype(np.float32)
    labels = random.randint(0, 10, 60).astype(np.int32)
    return Dataset('digits', images[:40], labels[:40], images[40:], labels[40:],
                   10, .3, .32, {})


def teacher_values(algorithm):
    """A teacher with opinions: first values, enlarged."""
    return {name: 3 * array
            for name, array in algorithm.teacher.initial_values(11).items()}


@contextlib.contextmanager
def started(other_ops=False, **changes):
    """(algorithm, session) at the start of a run."""
    with tf.Graph().as_default() as graph:
        if other_ops:
            for index in range(9):
                tf.random.normal([3], name='other_%d' % index)
            tf.get_variable('other', [4])
        algorithm = images.build(
            configured(**changes), digits_like(), np.arange(5, 35), SEED)
        if other_ops:
            algorithm.student(tf.random.normal([2, 32, 32, 1]))
        with determinism.new_session(graph) as session:
            algorithm.start(session, teacher_values(algorithm))
            yield algorithm, session


class Tiny:
    """One built graph for many tests, with its values at the start."""

    def __init__(self, algorithm, session):
        self.algorithm, self.session = algorithm, session
        self.start = algorithm.values(session)
        self.plain = plain_gradients(algorithm)

    def at_start(self):
        self.algorithm.load(self.session, self.start)
        return self.algorithm, self.session

    def everything(self):
        return self.session.run(
            {v.op.name: v for v in tf.global_variables()})


def plain_gradients(algorithm):
    """Losses and gradients as the paper writes them: one batch, one network.

    Returns:
      dict of side to (step placeholder, loss, gradients).
    """
    def log_softmax(logits):
        return logits - tf.log(tf.reduce_sum(tf.exp(logits), axis=1, keepdims=True))

    plain = {}
    for side, network in (('student', algorithm.student),
                          ('generator', algorithm.inputs.bank)):
        step = tf.placeholder(tf.int64, [])
        images = tf.concat(algorithm.inputs.bank(
            algorithm.inputs.noise(side + ' noise', step)), axis=0)
        outputs = algorithm.teacher(images)
        log_t = log_softmax(outputs.distribution.logits)
        log_s = log_softmax(algorithm.student(images).distribution.logits)
        f_t = tf.exp(log_t)
        loss = tf.reduce_mean(tf.reduce_sum(f_t * (log_t - log_s), axis=1))
        if side == 'generator':
            weights = algorithm.objective
            mean = tf.reduce_mean(f_t, axis=0)
            loss = (weights.alpha * tf.reduce_mean(-tf.reduce_sum(f_t * log_t, axis=1))
                    + weights.beta * tf.reduce_sum(mean * tf.log(mean))
                    - weights.lambda_activation * tf.reduce_mean(tf.abs(outputs.features))
                    - weights.gamma * loss)
        plain[side] = step, loss, tf.gradients(loss, network.variables)
    return plain


def sides(algorithm):
    """dict of side to the names of its weights, and of all that it may change."""
    weights = {'student': algorithm.student.variables,
               'generator': algorithm.inputs.bank.variables}
    optimizers = {'student': algorithm.student_optimizer,
                  'generator': algorithm.generator_optimizers[0]}
    return {side: ([v.op.name for v in weights[side]],
                   [v.op.name for v in weights[side] + optimizers[side].variables()])
            for side in weights}


def assert_same(one, two, names=None):
    if names is None:
        assert sorted(one) == sorted(two)
    for name in one if names is None else names:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
