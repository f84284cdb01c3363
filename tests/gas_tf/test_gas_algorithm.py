"""Algorithm 1: the order of its steps, what each of them changes, and its bits."""

import contextlib
import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf import experiments, images, inputs
from gas_tf.algorithm import Distillation, check_schedule, decayed
from gas_tf.data.dataset import Dataset
from gas_tf.networks.generators import GeneratorBank
from runs import determinism, settings
from runs.checkpoint import fingerprint  # noqa: F401 (for the processes that tests start)
from runs.errors import UserError
from runs.state import State

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
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


@pytest.fixture(scope='module')
def module_graph():
    with started() as (algorithm, session):
        yield Tiny(algorithm, session)


@pytest.fixture
def tiny(module_graph):
    with module_graph.session.graph.as_default():
        schedule = module_graph.algorithm.schedule
        module_graph.at_start()
        yield module_graph
        module_graph.algorithm.schedule = schedule


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
    optimizers = {'student': algorithm._student_optimizer,
                  'generator': algorithm._generator_optimizers[0]}
    return {side: ([v.op.name for v in weights[side]],
                   [v.op.name for v in weights[side] + optimizers[side].variables()])
            for side in weights}


def assert_same(one, two, names=None):
    if names is None:
        assert sorted(one) == sorted(two)
    for name in one if names is None else names:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


# The schedule, without a graph.

class Listed(Distillation):
    """Algorithm 1's loop with steps that only say their name."""

    def __init__(self, schedule, bank=True, student_steps=0):
        self.schedule, self.seen, self.groups = schedule, [], [None]
        self.inputs = type('Inputs', (), {'bank': bank})
        self.student_steps, self.generator_steps, self.resets = student_steps, 0, 0

    def update_student(self, session):
        self.seen.append('S')
        self.student_steps += 1
        return [{'L_distill': float(self.student_steps)}]

    def update_generators(self, session):
        self.seen.append('G')
        self.generator_steps += 1
        return [{'L_adapt': float(self.generator_steps)}]

    def reset(self, session, due):
        assert due == [0]
        self.seen.append('R')
        self.resets += 1


def algorithm_1(epochs, n_student, reset_epochs, n_generator, first=0):
    steps = ''
    for e in range(first, epochs):
        steps += 'S' * n_student
        if reset_epochs and e % reset_epochs == 0:
            steps += 'R'
        steps += 'G' * n_generator
    return steps


@pytest.mark.parametrize('epochs, n_student, reset_epochs, n_generator', [
    (7, 3, 2, 2), (4, 1, 1, 1), (5, 2, 3, 4), (6, 2, 0, 1), (3, 4, 9, 2), (3, 2, 1, 0)])
def test_order_of_steps(epochs, n_student, reset_epochs, n_generator):
    schedule = dataclasses.replace(
        experiments.images.Schedule(), student_steps=epochs * n_student, n_student=n_student,
        n_generator=n_generator, reset_every=reset_epochs * n_student)
    run = Listed(schedule)
    assert len(list(run.epochs(None))) == epochs
    numbers = epochs, n_student, reset_epochs, n_generator
    assert ''.join(run.seen) == algorithm_1(*numbers)
    resumed = Listed(schedule, student_steps=2 * n_student)
    list(resumed.epochs(None))
    assert ''.join(resumed.seen) == algorithm_1(*numbers, first=2)
    alone = Listed(schedule, bank=None)
    list(alone.epochs(None))
    assert ''.join(alone.seen) == 'S' * (epochs * n_student)


def test_an_epoch_yields_the_means_of_its_own_losses():
    schedule = dataclasses.replace(
        experiments.images.Schedule(), student_steps=6, n_student=3, n_generator=2, reset_every=0)
    assert list(Listed(schedule).epochs(None)) == [
        {'L_distill': 2., 'L_adapt': 1.5}, {'L_distill': 5., 'L_adapt': 3.5}]


def test_check_schedule():
    check_schedule(configured().schedule, 2)
    check_schedule(configured(**{'schedule.reset_every': 0}).schedule, 2)


@pytest.mark.parametrize('field, value, generators', [
    ('student_steps', 13, 2), ('student_steps', 0, 2), ('student_steps', -3, 2),
    ('evaluate_every', 4, 2), ('evaluate_every', 0, 2), ('evaluate_every', 9, 2),
    ('reset_every', 7, 2), ('reset_every', -6, 2), ('n_student', 0, 2),
    ('n_student', 5, 2), ('batch_size', 9, 2), ('batch_size', 8, 0), ('batch_size', 8, 3)])
def test_numbers_that_do_not_fit_are_one_line(field, value, generators):
    schedule = dataclasses.replace(configured().schedule, **{field: value})
    with pytest.raises(UserError) as caught:
        check_schedule(schedule, generators)
    message = str(caught.value)
    assert '\n' not in message and 'schedule.' in message and 'give a multiple' in message


# What each step changes, and by how much.

def test_the_graph_holds_three_sides_and_no_more(tiny):
    names = {v.op.name for v in tf.global_variables()}
    student, generator = [set(side[1]) for side in
                          (sides(tiny.algorithm)['student'], sides(tiny.algorithm)['generator'])]
    teacher = {v.op.name for v in tiny.algorithm.teacher.variables}
    assert not (student & generator or student & teacher or generator & teacher)
    assert names == student | generator | teacher
    saved = tiny.algorithm.state.variables
    assert {v.op.name for v in saved.values()} == student | generator
    # TensorFlow numbers the powers by creation; the saved names do not depend on it.
    assert {name for name in saved if 'power' in name} == {
        '%s_adam/beta%d_power' % (side, i) for side in ('student', 'generator') for i in (1, 2)}


@pytest.mark.parametrize('side', ['student', 'generator'])
def test_a_step_changes_its_own_side_alone(tiny, side):
    algorithm, session = tiny.at_start()
    weights, own = sides(algorithm)[side]
    before = tiny.everything()
    for _ in range(3):
        {'student': algorithm.update_student, 'generator': algorithm.update_generators}[side](session)
    after = tiny.everything()
    assert_same(before, after, set(before) - set(own))
    for name in own:
        # A bias before a batch-norm has no gradient but what rounding leaves.
        if side == 'student' or 'bias' not in name:
            assert np.any(before[name] != after[name]), name
    assert (algorithm.student_steps, algorithm.generator_steps, algorithm.resets) == (
        3 * (side == 'student'), 3 * (side == 'generator'), 0)


def test_the_teacher_never_changes(tiny):
    algorithm, session = tiny.at_start()
    before = tiny.everything()
    list(algorithm.epochs(session))
    after = tiny.everything()
    expected = teacher_values(algorithm)
    for v in algorithm.teacher.variables:
        np.testing.assert_array_equal(before[v.op.name], after[v.op.name])
        np.testing.assert_array_equal(after[v.op.name], expected[v.op.name])
    assert (algorithm.student_steps, algorithm.generator_steps, algorithm.resets) == (12, 8, 2)


def test_which_gradients_exist(tiny):
    algorithm = tiny.algorithm
    student, bank = algorithm.student.variables, algorithm.inputs.bank.variables
    terms = algorithm._generator_updates[0][0]
    for name in ('H_each', 'H_mean', 'activation', 'L_H', 'L_G'):
        assert tf.gradients(terms[name], student) == [None] * len(student), name
    assert None not in tf.gradients(terms['L_H'], bank)
    # Both sides reach L_distill: the adaptive term through the generated input.
    assert None not in tf.gradients(terms['L_adapt'], student)
    assert None not in tf.gradients(algorithm._student_updates[0][0]['L_distill'], bank)


@pytest.mark.parametrize('side', ['student', 'generator'])
def test_a_step_is_adam_on_the_plain_loss(tiny, side):
    """Three updates against Adam in NumPy with gradients of the plain graph."""
    algorithm, session = tiny.at_start()
    rate = {'student': 1e-3, 'generator': 1e-2}[side]
    names = sides(algorithm)[side][0]
    step, loss, gradients = tiny.plain[side]
    m = {n: 0. for n in names}
    v = {n: 0. for n in names}
    sizes = dict.fromkeys(names, 0.)
    for t in (1, 2, 3):
        # From the weights that the run has now, so that differences do not grow.
        values = tiny.everything()
        weights = {n: values[n].astype(np.float64) for n in names}
        expected_loss, g = session.run([loss, dict(zip(names, gradients))], {step: t - 1})
        # A bias before a batch-norm has no gradient but what is rounded.
        rounded = 1e-6 * max(np.abs(array).max() for array in g.values())
        losses, = {'student': algorithm.update_student, 'generator': algorithm.update_generators}[side](session)
        assert losses['L_distill' if side == 'student' else 'L_adapt'] == pytest.approx(
            float(expected_loss), rel=1e-4)
        after = tiny.everything()
        for n in names:
            m[n] = .9 * m[n] + .1 * g[n]
            v[n] = .999 * v[n] + .001 * g[n].astype(np.float64) ** 2
            size = sizes[n] = max(sizes[n], np.abs(g[n]).max())
            slots = after[n + '/%s_adam' % side], after[n + '/%s_adam_1' % side]
            np.testing.assert_allclose(slots[0], m[n], rtol=0, atol=1e-3 * size + rounded, err_msg=n)
            np.testing.assert_allclose(slots[1], v[n], rtol=0, atol=2e-6 * size ** 2 + rounded ** 2,
                                       err_msg=n)
            step_size = rate * np.sqrt(1 - .999 ** t) / (1 - .9 ** t)
            moved = weights[n] - step_size * slots[0] / (np.sqrt(slots[1].astype(np.float64)) + 1e-8)
            np.testing.assert_allclose(after[n], moved, rtol=1e-6, atol=2e-3 * rate, err_msg=n)


def test_losses_that_a_generator_step_returns(tiny):
    algorithm, session = tiny.at_start()
    losses = algorithm.update_generators(session)[0]
    weights = algorithm.objective
    assert {'H_each', 'H_mean', 'activation', 'L_H', 'L_G', 'L_adapt',
            'L_distill_generator'} <= set(losses)
    assert losses['L_H'] == pytest.approx(
        weights.alpha * losses['H_each'] - weights.beta * losses['H_mean'], rel=1e-6)
    assert losses['L_G'] == pytest.approx(
        losses['L_H'] - weights.lambda_activation * losses['activation'], rel=1e-6)
    assert losses['L_adapt'] < losses['L_G'] and weights.gamma > 0
    assert all(np.isscalar(loss) for loss in losses.values())


def test_the_student_learns(tiny):
    algorithm, session = tiny.at_start()
    losses = [algorithm.update_student(session)[0]['L_distill'] for _ in range(150)]
    assert min(losses) > 0
    assert np.mean(losses[-10:]) < .7 * np.mean(losses[:10])


# Noise.

def test_noise_is_a_function_of_seed_stream_and_step():
    def draws(seed, keys, other_ops=0):
        with tf.Graph().as_default() as graph:
            for _ in range(other_ops):
                tf.random.uniform([2])
            source = inputs.Generated(GeneratorBank([None]), seed, 512, 100)
            step = tf.placeholder(tf.int64, [])
            with determinism.new_session(graph) as session:
                return [session.run(source.noise(stream, step), {step: k})
                        for stream, k in keys]
    keys = [('student noise', 0), ('student noise', 1), ('generator noise', 0),
            ('monitor noise', 0)]
    first = draws(SEED, keys)
    for array, again in zip(first, reversed(draws(SEED, keys[::-1], other_ops=5))):
        np.testing.assert_array_equal(array, again)
    for i, array in enumerate(first + draws(SEED + 1, keys[:1])):
        assert array.shape == (512, 100) and array.dtype == np.float32
        assert -1 <= array.min() < -.999 and .999 < array.max() <= 1
        assert abs(array.mean()) < .01 and array.std() == pytest.approx(1 / np.sqrt(3), rel=.01)
        for other in first[:i]:
            assert abs(np.corrcoef(array.ravel(), other.ravel())[0, 1]) < .03


def test_noise_of_a_step_is_the_same_after_a_reload(tiny):
    algorithm, session = tiny.at_start()
    for _ in range(2):
        algorithm.update_student(session)[0]
    saved = algorithm.values(session)
    assert saved['counters/student_steps'] == 2
    losses = [algorithm.update_student(session)[0] for _ in range(3)]
    algorithm.load(session, saved)
    assert [algorithm.update_student(session)[0] for _ in range(3)] == losses
    # The same weights with the noise of another step give another loss.
    algorithm.load(session, dict(saved, **{'counters/student_steps': np.int64(4)}))
    assert algorithm.update_student(session)[0] != losses[0]


def test_samples_are_of_fixed_noise(tiny):
    algorithm, session = tiny.at_start()
    first = algorithm.samples(session)
    measures = algorithm.collapse_measures(session)
    algorithm.update_student(session)[0]
    np.testing.assert_array_equal(first, algorithm.samples(session))
    assert np.shape(first) == (2, 4, 32, 32, 1)
    assert sum(measures['class_histogram']) == pytest.approx(1.)
    assert measures != algorithm.collapse_measures(session)     # fresh noise each time
    algorithm.update_generators(session)[0]
    assert not np.array_equal(first, algorithm.samples(session))


# Re-initialisation.

def after_steps(tiny):
    algorithm, session = tiny.at_start()
    for _ in range(2):
        algorithm.update_student(session)[0]
        algorithm.update_generators(session)[0]
    return algorithm, session, algorithm.values(session)


@pytest.mark.parametrize('reset_slots', [True, False])
def test_reset(tiny, reset_slots):
    algorithm, session, before = after_steps(tiny)
    algorithm.schedule = dataclasses.replace(algorithm.schedule, reset_slots=reset_slots)
    algorithm.reset(session, [0])
    after = algorithm.values(session)
    weights = sides(algorithm)['generator'][0]
    own = [name for name in algorithm.state.variables if name.startswith('generator')]
    assert (algorithm.resets, after['counters/resets']) == (1, 1)
    assert_same(algorithm.inputs.bank.initial_values(SEED, 1), after, weights)
    for name in weights:
        assert np.any(before[name] != after[name]), name
    for name in set(own) - set(weights):
        assert np.any(before[name] != 0)
        if not reset_slots:
            np.testing.assert_array_equal(before[name], after[name])
        elif 'power' in name:
            assert after[name] == np.float32(.999 if 'beta2' in name else .9)
            assert before[name] < after[name]
        else:
            assert np.all(after[name] == 0), name
    assert sum('power' in name for name in own) == 2
    assert_same(before, after, set(before) - set(own) - {'counters/resets'})


def test_after_a_reset_adam_is_as_at_its_first_step(tiny):
    """Slots zero and powers restored: the first move is the learning rate."""
    algorithm, session, _ = after_steps(tiny)
    algorithm.reset(session, [0])
    before = algorithm.values(session)
    algorithm.update_generators(session)[0]
    after = algorithm.values(session)
    for name in sides(algorithm)['generator'][0]:
        if name.endswith('kernel'):
            assert np.abs(after[name] - before[name]).max() == pytest.approx(1e-2, rel=1e-2)


def test_resets_differ_each_time_and_repeat(tiny):
    algorithm, session = tiny.at_start()
    names = [n for n in sides(algorithm)['generator'][0] if n.endswith('kernel')]
    seen = []
    for _ in range(2):
        seen.append([algorithm.values(session)])
        for _ in range(2):
            algorithm.reset(session, [0])
            seen[-1].append(algorithm.values(session))
        tiny.at_start()
    for one, two in zip(*seen):
        assert_same(one, two)
    for name in names:
        for i, j in ((0, 1), (0, 2), (1, 2)):
            assert not np.any(seen[0][i][name] == seen[0][j][name]), name


def test_who_is_due_in_turn():
    """Four generators of a period of eight epochs: all at the start, then one every other epoch."""
    algorithm = object.__new__(Distillation)
    algorithm.groups = [[i] for i in range(4)]
    algorithm.schedule = dataclasses.replace(experiments.images.Schedule(), n_student=5, reset_every=40)
    assert [algorithm._due(e) for e in range(11)] == [
        [0, 1, 2, 3], [], [1], [], [2], [], [3], [], [0], [], [1]]
    algorithm.schedule = dataclasses.replace(algorithm.schedule, reset_every=0)
    assert [algorithm._due(e) for e in range(3)] == [[], [], []]


def test_a_generator_reset_in_turn_leaves_the_others():
    with started(**{'schedule.reset_in_turn': True}) as (algorithm, session):
        for _ in range(3):
            algorithm.update_generators(session)
        before = algorithm.values(session)
        algorithm.reset(session, [1])
        after = algorithm.values(session)
        changed = {name for name in before if np.any(before[name] != after[name])}
        assert {'generator_1/dense/kernel', 'generator_adam_1/beta1_power', 'counters/resets'} <= changed
        assert all(name.startswith(('generator_1/', 'generator_adam_1/', 'counters/')) for name in changed)
        assert_same(algorithm.inputs.bank.generators[1].initial_values(algorithm.seed, 1), after,
                    [v.op.name for v in algorithm.inputs.bank.generators[1].variables])
        algorithm.update_generators(session)
        moved = algorithm.values(session)
        # Adam begins anew for it alone: the first move is the learning rate.
        for i in (0, 1):
            name = 'generator_%d/dense/kernel' % i
            share = np.mean(np.abs(np.abs(moved[name] - after[name]) - 1e-2) < 1e-4)
            assert share > .9 if i == 1 else share < .5


@pytest.mark.parametrize('decay, expected', [
    ('constant', [2., 2., 2., 2., 2.]), ('cosine', [2., 1., 1. - np.cos(.8 * np.pi) * -1., None, 0.]),
    ('late', [2., 2., 2., 1., 0.])])
def test_ways_down_to_zero(decay, expected):
    with tf.Graph().as_default() as graph:
        step = tf.placeholder(tf.int64, [])
        value = tf.convert_to_tensor(decayed(2., decay, step, 100))
        with determinism.new_session(graph) as session:
            found = [session.run(value, {step: k}) for k in (0, 50, 80, 90, 100)]
    for one, wanted in zip(found, expected):
        assert wanted is None or one == pytest.approx(wanted, abs=1e-6)


# The state, in and out.

def test_values_are_copies_and_load_is_exact(tiny):
    algorithm, session = tiny.at_start()
    values = algorithm.values(session)
    assert_same(values, tiny.start)
    list(algorithm.epochs(session))
    assert_same(values, tiny.start)
    algorithm.load(session, values)
    assert_same(algorithm.values(session), values)
    assert (algorithm.student_steps, algorithm.generator_steps, algorithm.resets) == (0, 0, 0)


def straight(other_ops=False, **changes):
    """(losses by epoch, values after each epoch) of a whole run."""
    losses, values = [], []
    with started(other_ops, **changes) as (algorithm, session):
        for epoch_losses in algorithm.epochs(session):
            losses.append(epoch_losses)
            values.append(algorithm.values(session))
    return losses, values


@pytest.fixture(scope='module')
def whole_run():
    return straight()


def test_a_resumed_run_is_the_same_bit_for_bit(whole_run):
    """A new graph and a new session go on from what `values` returned."""
    losses, values = whole_run
    assert len(losses) == 4 and values[-1]['counters/resets'] == 2
    with started() as (algorithm, session):
        for done in (1, 2):
            algorithm.load(session, values[done - 1])
            assert list(algorithm.epochs(session)) == losses[done:]
            assert_same(algorithm.values(session), values[-1])


def test_other_ops_in_the_graph_do_not_change_the_bits(whole_run):
    losses, values = straight(other_ops=True)
    assert losses == whole_run[0]
    assert_same(values[-1], whole_run[1][-1])


def test_ops_side_by_side_do_not_change_the_bits():
    script = ('import test_gas_algorithm as test\n'
              'print(test.fingerprint(test.straight(**{"schedule.student_steps": 6})[1][-1]))')
    runs = []
    for inter_op in ('1', '2'):
        environment = dict(os.environ, TF_NUM_INTEROP_THREADS=inter_op,
                           PYTHONPATH=os.pathsep.join([ROOT, HERE]))
        environment.pop('TF_NUM_INTRAOP_THREADS', None)
        runs.append(subprocess.Popen(
            [sys.executable, '-c', script], env=environment, stdout=subprocess.PIPE))
    digests = [run.communicate()[0].split()[-1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0] and len(digests[0]) == 64
    assert digests[0] == digests[1]


def test_state_refuses_what_it_does_not_know():
    with tf.Graph().as_default() as graph:
        state = State({'a': tf.get_variable('a', [2]), 'b': tf.get_variable('b', [])})
        with determinism.new_session(graph) as session:
            session.run(tf.global_variables_initializer())
            state.load(session, {'a': [1., 2.]})
            state.load(session, {'b': 3.})
            values = state.values(session)
            assert values['a'].tolist() == [1., 2.] and values['b'] == 3.
            with pytest.raises(KeyError):
                state.load(session, {'c': 0.})
            with pytest.raises(ValueError):
                state.load(session, {'a': [1., 2., 3.]})
            assert state.values(session)['a'].tolist() == [1., 2.]


# The learning rate, and equal networks.

@pytest.fixture(scope='module')
def cosine():
    """A student of the teacher's own shape, and decayed rates."""
    changes = {'student.decay': 'cosine', 'generator.decay': 'cosine',
               'student.widths': TINY['teacher.widths']}
    with started(**changes) as (algorithm, session):
        yield algorithm, session, algorithm.values(session)


@pytest.mark.parametrize('side, rate, steps', [('student', 1e-3, 12), ('generator', 1e-2, 8)])
@pytest.mark.parametrize('share', [0., .25, .5, .75, 1.])
def test_cosine_decay(cosine, side, rate, steps, share):
    """Adam's first move is the learning rate."""
    algorithm, session, start = cosine
    step = np.int64(share * steps)
    algorithm.load(session, dict(start, **{'counters/%s_steps' % side: step}))
    {'student': algorithm.update_student, 'generator': algorithm.update_generators}[side](session)
    after = algorithm.values(session)
    moved = max(np.abs(after[name] - start[name]).max()
                for name in sides(algorithm)[side][0] if name.endswith('kernel'))
    assert moved == pytest.approx(rate * .5 * (1 + np.cos(np.pi * share)), rel=2e-3, abs=2e-7)


def test_l_distill_is_positive_unless_the_student_is_the_teacher(cosine):
    algorithm, session, start = cosine
    algorithm.load(session, start)
    assert algorithm.update_student(session)[0]['L_distill'] > 1e-3
    same = dict(start)
    for name, array in teacher_values(algorithm).items():
        same[name.replace('teacher', 'student')] = array
    algorithm.load(session, same)
    assert abs(algorithm.update_student(session)[0]['L_distill']) < 1e-6
    algorithm.load(session, dict(same, **{
        'student/dense2/kernel': 1.1 * same['student/dense2/kernel']}))
    assert algorithm.update_student(session)[0]['L_distill'] > 1e-4


# Other inputs.

def test_towers_divides():
    for batch_size in range(1, 1025):
        count = inputs.towers(batch_size)
        assert 1 <= count <= inputs.TOWERS and batch_size % count == 0
        assert not any(batch_size % n == 0 for n in range(count + 1, inputs.TOWERS + 1))
    assert inputs.towers(512) == 8 and inputs.towers(7) == 7 and inputs.towers(11) == 1


def test_real_images_come_in_shuffled_epochs():
    images = np.arange(23, dtype=np.float32).reshape(23, 1)
    with tf.Graph().as_default() as graph:
        source, again, other = [inputs.Real(seed, 5, images) for seed in (1, 1, 2)]
        epochs = [[source.indices(4 * e + k) for k in range(4)] for e in range(3)]
        for epoch in epochs:
            assert len(set(np.concatenate(epoch))) == 20
        assert not np.array_equal(epochs[0], epochs[1])
        assert not np.array_equal(epochs[0], [other.indices(k) for k in range(4)])
        np.testing.assert_array_equal(again.indices(9), epochs[2][1])     # asked out of order
        np.testing.assert_array_equal(again.indices(2), epochs[0][2])
        parts = source.sub_batches('student noise', None)
        assert source.bank is None and len(parts) == 5
        with determinism.new_session(graph) as session:
            batch = np.concatenate(session.run(parts, source.feed(2)))
    np.testing.assert_array_equal(batch.ravel(), epochs[0][2])


def test_noise_pixels():
    with tf.Graph().as_default() as graph:
        source, other = [inputs.Noise(seed, 16, (32, 32, 1)) for seed in (1, 2)]
        step = tf.placeholder(tf.int64, [])
        fetches = [tf.concat(s.sub_batches('student noise', step), axis=0) for s in (source, other)]
        assert source.bank is None and source.feed(3) == {}
        assert len(source.sub_batches('student noise', step)) == 8
        with determinism.new_session(graph) as session:
            zero, one, zero_again = [session.run(fetches, {step: k}) for k in (0, 1, 0)]
    np.testing.assert_array_equal(zero, zero_again)
    assert zero[0].shape == (16, 32, 32, 1)
    assert abs(zero[0].mean()) < .03 and zero[0].std() == pytest.approx(1, rel=.03)
    assert not np.any(zero[0] == one[0]) and not np.any(zero[0] == zero[1])


@pytest.mark.parametrize('kind', ['real', 'noise'])
def test_a_student_without_generators(kind):
    with started(**{'inputs': kind, 'schedule.batch_size': 2}) as (algorithm, session):
        names = {v.op.name for v in tf.global_variables()}
        assert not any(name.startswith('generator') for name in names)
        batches = []
        for k in range(2):
            feed = algorithm.inputs.feed(k)
            step = tf.constant(k, tf.int64)
            batches.append(np.concatenate(session.run(
                algorithm.inputs.sub_batches('student noise', step), feed)))
        images = tf.constant(batches[0])
        log_t, log_s = [tf.nn.log_softmax(network(images).distribution.logits)
                        for network in (algorithm.teacher, algorithm.student)]
        expected = session.run(tf.reduce_mean(
            tf.reduce_sum(tf.exp(log_t) * (log_t - log_s), axis=1)))
        teacher = session.run(algorithm.teacher.variables)
        assert algorithm.update_student(session)[0]['L_distill'] == pytest.approx(expected, rel=1e-4)
        for before, after in zip(teacher, session.run(algorithm.teacher.variables)):
            np.testing.assert_array_equal(before, after)
        if kind == 'real':
            # Only images of the training part that was handed over.
            own = {image.tobytes() for image in digits_like().train_images[5:35]}
            assert all(image.tobytes() in own for batch in batches for image in batch)
        algorithm.load(session, dict(algorithm.values(session),
                                     **{'counters/student_steps': np.int64(9)}))
        assert [sorted(row) for row in algorithm.epochs(session)] == [['L_distill']]
        assert (algorithm.student_steps, algorithm.generator_steps, algorithm.resets) == (12, 0, 0)
        assert algorithm.collapse_measures(session) == {}
