"""What `student_step` times: the works, their arithmetic, and our side of them."""

import time
from collections import Counter

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import experiments, images
from gas_tf.data.dataset import Dataset
from gas_tf.data.sources import SOURCES
from runs import determinism
from runs.benchmarks.beside import BLOCK_SECONDS, first_gradients
from runs.settings import resolve

STEPS = ('student', 'generator')

#: Settings over `mnist`, method `gas`, by the name of a row's work.
WORKS = {
    'gas': {},
    'gas_literal': experiments.images.METHODS['gas_literal'],
    'gas_dafl_widths': {
        'generator.widths': ((128, 128, 64), "DAFL's own"),
        'generator.leak': (0.2, "DAFL's"),
        'generator.epsilon': (0.8, "DAFL's"),
        'generator.stddev': (0., "DAFL's")},
}


def generator_layers(work):
    """Multiply-adds of each layer of a generator, per image.

    Convolutions count every tap at every output pixel, transposed ones at every
    input pixel (padding and cropping included), in the plain formulation:
    nearest x2 is followed by a 3x3 convolution of the large image.
    """
    first, second = work['widths'][:2]
    layers = [work['noise_size'] * 64 * first]
    if work['shape'] == 'dcgan':
        return layers + [64 * 25 * first * second,
                         256 * 25 * second * work['channels']]
    sizes = list(work['widths'][1:]) + [work['channels']]
    pixels = (256, 1024, 1024)
    return layers + [p * 9 * a * b for p, a, b in
                     zip(pixels, [first] + sizes, sizes)]


def lenet_layers(widths, channels, classes):
    """Multiply-adds of each layer of a LeNet, per 32x32 image."""
    a, b, c, d = widths
    return [28 * 28 * 25 * channels * a, 10 * 10 * 25 * a * b, 25 * b * c,
            c * d, d * classes]


def step_flops(work):
    """Floating-point operations of each step: 2 for a multiply-add.

    Counts matrix products and convolutions, forward and the parts of backward
    that the update needs: a layer's gradient by its weights and by its input
    each cost as much as the layer.  Student step: teacher and generators
    forward; student forward, by weights, by input but for the first layer.
    Generator step: teacher and student forward and by input; generators
    forward, by weights, by input but for the first.
    """
    drawn = generator_layers(work)
    teacher, student = (
        lenet_layers(work[side], work['channels'], work['classes'])
        for side in ('teacher_widths', 'student_widths'))
    trained = lambda layers: 3 * sum(layers) - layers[0]
    images = work['batch_size']
    return {'student': 2 * images * (
                sum(drawn) + sum(teacher) + trained(student)),
            'generator': 2 * images * (
                trained(drawn) + 2 * sum(teacher) + 2 * sum(student))}


def settings_of(name):
    """The `experiments.Experiment` of one of `WORKS`."""
    return resolve(experiments.configuration('mnist')[0], [WORKS[name]])[0]


def described(config, dataset):
    """What the peer has to build: the JSON form of a work."""
    generator, objective = config.generator, config.objective
    return {
        'shape': generator.shape, 'widths': list(generator.widths),
        'leak': generator.leak, 'epsilon': generator.epsilon,
        'count': generator.count, 'noise_size': generator.noise_size,
        'channels': 1, 'classes': dataset.classes,
        'pixel_range': [(v - dataset.mean) / dataset.std for v in (0., 1.)],
        'teacher_widths': list(config.teacher.widths),
        'student_widths': list(config.student.widths),
        'batch_size': config.schedule.batch_size,
        'alpha': objective.alpha, 'beta': objective.beta,
        'gamma': objective.gamma,
        'lambda_activation': objective.lambda_activation,
        'student_rate': config.student.learning_rate,
        'generator_rate': config.generator.learning_rate}


class Ours:
    """One work in a graph and session of its own, driven as a run drives it."""

    def __init__(self, config, seed=0):
        tf.logging.set_verbosity(tf.logging.ERROR)  # no deprecations
        source = SOURCES['mnist']
        blank = np.zeros((0, 32, 32, 1), np.float32), np.zeros(0, np.int32)
        dataset = Dataset('mnist', *blank, *blank, classes=source.classes,
                          mean=source.mean, std=source.std, md5s={})
        self.work, self.seed = described(config, dataset), seed
        self._graph = tf.Graph()
        with self._graph.as_default():
            self.algorithm = images.build(config, dataset, [], seed)
            self._noise = {step: self.algorithm.inputs.noise(step + ' noise', 0)
                           for step in STEPS}
        self.session = determinism.new_session(self._graph)
        self.start()

    def start(self):
        """Draws every first value again, the teacher's too."""
        algorithm = self.algorithm
        teacher = algorithm.teacher.initial_values(self.seed)
        with self._graph.as_default():
            algorithm.start(self.session, teacher)
        algorithm.student_steps = algorithm.generator_steps = 0
        networks = [algorithm.student, algorithm.inputs.bank]
        return dict(teacher, **{
            name: value for network in networks
            for name, value in network.initial_values(self.seed).items()})

    def first_step(self, step):
        """(noise, terms, gradients) of a first step from the first values."""
        self.start()
        noise = self.session.run(self._noise[step])
        terms = self.run(step)
        return noise, terms, first_gradients(self.algorithm, self.session, step)

    def run(self, step, session=None):
        """One step; its loss terms."""
        updates = {'student': self.algorithm.update_student,
                   'generator': self.algorithm.update_generators}
        return updates[step](session or self.session)[0]

    def time(self, step, count, seconds=BLOCK_SECONDS):
        """Milliseconds of up to `count` steps, after one that is discarded."""
        self.run(step)
        times, start = [], time.perf_counter()
        while len(times) < count and (
                len(times) < 2 or time.perf_counter() - start < seconds):
            before = time.perf_counter()
            self.run(step)
            times.append(1e3 * (time.perf_counter() - before))
        return times

    def profile(self, step, count=3):
        """(Counter of op type to ms a step, mean wall ms of a traced step)."""
        self.run(step, _Traced(self.session))  # the first traced one is slow
        session, start = _Traced(self.session), time.perf_counter()
        for _ in range(count):
            self.run(step, session)
        wall = 1e3 * (time.perf_counter() - start) / count
        return Counter({op: ms / count for op, ms in session.ms.items()}), wall


class _Traced:
    """A session whose runs are traced; `ms`: time by op type, summed."""

    def __init__(self, session):
        self._session, self.ms = session, Counter()

    def run(self, fetches, feed):
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        metadata = tf.RunMetadata()
        values = self._session.run(fetches, feed, options, metadata)
        for device in metadata.step_stats.dev_stats:
            for node in device.node_stats:
                # 'name = Op(inputs)', optimised ops included.
                op = node.timeline_label.partition(' = ')[2].partition('(')[0]
                self.ms[op or node.node_name] += 1e-3 * (
                    node.op_end_rel_micros - node.op_start_rel_micros)
        return values
