"""Noise of given moments: what is taken from observations and from first weights, and what is drawn."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf import inputs, moments
from runs import determinism


def test_moments_of_what_the_networks_see(monkeypatch):
    random = np.random.RandomState(0)
    raw = np.float32(random.randn(101, 3) @ [[1., 2., 0.], [0., 1., 0.], [0., 0., 1.]] * [1., 50., 1e-3] + [5., -3., 0.])
    raw[7, 0] = 1e6  # is clipped
    mean, std = np.float32([4., 0., 0.]), np.float32([2., 70., 1.])
    expected = np.clip((np.float64(raw) - mean) / std, -10., 10.)
    assert expected[7, 0] == 10.
    for rows in (1000, 10):  # in one part, and in eleven of which the last has one row
        monkeypatch.setattr(moments, 'ROWS', rows)
        centre, covariance = moments.of_observations(raw, mean, std)
        np.testing.assert_allclose(centre, expected.mean(0), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(covariance, np.cov(expected.T, bias=True), rtol=1e-10, atol=1e-15)


def test_correlations_of_first_weights_by_hand():
    kernel = np.float32([[3., 0.], [6., 0.], [1., 1.], [0., -2.], [0., 0.]])
    mean, covariance = moments.of_weights(kernel, .5)
    cosine = .5 * np.sqrt(.5)
    assert not mean.any()
    np.testing.assert_allclose(covariance, [
        [1., .5, cosine, 0., 0.], [.5, 1., cosine, 0., 0.], [cosine, cosine, 1., -cosine, 0.],
        [0., 0., -cosine, 1., 0.], [0., 0., 0., 0., 1.]], atol=1e-12)


def test_the_square_root():
    random = np.random.RandomState(1)
    half = random.randn(5, 3)  # a covariance without its full rank
    root = moments.square_root(half @ half.T)
    np.testing.assert_allclose(root @ root, half @ half.T, atol=1e-5)
    np.testing.assert_array_equal(root, root.T)


@pytest.mark.parametrize('parts', [1, 4])
def test_what_is_drawn_has_the_moments(parts):
    mean, covariance = np.array([1., -2., .5]), np.array([[1., .6, 0.], [.6, .5, .1], [0., .1, 2.]])
    zero = np.array([False, False, True])
    with tf.Graph().as_default() as graph:
        sources = [inputs.Noise(3, 20000, (3,), parts, None, (mean, covariance)),
                   inputs.Noise(3, 20000, (3,), parts, zero, (mean, covariance)), inputs.Noise(3, 20000, (3,), parts)]
        drawn = [source.sub_batches('student noise', 5) for source in sources]
        assert [len(one) for one in drawn] == [parts] * 3
        with determinism.new_session(graph) as session:
            free, masked, plain = session.run([tf.concat(one, axis=0) for one in drawn])
    np.testing.assert_allclose(free.mean(0), mean, atol=.05)
    np.testing.assert_allclose(np.cov(free.T), covariance, atol=.06)
    np.testing.assert_array_equal(masked[:, :2], free[:, :2])
    assert not masked[:, 2].any()
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(free, mean + plain @ (vectors * np.sqrt(values)) @ vectors.T, atol=1e-5)
