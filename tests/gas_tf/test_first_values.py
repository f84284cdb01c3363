"""The first values of networks: repeatable, apart from each other, and of the stated law."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf.experiments.images import LENET5, LENET5_HALF
from gas_tf.networks.generators import DCGAN, DAFLGenerator, GeneratorBank
from gas_tf.networks.lenet import LeNet
from ppo.network import constant, normal, uniform_fan_in


def first_values(build, *key):
    with tf.Graph().as_default():
        return build().initial_values(*key)


def bank_of(count, shape=DAFLGenerator, **options):
    return lambda: GeneratorBank(
        [shape('generator_%d' % i, 10, (16, 8), **options) for i in range(count)])


def weights_only(values):
    return {name: a for name, a in values.items() if np.ptp(a) > 0}


def test_first_values_repeat():
    for build in (lambda: LeNet('student', LENET5_HALF), bank_of(2), bank_of(1, DCGAN)):
        one, two = [first_values(build, 3) for _ in range(2)]
        assert sorted(one) == sorted(two) and one
        for name in one:
            assert one[name].dtype == np.float32
            np.testing.assert_array_equal(one[name], two[name])


def test_first_values_differ_by_generator_draw_and_seed():
    reference = weights_only(first_values(bank_of(2, stddev=0.), 3, 1))
    # Kernels and biases of three layers; the last bias is one number.
    assert len(reference) == 2 * 5
    for name, array in reference.items():
        other = name.replace('generator_0', 'generator_1')
        if other != name:
            assert not np.any(array == reference[other])
    for key in ((3, 0), (3, 2), (4, 1)):
        values = first_values(bank_of(2, stddev=0.), *key)
        for name, array in reference.items():
            assert not np.any(array == values[name]), (key, name)
    zero = first_values(bank_of(2, stddev=0.), 3)
    for name, array in first_values(bank_of(2, stddev=0.), 3, 0).items():
        np.testing.assert_array_equal(array, zero[name])


def test_first_values_do_not_depend_on_what_else_is_created():
    alone = first_values(lambda: LeNet('student', (2, 3, 5, 4)), 3)

    def crowded():
        tf.get_variable('other', [2])
        LeNet('teacher', (2, 3, 5, 4))
        bank_of(3)()
        return LeNet('student', (2, 3, 5, 4))
    after = first_values(crowded, 3)
    wider = first_values(lambda: LeNet('student', (2, 3, 5, 4), classes=7), 3)
    teacher = first_values(lambda: LeNet('teacher', (2, 3, 5, 4)), 3)
    for name, array in alone.items():
        np.testing.assert_array_equal(array, after[name])
        assert not np.any(array == teacher[name.replace('student', 'teacher')])
        if 'dense2' not in name:
            np.testing.assert_array_equal(array, wider[name])
    few, many = first_values(bank_of(2), 3), first_values(bank_of(5), 3)
    for name, array in few.items():
        np.testing.assert_array_equal(array, many[name])


def assert_uniform(array, bound, name):
    assert np.abs(array).max() <= bound, name
    if array.size > 100:
        assert np.abs(array).max() > .95 * bound, name
        assert np.std(array) == pytest.approx(bound / np.sqrt(3), rel=.15), name
        assert abs(np.mean(array)) < 4 * bound / np.sqrt(3 * array.size), name


def assert_normal(array, stddev, name):
    assert np.std(array) == pytest.approx(stddev, rel=.15), name
    assert abs(np.mean(array)) < 4 * stddev / np.sqrt(array.size), name
    assert np.abs(array).max() > 2 * stddev, name   # a uniform law ends at √3


def test_law_of_lenet():
    """U(±1/√fan_in) for weights and biases."""
    values = first_values(lambda: LeNet('n', LENET5), 0)
    fan_in = {'conv1': 25, 'conv2': 150, 'conv3': 400, 'dense1': 120, 'dense2': 84}
    assert len(values) == 10
    for name, array in values.items():
        assert_uniform(array, 1 / np.sqrt(fan_in[name.split('/')[1]]), name)
        assert np.ptp(array) > 0


def test_law_of_dafl():
    """DAFL's own (stddev 0) and the normal law."""
    fan_in = {'dense': 10, 'conv1': 9 * 16, 'conv2': 9 * 8}
    for stddev in (0., .05):
        values = first_values(lambda: DAFLGenerator('g', 10, (16, 8), stddev=stddev), 0)
        for name, array in values.items():
            layer, part = name.split('/')[1:]
            if part in ('scale', 'offset'):
                assert np.all(array == (part == 'scale')), name
            elif stddev and part == 'bias':
                assert np.all(array == 0), name
            elif stddev:
                assert_normal(array, stddev, name)
            else:
                assert_uniform(array, 1 / np.sqrt(fan_in[layer]), name)
                assert np.ptp(array) > 0 or array.size == 1


def test_law_of_dcgan():
    fan_in = {'dense': 10, 'deconv1': 25 * 16 // 4, 'deconv2': 25 * 8 // 4}
    for stddev in (0., .02):
        values = first_values(lambda: DCGAN('g', 10, (16, 8), stddev=stddev), 0)
        assert len(values) == 6
        for name, array in values.items():
            if not stddev:
                assert_uniform(array, 1 / np.sqrt(fan_in[name.split('/')[1]]), name)
                assert np.ptp(array) > 0 or array.size == 1
            elif name.endswith('bias'):
                assert np.all(array == 0), name
            else:
                assert_normal(array, .02, name)


def test_laws():
    random = np.random.RandomState(0)
    assert_uniform(uniform_fan_in(16)(random, [1000]), .25, 'uniform')
    assert_normal(normal(.5)(random, [10, 100]), .5, 'normal')
    assert np.all(constant(3.)(random, [2, 2]) == 3.)
