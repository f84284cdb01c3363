"""Categorical distributions: numbers by hand, an oracle, and extreme logits."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from ppo.distributions import Categorical
from runs import determinism

LOGITS = np.log(np.array([[.5, .25, .25], [.8, .1, .1]], np.float32))
OTHER = np.log(np.array([[.25, .25, .5], [.8, .1, .1]], np.float32))
GAPS = [150., 1e4, 1e30]


def evaluated(build):
    """What `build()` returns, as arrays."""
    with tf.Graph().as_default() as graph:
        tensors = build()
        with determinism.new_session(graph) as session:
            return session.run(tensors)


def rows(count, classes, seed=0, scale=3.):
    random = np.random.RandomState(seed)
    return (scale * random.randn(count, classes)).astype(np.float32)


def test_numbers_by_hand():
    def build():
        p, q = Categorical(tf.constant(LOGITS)), Categorical(tf.constant(OTHER))
        return {'probs': p.probs, 'entropy': p.entropy(), 'kl': p.kl(q),
                'reverse': q.kl(p), 'mode': p.mode(),
                'log_mixture': Categorical.log_mixture([p]),
                'mixture': Categorical.mixture_entropy([p, q])}
    values = evaluated(build)
    log2 = np.log(2.)
    np.testing.assert_allclose(values['probs'], [[.5, .25, .25], [.8, .1, .1]], rtol=1e-6)
    np.testing.assert_allclose(values['entropy'], [1.5 * log2, .6390319], rtol=1e-6)
    # .5 log 2 + 0 + .25 log(1/2), and the same the other way round.
    np.testing.assert_allclose(values['kl'], [.25 * log2, 0.], atol=1e-7)
    np.testing.assert_allclose(values['reverse'], [.25 * log2, 0.], atol=1e-7)
    assert values['mode'].tolist() == [0, 0] and values['mode'].dtype == np.int32
    np.testing.assert_allclose(np.exp(values['log_mixture']), [.65, .175, .175], rtol=1e-6)
    mean = np.array([.5875, .175, .2375])
    np.testing.assert_allclose(values['mixture'], -np.sum(mean * np.log(mean)), rtol=1e-6)


def test_kl_is_not_symmetric_and_the_first_argument_weighs():
    def build():
        p = Categorical(tf.log(tf.constant([[.9, .1]])))
        q = Categorical(tf.log(tf.constant([[.5, .5]])))
        return p.kl(q), q.kl(p)
    forward, backward = evaluated(build)
    np.testing.assert_allclose(forward, [.9 * np.log(1.8) + .1 * np.log(.2)], rtol=1e-6)
    np.testing.assert_allclose(backward, [.5 * np.log(1 / 1.8) + .5 * np.log(5.)], rtol=1e-6)


def test_kl_is_positive_unless_the_distributions_are_equal():
    logits = rows(200, 10)
    def build():
        p = Categorical(tf.constant(logits))
        near = Categorical(tf.constant(logits + .05 * rows(200, 10, seed=1, scale=1.)))
        shifted = Categorical(tf.constant(logits + np.float32(7.)))
        return p.kl(near), p.kl(shifted)
    near, shifted = evaluated(build)
    assert np.all(near > 0)
    assert np.all(np.abs(shifted) < 2e-6)


def test_entropy_bounds():
    entropy, = evaluated(lambda: [Categorical(tf.constant(
        np.array([[0., 0., 0., 0.], [99., 0., 0., 0.], [1e4, 0., 0., 0.]], 'f'))).entropy()])
    np.testing.assert_allclose(entropy, [np.log(4.), 0., 0.], atol=1e-6)


def test_baselines_agrees():
    distributions = pytest.importorskip('baselines.common.distributions')
    logits, other = rows(50, 6, seed=2), rows(50, 6, seed=3)
    def build():
        ours, peer = [[kind(tf.constant(x)) for x in (logits, other)]
                      for kind in (Categorical, distributions.CategoricalPd)]
        return [(p.kl(q), p.entropy(), p.mode(),
                 tf.gradients(p.kl(q), [p.logits, q.logits]),
                 tf.gradients(p.entropy(), [p.logits])) for p, q in (ours, peer)]
    (kl, entropy, mode, kl_gradients, gradients), expected = evaluated(build)
    np.testing.assert_allclose(kl, expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(entropy, expected[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(mode, expected[2])
    for actual, wanted in zip(kl_gradients + gradients, expected[3] + expected[4]):
        np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize('gap', GAPS)
def test_logits_far_apart_stay_finite(gap):
    def build():
        left, right = tf.constant([[gap, 0., 0.]]), tf.constant([[0., gap, 0.]])
        p, q = Categorical(left), Categorical(right)
        both = Categorical(tf.concat([left, right], 0))
        same = Categorical(tf.concat([left, left], 0))
        quantities = [p.entropy(), p.kl(q), Categorical.mixture_entropy([p]),
                      Categorical.mixture_entropy([p, q]),
                      Categorical.mixture_entropy([both]),
                      Categorical.mixture_entropy([same])]
        used = [[left], [left, right], [left], [left, right], [left, right], [left]]
        return quantities, [tf.gradients(y, x) for y, x in zip(quantities, used)]
    values, gradients = evaluated(build)
    expected = [0., gap, 0., np.log(2.), np.log(2.), 0.]
    np.testing.assert_allclose([float(v) for v in values], expected, rtol=1e-6, atol=1e-6)
    for parts in gradients:
        assert all(np.all(np.isfinite(part)) for part in parts)
    # d KL / d student logits = p_student - p_teacher.
    np.testing.assert_allclose(gradients[1][1], [[-1., 1., 0.]], atol=1e-6)


def test_gap_of_150_in_a_confident_batch_keeps_a_gradient():
    """The class that nobody chose has log p = -150: p log p alone would be NaN."""
    logits = np.zeros((16, 4), np.float32)
    logits[:, 0] = 150.
    logits[:, 3] = -150.
    def build():
        x = tf.constant(logits)
        parts = [Categorical(part) for part in tf.split(x, 4)]
        log_mean = Categorical.log_mixture(parts)
        return log_mean, tf.gradients(Categorical.mixture_entropy(parts), x)[0], \
            tf.gradients(log_mean[3], x)[0]
    log_mean, gradient, tail = evaluated(build)
    np.testing.assert_allclose(log_mean, [0., -150., -150., -300.], atol=1e-4)
    assert np.all(np.isfinite(gradient))
    # log p̄_3 = log mean_b exp(x_3 - x_0): 1/16 from each row.
    np.testing.assert_allclose(tail[:, 3], np.full(16, 1 / 16.), rtol=1e-5)
    np.testing.assert_allclose(tail[:, 0], np.full(16, -1 / 16.), rtol=1e-5)


@pytest.mark.parametrize('cut', [[8] * 3, [3] * 8, [1] * 24, [2, 5, 17]])
def test_mixture_does_not_depend_on_the_cut(cut):
    logits = rows(24, 10, seed=4)
    def build():
        x = tf.constant(logits)
        whole, parts = Categorical(x), [Categorical(p) for p in tf.split(x, cut)]
        entropies = [Categorical.mixture_entropy(p) for p in ([whole], parts)]
        return entropies, [tf.gradients(y, x)[0] for y in entropies]
    entropies, gradients = evaluated(build)
    np.testing.assert_allclose(entropies[1], entropies[0], rtol=1e-6)
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-4, atol=1e-8)
