"""Equation 5: the lower bound of a Gaussian mixture's entropy."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from ppo.distributions import DiagGaussian
from runs import determinism, policy_inputs


def evaluated(mean, log_std, cut=None, gradients=False):
    """The bound in TensorFlow; with its gradients by means and deviations."""
    with tf.Graph().as_default() as graph:
        mean, log_std = tf.constant(mean, tf.float32), tf.constant(log_std, tf.float32)
        means = tf.split(mean, cut or [int(mean.shape[0])])
        if log_std.shape.rank == 1:
            parts = [DiagGaussian(m, log_std) for m in means]
        else:
            parts = [DiagGaussian(m, s) for m, s in zip(means, tf.split(log_std, cut or [int(mean.shape[0])]))]
        bound = DiagGaussian.mixture_entropy(parts)
        assert bound.dtype == tf.float32 and bound.shape == []
        with determinism.new_session(graph) as session:
            return session.run([bound] + (tf.gradients(bound, [mean, log_std]) if gradients else []))


def oracle(mean, log_std):
    """The equation, term by term, in double precision."""
    mean = np.asarray(mean, np.float64)
    log_std = np.broadcast_to(np.asarray(log_std, np.float64), mean.shape)
    b, total = len(mean), 0.
    for i in range(b):
        logs = []
        for j in range(b):
            variance = np.exp(2. * log_std[i]) + np.exp(2. * log_std[j])
            logs.append(-.5 * np.sum((mean[i] - mean[j]) ** 2 / variance + np.log(2. * np.pi * variance)))
        top = max(logs)
        total += (top + np.log(sum(np.exp(value - top) for value in logs) / b)) / b
    return -total


def mixture(rows, dimensions, shared, seed=0, spread=1.):
    random = np.random.RandomState(seed)
    return (spread * random.randn(rows, dimensions),
            random.uniform(-1., .5, dimensions if shared else (rows, dimensions)))


@pytest.mark.parametrize('shared', [True, False])
@pytest.mark.parametrize('rows, dimensions', [(1, 3), (2, 1), (9, 4), (40, 17)])
def test_the_bound_equals_the_oracle(rows, dimensions, shared):
    mean, log_std = mixture(rows, dimensions, shared)
    assert evaluated(mean, log_std)[0] == pytest.approx(oracle(mean, log_std), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize('shared', [True, False])
def test_sub_batches_make_no_difference(shared):
    mean, log_std = mixture(9, 4, shared)
    whole, cut = evaluated(mean, log_std, gradients=True), evaluated(mean, log_std, cut=[2, 3, 4], gradients=True)
    for one, other in zip(whole, cut):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert np.abs(whole[1]).max() > 1e-3


def test_both_ways_of_computing_it_agree():
    mean, log_std = mixture(30, 6, True)
    one = evaluated(mean, log_std, gradients=True)
    other = evaluated(mean, np.tile(log_std, (30, 1)), gradients=True)
    assert one[0] == pytest.approx(other[0], rel=1e-5)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(one[2], other[2].sum(axis=0), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('shared, equal', [(True, False), (False, False), (False, True)])
def test_gradients_by_finite_differences(shared, equal):
    """Equal deviations of different inputs too, where they have no order."""
    mean, log_std = [np.float32(array).astype(np.float64) for array in mixture(6, 3, shared)]
    if equal:
        log_std[:] = log_std[0]
    _, by_mean, by_std = evaluated(mean, log_std, gradients=True)
    for array, gradient in ((mean, by_mean), (log_std, by_std)):
        slopes = np.zeros(array.shape)
        for place in np.ndindex(*array.shape):
            kept = array[place]
            array[place] = kept + 1e-5
            above = oracle(mean, log_std)
            array[place] = kept - 1e-5
            slopes[place] = (above - oracle(mean, log_std)) / 2e-5
            array[place] = kept
        np.testing.assert_allclose(gradient, slopes, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('shared', [True, False])
def test_one_component(shared):
    """−log N(μ; μ, 2C): below the exact entropy by d/2·(1 − log 2), whatever the component."""
    mean, log_std = mixture(1, 5, shared)
    exact = np.sum(log_std + .5 * np.log(2. * np.pi * np.e))
    assert evaluated(mean, log_std)[0] == pytest.approx(exact - 2.5 * (1. - np.log(2.)), rel=1e-5)


@pytest.mark.parametrize('seed', range(12))
def test_it_is_a_lower_bound(seed):
    random = np.random.RandomState(seed)
    rows, dimensions = random.randint(1, 20), random.randint(1, 6)
    mean, log_std = mixture(rows, dimensions, seed % 2 == 0, seed, spread=random.choice([.1, 1., 10.]))
    deviation = np.exp(np.broadcast_to(log_std, mean.shape))
    chosen = random.randint(rows, size=20000)
    drawn = mean[chosen] + deviation[chosen] * random.randn(20000, dimensions)
    logs = np.array([-.5 * np.sum(((drawn - m) / s) ** 2 + 2. * np.log(s) + np.log(2. * np.pi), axis=1)
                     for m, s in zip(mean, deviation)])
    top = logs.max(axis=0)
    densities = top + np.log(np.mean(np.exp(logs - top), axis=0))
    entropy, error = -densities.mean(), densities.std() / np.sqrt(20000.)
    bound = evaluated(mean, log_std)[0]
    assert bound < entropy + 4. * error
    # Nor does it say nothing: it is d/2·(1 − log 2) below a lone component, and no more below a mixture.
    assert bound > entropy - dimensions / 2. * (1. - np.log(2.)) - np.log(rows) - 4. * error


@pytest.mark.parametrize('shared', [True, False])
@pytest.mark.parametrize('rows, dimensions', [(8, 3), (64, 17)])
@pytest.mark.parametrize('log_std', [-50., -20., -19., -14., -5., 5., 14., 50.])
def test_tiny_and_huge_variances_stay_finite_and_right(log_std, shared, rows, dimensions):
    mean, _ = mixture(rows, dimensions, shared)
    log_std = np.full([dimensions] if shared else [rows, dimensions], log_std)
    found = evaluated(mean, log_std, gradients=True)
    assert all(np.all(np.isfinite(array)) for array in found)
    assert found[0] == pytest.approx(oracle(mean, log_std), rel=1e-5)


def test_equal_components_are_one():
    mean, log_std = mixture(1, 4, True)
    many = np.repeat(mean, 50, axis=0)
    assert evaluated(many, log_std)[0] == pytest.approx(evaluated(mean, log_std)[0], rel=1e-5)
    np.testing.assert_allclose(evaluated(many, log_std, gradients=True)[1], np.zeros([50, 4]), atol=1e-5)


def test_components_far_apart_add_the_entropy_of_their_choice():
    mean = 1e3 * np.arange(16.)[:, np.newaxis] * np.ones(2)
    assert evaluated(mean, np.zeros(2))[0] == pytest.approx(
        evaluated(mean[:1], np.zeros(2))[0] + np.log(16.), rel=1e-6)


def test_the_most_that_it_can_be():
    """Means out of each other's reach: what tables of records compare it with. Nearer ones stay below."""
    random = np.random.RandomState(0)
    mean, log_std = random.randn(40, 3), random.randn(40, 3)
    each = np.mean(np.sum(.5 * np.log(2 * np.pi * np.e) + log_std, axis=1))
    most = policy_inputs.most('gaussian', 3, each, 40)
    assert evaluated(1e4 * mean, log_std)[0] == pytest.approx(most, rel=1e-5)
    assert evaluated(mean, log_std)[0] < most - .5
