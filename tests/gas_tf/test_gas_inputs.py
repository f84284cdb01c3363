"""What the student learns from: noise, generated, drawn and real images."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from tiny_algorithm import SEED, digits_like, started

from gas_tf import inputs
from gas_tf.networks.generators import GeneratorBank
from gas_tf.networks.mlp import MLPGenerator
from runs import determinism
from runs.state import State, named


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
        algorithm.update_student(session)
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


def test_towers_divides():
    for batch_size in range(1, 1025):
        count = inputs.towers(batch_size)
        assert 1 <= count <= inputs.TOWERS and batch_size % count == 0
        assert not any(batch_size % n == 0 for n in range(count + 1, inputs.TOWERS + 1))
    assert inputs.towers(512) == 8 and inputs.towers(7) == 7 and inputs.towers(11) == 1


@pytest.mark.parametrize('generators, most, sizes', [(8, 2, [32, 32]), (1, 2, [32, 32]), (4, 4, [16] * 4),
                                                     (2, 4, [16] * 4), (7, 4, [20, 20, 20, 10])])
def test_generators_share_sub_batches(generators, most, sizes):
    batch_size = sum(sizes)
    with tf.Graph().as_default() as graph:
        bank = GeneratorBank([MLPGenerator('generator_%d' % i, 3, 5, 4) for i in range(generators)])
        joined, apart = [inputs.Generated(bank, 0, batch_size, 5, most, joined) for joined in (True, False)]
        parts, slices = joined.sub_batches('student noise', 7), apart.sub_batches('student noise', 7)
        assert [int(part.shape[0]) for part in parts] == sizes and len(slices) == max(generators, len(sizes))
        with determinism.new_session(graph) as session:
            State(named(bank.variables)).load(session, bank.initial_values(3))
            np.testing.assert_array_equal(*[np.concatenate(session.run(found)) for found in (parts, slices)])


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
