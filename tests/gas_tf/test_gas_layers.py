"""The fast layers equal TensorFlow's plain ops, in values and gradients."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf.networks.layers import (
    batch_normalisation, convolution_relu_pool, transposed_convolution,
    upsampling_kernel)
from runs import determinism


def draw(*shape, **options):
    random = np.random.RandomState(options.get('seed', sum(shape)))
    return random.randn(*shape).astype(np.float32)


def plain_convolution_relu_pool(x, kernel, bias):
    x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, 'VALID') + bias)
    return tf.nn.max_pool2d(x, 2, 2, 'VALID')


def plain_transposed_convolution(x, kernel):
    batch, height, width, _ = x.shape.as_list()
    shape = [batch, 2 * height, 2 * width, int(kernel.shape[2])]
    return tf.nn.conv2d_transpose(x, kernel, shape, 2, 'SAME')


def plain_upsampled_convolution(x, kernel):
    batch, height, width, channels = x.shape.as_list()
    x = tf.reshape(x, [batch, height, 1, width, 1, channels])
    x = tf.tile(x, [1, 1, 2, 1, 2, 1])
    x = tf.reshape(x, [batch, 2 * height, 2 * width, channels])
    return tf.nn.conv2d(x, kernel, 1, 'SAME')


def with_gradients(layer, arrays, seed=0):
    """[y, dL/da for each array] of L = Σ y · random."""
    with tf.Graph().as_default() as graph:
        inputs = [tf.constant(a) for a in arrays]
        y = layer(*inputs)
        upstream = tf.constant(draw(*y.shape.as_list(), seed=seed))
        gradients = tf.gradients(tf.reduce_sum(y * upstream), inputs)
        with determinism.new_session(graph) as session:
            return session.run([y] + gradients)


def assert_close(actual, expected, tolerance=1e-5):
    """The largest difference, against the largest number."""
    assert actual.shape == expected.shape
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=tolerance * max(np.abs(expected).max(), 1e-3))


@pytest.mark.parametrize('shape, filters', [
    ((3, 32, 32, 1), 6), ((2, 32, 32, 3), 6), ((3, 14, 14, 6), 16),
    ((2, 14, 14, 3), 8), ((2, 8, 12, 2), 1), ((1, 6, 6, 1), 3)])
def test_convolution_relu_pool(shape, filters):
    arrays = [draw(*shape), draw(5, 5, shape[3], filters), draw(filters)]
    actual = with_gradients(convolution_relu_pool, arrays)
    expected = with_gradients(plain_convolution_relu_pool, arrays)
    assert actual[0].shape == (shape[0], (shape[1] - 4) // 2, (shape[2] - 4) // 2, filters)
    assert 0 < np.mean(expected[0] == 0) < 1 or expected[0].size < 20
    for a, b in zip(actual, expected):
        assert_close(a, b)


def test_convolution_relu_pool_where_all_four_are_equal():
    """On a flat image the maximum is a tie, which either op may give to any one
    of the four.  All but the image's own gradient is the same; that one is
    moved by at most a pixel, so what it sums to is the same."""
    arrays = [np.full((2, 12, 12, 1), -.42, np.float32), draw(5, 5, 1, 4),
              np.array([9., 9., 9., -99.], np.float32)]
    actual = with_gradients(convolution_relu_pool, arrays)
    expected = with_gradients(plain_convolution_relu_pool, arrays)
    assert np.all(expected[0][..., :3] > 0) and np.all(expected[0][..., 3] == 0)
    for index in (0, 2, 3):
        assert_close(actual[index], expected[index])
    np.testing.assert_allclose(actual[1].sum(axis=(1, 2)), expected[1].sum(axis=(1, 2)), rtol=1e-4)


def test_convolution_relu_pool_where_nothing_is_positive():
    """Below zero (and at zero) no gradient passes, whoever won the pool."""
    for bias in (-99., 0.):
        arrays = [np.zeros((2, 10, 10, 3), np.float32), draw(5, 5, 3, 4),
                  np.full(4, bias, np.float32)]
        for layer in (convolution_relu_pool, plain_convolution_relu_pool):
            assert all(np.all(array == 0) for array in with_gradients(layer, arrays))


@pytest.mark.parametrize('size', [4, 5])
@pytest.mark.parametrize('channels', [(3, 1), (4, 7), (5, 8), (9, 12), (16, 3), (1, 9)])
def test_transposed_convolution(size, channels):
    arrays = [draw(2, 3, 5, channels[0]), draw(size, size, channels[1], channels[0])]
    actual = with_gradients(transposed_convolution, arrays)
    expected = with_gradients(plain_transposed_convolution, arrays)
    assert actual[0].shape == (2, 6, 10, channels[1])
    for a, b in zip(actual, expected):
        assert_close(a, b)


@pytest.mark.parametrize('channels', [(3, 1), (4, 7), (5, 8), (9, 12), (16, 3)])
def test_upsampling_is_a_transposed_convolution(channels):
    arrays = [draw(2, 3, 5, channels[0]), draw(3, 3, *channels)]
    actual = with_gradients(
        lambda x, kernel: transposed_convolution(x, upsampling_kernel(kernel)), arrays)
    expected = with_gradients(plain_upsampled_convolution, arrays)
    for a, b in zip(actual, expected):
        assert_close(a, b)


def test_upsampling_kernel_against_numpy():
    """Nearest ×2 by np.repeat, then 3×3 taps one by one."""
    x, kernel = draw(1, 4, 4, 2).astype(np.float64), draw(3, 3, 2, 9).astype(np.float64)
    padded = np.pad(x.repeat(2, axis=1).repeat(2, axis=2), [(0, 0), (1, 1), (1, 1), (0, 0)])
    expected = sum(padded[:, i:i + 8, j:j + 8] @ kernel[i, j]
                   for i in range(3) for j in range(3))
    y = with_gradients(lambda x, k: transposed_convolution(x, upsampling_kernel(k)),
                       [x.astype(np.float32), kernel.astype(np.float32)])[0]
    assert_close(y, expected)


def normalised(x, epsilon, scale=1., offset=0.):
    """Float64, over all axes but the last."""
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axis=axes)
    variance = np.mean((x - mean) ** 2, axis=axes)
    return (x - mean) / np.sqrt(variance + epsilon) * scale + offset


@pytest.mark.parametrize('shape', [(6, 3), (4, 2, 2, 3), (3, 4, 5, 8)])
@pytest.mark.parametrize('epsilon', [1e-5, .8])
@pytest.mark.parametrize('affine', [True, False])
def test_batch_normalisation(shape, epsilon, affine):
    arrays = [3. + 2. * draw(*shape)]
    if affine:
        arrays += [1. + .3 * draw(shape[-1], seed=1), draw(shape[-1], seed=2)]
    arrays = [a.astype(np.float32) for a in arrays]
    actual = with_gradients(lambda x, *weights: batch_normalisation(x, epsilon, *weights), arrays)
    wide = [a.astype(np.float64) for a in arrays]
    upstream = draw(*shape, seed=0)
    assert_close(actual[0], normalised(wide[0], epsilon, *wide[1:]))

    def loss(*arguments):
        return np.sum(normalised(arguments[0], epsilon, *arguments[1:]) * upstream)

    for index, gradient in enumerate(actual[1:]):
        slopes = np.zeros(wide[index].shape)
        for position in np.ndindex(*slopes.shape):
            moved = [np.array(a) for a in wide]
            moved[index][position] += 1e-5
            above = loss(*moved)
            moved[index][position] -= 2e-5
            slopes[position] = (above - loss(*moved)) / 2e-5
        assert_close(gradient, slopes, 3e-5)


def test_batch_normalisation_of_one_value_is_its_offset():
    y, gradient, _, _ = with_gradients(
        lambda x, scale, offset: batch_normalisation(x, 1e-5, scale, offset),
        [np.full((8, 2), 7., np.float32), np.ones(2, np.float32), np.array([1., -1.], np.float32)])
    np.testing.assert_allclose(y, np.tile([1., -1.], (8, 1)), atol=1e-4)
    assert np.all(np.isfinite(gradient))
