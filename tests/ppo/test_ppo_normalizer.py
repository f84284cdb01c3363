"""The normaliser: moments over batches, what is published, and the way back."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from ppo.normalizer import Normalizer, Returns, constant, normalised
from runs import determinism


def test_moments_over_batches_are_those_of_all():
    data = np.random.RandomState(0).randn(5000, 3) * [1., 10., .1] + [5., -5., 0.]
    normalizer = Normalizer((3,))
    for part in np.array_split(data, 7):
        normalizer.update(part.astype(np.float32))
    parameters = normalizer.parameters()
    np.testing.assert_allclose(parameters['normalizer/mean'], data.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(parameters['normalizer/std'], data.std(axis=0), rtol=1e-3)
    assert {array.dtype for array in parameters.values()} == {np.dtype(np.float32)}


def test_what_never_varied():
    """Numbers of any size: the first variance stands for an observation of 0, far from them."""
    data = np.random.RandomState(0).randn(100000, 6) * [0., 1e-3, 1., 0., 0., .3] + [1., 0., 0., 0., -300., 300.]
    normalizer = Normalizer((6,))
    assert not constant(*normalizer.parameters().values()).any()
    for part in np.array_split(data, 9):
        normalizer.update(part.astype(np.float32))
    parameters = normalizer.parameters()
    found = constant(parameters['normalizer/mean'], parameters['normalizer/std'])
    assert found.tolist() == [True, False, False, True, True, False]


def test_before_the_first_observation_nothing_is_changed():
    parameters = Normalizer((2,)).parameters()
    np.testing.assert_allclose(parameters['normalizer/mean'], [0., 0.])
    np.testing.assert_allclose(parameters['normalizer/std'], [1., 1.])


def test_the_state_goes_out_and_in_without_a_difference():
    data = np.random.RandomState(0).randn(3, 100, 2)
    one, two = Normalizer((2,)), Normalizer((2,))
    one.update(data[0])
    two.load(one.values())
    for normalizer in (one, two):
        normalizer.update(data[1])
    for name, array in one.values().items():
        np.testing.assert_array_equal(array, two.values()[name])


def test_what_the_networks_see_is_clipped():
    with tf.Graph().as_default() as graph:
        found = normalised(tf.constant([[3., 1e6, -1e6]]), tf.constant([1., 0., 0.]), tf.constant([4., 1., 1.]))
        with determinism.new_session(graph) as session:
            np.testing.assert_allclose(session.run(found), [[.5, 10., -10.]])


def test_the_moments_of_the_returns():
    moments, returns = Returns(), 50. * np.random.RandomState(0).randn(4, 1000) + 7.
    assert moments.moments == pytest.approx((0., 1.))
    for part in returns:
        moments.update(part)
    assert moments.moments == pytest.approx((returns.mean(), returns.std()), rel=1e-3)
    again = Returns()
    again.load(moments.values())
    assert again.moments == moments.moments
