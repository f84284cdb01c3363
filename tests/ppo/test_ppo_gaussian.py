"""Diagonal Gaussians and categorical actions against baselines and by hand."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from ppo.distributions import Categorical, DiagGaussian
from runs import determinism

RANDOM = np.random.RandomState(0)
MEAN, OTHER, ACTIONS = RANDOM.randn(3, 6, 4).astype(np.float32)
STD, OTHER_STD = RANDOM.uniform(-2., 1., (2, 6, 4)).astype(np.float32)


def evaluated(build):
    with tf.Graph().as_default() as graph:
        tensors = build()
        with determinism.new_session(graph) as session:
            return session.run(tensors)


def test_a_gaussian_equals_baselines():
    from baselines.common.distributions import DiagGaussianPd

    def build():
        ours = [DiagGaussian(tf.constant(m), tf.constant(s)) for m, s in ((MEAN, STD), (OTHER, OTHER_STD))]
        theirs = [DiagGaussianPd(tf.constant(np.concatenate([m, s], axis=1)))
                  for m, s in ((MEAN, STD), (OTHER, OTHER_STD))]
        return ([ours[0].entropy(), ours[0].kl(ours[1]), ours[0].log_prob(tf.constant(ACTIONS)), ours[0].mode()],
                [theirs[0].entropy(), theirs[0].kl(theirs[1]), -theirs[0].neglogp(tf.constant(ACTIONS)),
                 theirs[0].mode()])
    for ours, theirs in zip(*evaluated(build)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_categorical_actions_equal_baselines():
    from baselines.common.distributions import CategoricalPd
    logits, actions = 3. * MEAN, np.int32([0, 1, 2, 3, 0, 1])

    def build():
        ours, theirs = Categorical(tf.constant(logits)), CategoricalPd(tf.constant(logits))
        return ours.log_prob(tf.constant(actions)), -theirs.neglogp(tf.constant(actions))
    ours, theirs = evaluated(build)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_numbers_by_hand():
    def build():
        p, q = DiagGaussian(tf.constant([[0., 1.]]), tf.zeros(2)), DiagGaussian(tf.zeros([1, 2]), tf.log([2., 1.]))
        return {'entropy': p.entropy(), 'kl': p.kl(q), 'itself': p.kl(p), 'log_prob': p.log_prob(tf.zeros([1, 2]))}
    values = evaluated(build)
    np.testing.assert_allclose(values['entropy'], [np.log(2 * np.pi * np.e)], rtol=1e-6)
    # log 2 + (1/4 − 1)/2, and 1/2 for the distance of 1.
    np.testing.assert_allclose(values['kl'], [np.log(2.) - .375 + .5], rtol=1e-6)
    np.testing.assert_allclose(values['itself'], [0.], atol=1e-7)
    np.testing.assert_allclose(values['log_prob'], [-np.log(2 * np.pi) - .5], rtol=1e-6)


def test_one_deviation_for_every_row_gets_the_gradient_of_all():
    def build():
        log_std = tf.constant([0., 0.])
        policy = DiagGaussian(tf.constant(MEAN[:, :2]), log_std)
        return tf.gradients(policy.log_prob(tf.constant(ACTIONS[:, :2])), log_std)[0]
    expected = np.sum((ACTIONS - MEAN)[:, :2] ** 2 - 1., axis=0)
    np.testing.assert_allclose(evaluated(build), expected, rtol=1e-5)


@pytest.mark.parametrize('gap', [150., 1e4])
def test_impossible_actions_cost_nothing_to_those_not_taken(gap):
    def build():
        logits = tf.constant([[0., -gap]])
        log_prob = Categorical(logits).log_prob(tf.constant([0]))
        return log_prob, tf.gradients(log_prob, logits)[0]
    log_prob, gradient = evaluated(build)
    np.testing.assert_allclose(log_prob, [0.], atol=1e-6)
    np.testing.assert_allclose(gradient, [[0., 0.]], atol=1e-6)


def test_samples_have_the_moments_and_follow_the_seed():
    mean, log_std = np.float32([[1., -2.]]), np.float32([.5, -1.])
    logits = np.log(np.float32([[.7, .2, .1]]))

    def build():
        gaussian = DiagGaussian(tf.constant(np.repeat(mean, 40000, axis=0)), tf.constant(log_std))
        categorical = Categorical(tf.constant(np.repeat(logits, 40000, axis=0)))
        seeds = [determinism.stateless_seed(0, 'actions', step) for step in (0, 0, 1)]
        return [[d.sample(seed) for seed in seeds] for d in (gaussian, categorical)]
    (a, again, b), (c, c_again, d) = evaluated(build)
    np.testing.assert_array_equal(a, again)
    np.testing.assert_array_equal(c, c_again)
    assert (a != b).all(axis=1).mean() > .99 and (c != d).any()
    np.testing.assert_allclose(a.mean(axis=0), mean[0], atol=.03)
    np.testing.assert_allclose(a.std(axis=0), np.exp(log_std), rtol=.02)
    np.testing.assert_allclose(np.bincount(c, minlength=3) / 40000, [.7, .2, .1], atol=.01)
    assert c.dtype == np.int32
