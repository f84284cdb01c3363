"""Policies without their simulator: what is built, and what is drawn."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small_policies import KINDS, by_hand, configured, make_teacher, normalised

from gas_tf import policies, trajectories
from gas_tf.experiments.policies import Generator, Student
from gas_tf.networks.mlp import MLPGenerator
from ppo.experiments import Model
from ppo.teacher import read_teacher
from runs import determinism, settings


@pytest.fixture(scope='module', params=sorted(KINDS))
def teacher(request, tmp_path_factory):
    return read_teacher(make_teacher(tmp_path_factory.mktemp('teacher') / request.param, request.param))


def test_the_teacher_sees_normalised_observations_and_answers_as_by_hand(teacher):
    raw = np.random.RandomState(0).randn(7, *teacher.spaces.shape) * [1e3, 1., .1, 1.][:teacher.spaces.shape[0]]
    expected = normalised(raw, teacher)
    assert np.abs(expected).max() == 10
    with tf.Graph().as_default() as graph:
        network, values = policies.teacher_network(teacher)
        seen = policies.seen(tf.constant(raw, tf.float32), teacher)
        outputs = network(seen)
        answer = outputs.distribution
        with determinism.new_session(graph) as session:
            session.run([tf.assign(v, values[v.op.name]) for v in network.variables])
            said = session.run(answer.logits if hasattr(answer, 'logits') else answer.mean)
            features = session.run(outputs.features)
            np.testing.assert_allclose(session.run(seen), expected, rtol=1e-5)
    np.testing.assert_allclose(said, by_hand(teacher.values, expected), rtol=1e-4, atol=1e-5)
    assert features.shape == (7, teacher.config.model.widths[-1])
    assert not any('value' in name for name in values)


def test_students_have_a_share_of_the_teachers_width(teacher):
    assert [policies.student_model(Student(share=share), Model(widths=(64, 100))).widths
            for share in (.5, 1., .29, .001)] == [(32, 50), (64, 100), (18, 29), (1, 1)]
    assert policies.student_model(Student(widths=(7, 9)), Model(widths=(64, 3))).widths == (7, 9)
    with tf.Graph().as_default():
        config = configured()
        algorithm, _ = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        kernels = [v for v in algorithm.student.variables if 'dense' in v.op.name and 'kernel' in v.op.name]
        assert [int(v.shape[1]) for v in kernels] == [width // 2 for width in teacher.config.model.widths]
    with tf.Graph().as_default():
        config = configured(**{'student.widths': (9,) * len(teacher.config.model.widths)})
        algorithm, _ = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        assert algorithm.student.body.size == 9


def test_the_generator_by_hand():
    with tf.Graph().as_default() as graph:
        plain, standard = [MLPGenerator('generator_%d' % i, 3, 5, 8, bool(i)) for i in (0, 1)]
        z = np.random.RandomState(0).uniform(-1, 1, (50, 5)).astype(np.float32)
        values = dict(plain.initial_values(0), **standard.initial_values(0))
        with determinism.new_session(graph) as session:
            session.run([tf.assign(v, values[v.op.name]) for v in plain.variables + standard.variables])
            drawn, scaled = session.run([plain(z), standard(z)])
    for name, found in (('generator_0', drawn), ('generator_1', scaled)):
        hidden = np.maximum(z @ values[name + '/dense1/kernel'] + values[name + '/dense1/bias'], 0)
        expected = (hidden @ values[name + '/dense2/kernel'] + values[name + '/dense2/bias']).astype(np.float64)
        if name == 'generator_1':
            expected = (expected - expected.mean(0)) / np.sqrt(expected.var(0) + 1e-5)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-5)
    assert np.abs(values['generator_0/dense1/kernel']).max() <= 1 / np.sqrt(5)


@pytest.mark.parametrize('size', [17, 376])
def test_what_new_generators_draw_is_as_large_as_asked(size):
    found = {}
    for rms in (0., 1.5):
        with tf.Graph().as_default() as graph:
            # Several, since each has weights of its own.
            bank = policies.generator_bank(Generator(first_rms=rms, count=8), (size,))
            z = np.random.RandomState(0).uniform(-1, 1, (512, 100)).astype(np.float32)
            values = bank.initial_values(0)
            with determinism.new_session(graph) as session:
                session.run([tf.assign(v, values[v.op.name]) for v in bank.variables])
                drawn = session.run([one(z) for one in bank.generators])
        found[rms] = np.mean([np.mean(np.square(x)) for x in drawn]) ** .5
        assert values['generator_1/dense2/bias'].any() == (rms == 0)
    # U(±1/√fan_in): variance 1/3 of 1/fan_in, and so has the bias's.
    hidden = (1 / 3 + 1 / 100) / 3
    np.testing.assert_allclose(found[0.], np.sqrt((hidden / 2 + 1 / 256) / 3), rtol=.05)
    np.testing.assert_allclose(found[1.5], 1.5, rtol=.05)


def test_what_never_varied_is_0(teacher):
    size = teacher.spaces.shape[0]
    std = np.array(teacher.values['normalizer/std'])
    std[0] = 1e-4  # the normaliser's least
    dull = teacher._replace(values=dict(teacher.values, **{'normalizer/std': std}))
    for zero_constants in (False, True):
        config = configured(**{'generator.zero_constants': zero_constants, 'generator.standardised': True})
        with tf.Graph().as_default() as graph:
            algorithm, values = policies.build(config, dull, policies.source_of_inputs(config, dull, 0), 0)
            with determinism.new_session(graph) as session:
                algorithm.start(session, values)
                for _ in range(2):
                    algorithm.update_student(session), algorithm.update_generators(session)
                drawn = np.concatenate(algorithm.samples(session))
        assert np.array_equal(drawn[:, 0], np.zeros(len(drawn))) == zero_constants
        np.testing.assert_allclose(drawn.std(0)[1:], np.ones(size - 1), atol=.05)
        config = configured(**{'generator.zero_constants': zero_constants, 'inputs': 'noise', 'schedule.batch_size': 512})
        with tf.Graph().as_default() as graph:
            parts = policies.source_of_inputs(config, dull, 0).sub_batches('student noise', 0)
            with determinism.new_session(graph) as session:
                drawn = np.concatenate(session.run(parts))
        assert np.array_equal(drawn[:, 0], np.zeros(len(drawn))) == zero_constants
        np.testing.assert_allclose(drawn.std(0)[1:], np.ones(size - 1), atol=.15)


def test_each_generator_is_watched_though_they_share_sub_batches(teacher):
    config = configured(**{'generator.count': 4, 'schedule.batch_size': 32})
    with tf.Graph().as_default() as graph:
        source = policies.source_of_inputs(config, teacher, 0)
        algorithm, values = policies.build(config, teacher, source, 0)
        assert len(source.sub_batches('student noise', 0)) == 2
        with determinism.new_session(graph) as session:
            algorithm.start(session, values)
            healthy = algorithm.collapse_measures(session)['pairwise_distance_min']
            second = {v.op.name: np.zeros(v.shape.as_list()) for v in source.bank.generators[1].variables}
            algorithm.state.load(session, second)
            assert healthy > 1e-3 and algorithm.collapse_measures(session)['pairwise_distance_min'] == 0.
            assert [x.shape for x in algorithm.samples(session)] == [(8,) + teacher.spaces.shape] * 4
            assert not algorithm.samples(session)[1].any()


def test_real_inputs_are_normalised(teacher, monkeypatch):
    raw = (np.random.RandomState(1).randn(50, *teacher.spaces.shape) * 5).astype(np.float32)
    monkeypatch.setattr(trajectories, 'collect', lambda *_: raw)
    config = configured(**{'inputs': 'real'})
    with tf.Graph().as_default() as graph:
        source = policies.source_of_inputs(config, teacher, 4)
        parts = source.sub_batches('student noise', 0)
        with determinism.new_session(graph) as session:
            found = np.concatenate(session.run(parts, source.feed(0)))
    expected = normalised(raw[source.indices(0)], teacher)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(expected - raw[source.indices(0)]).max() > 1.


def test_the_moments_that_noise_gets(teacher, monkeypatch):
    raw = (np.random.RandomState(1).randn(50, *teacher.spaces.shape) * 5).astype(np.float32)
    monkeypatch.setattr(trajectories, 'collect', lambda *_: raw)
    size = teacher.spaces.shape[0]

    def drawn(**changes):
        config = configured(**dict({'inputs': 'noise', 'schedule.batch_size': 4096}, **changes))
        with tf.Graph().as_default() as graph:
            parts = policies.source_of_inputs(config, teacher, 4).sub_batches('student noise', 0)
            with determinism.new_session(graph) as session:
                return np.concatenate(session.run(parts))
    seen = normalised(raw, teacher)
    real = drawn(**{'noise.moments': 'real'})
    np.testing.assert_allclose(real.mean(0), seen.mean(0), atol=.05 * seen.std())
    np.testing.assert_allclose(np.cov(real.T), np.cov(seen.T, bias=True), atol=.1 * seen.var(0).max())

    rows = teacher.values['ppo/policy/dense1/kernel']
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(np.cov(drawn(**{'noise.correlation': .75}).T), .75 * rows @ rows.T + .25 * np.eye(size),
                               atol=.1)
    assert abs(np.cov(drawn().T) - np.eye(size)).max() < .1


@pytest.mark.parametrize('changes', [
    {}, {'generator.count': 4, 'generator.standardised': True}, {'inputs': 'noise'}, {'inputs': 'real'},
    {'student.decay': 'cosine', 'generator.decay': 'cosine', 'objective.gamma_decay': 'cosine'},
    {'student.average': .9},
    {'objective.one_hot': 1., 'objective.lambda_activation': .1, 'schedule.n_student': 1, 'schedule.n_generator': 1}],
    ids=['gas', 'normalised', 'noise', 'real', 'decay', 'average', 'dafl'])
def test_unrolled_updates_have_the_same_bits(teacher, changes, monkeypatch):
    real = np.random.RandomState(1).randn(50, *teacher.spaces.shape).astype(np.float32)
    monkeypatch.setattr(trajectories, 'collect', lambda *_: real)
    config = configured(**dict({'schedule.student_steps': 30}, **changes))
    if teacher.spaces.actions.kind == 'gaussian':  # has no likeliest class
        config = settings.replace(config, 'objective.one_hot', 0.)

    def trained(unrolled):
        with tf.Graph().as_default() as graph:
            algorithm, values = policies.build(
                config, teacher, policies.source_of_inputs(config, teacher, 4), 4, unrolled)
            with determinism.new_session(graph, rewrites=policies.REWRITES) as session:
                algorithm.start(session, values)
                losses = list(algorithm.epochs(session))
                return losses, algorithm.values(session)
    (losses, values), (others, same) = trained(True), trained(False)
    assert len(losses) == 30 // config.schedule.n_student and losses == others
    assert set(values) == set(same)
    for name, array in values.items():
        np.testing.assert_array_equal(array, same[name], err_msg=name)


def test_a_student_of_its_teacher_learns(teacher):
    config = configured(**{'inputs': 'noise', 'schedule.student_steps': 500, 'schedule.batch_size': 64})
    with tf.Graph().as_default() as graph:
        algorithm, values = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        with determinism.new_session(graph) as session:
            algorithm.start(session, values)
            losses = [row['L_distill'] for row in algorithm.epochs(session)]
    assert np.mean(losses[-5:]) < .3 * np.mean(losses[:5])
