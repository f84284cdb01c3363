"""Equations 1 to 4 against numbers by hand and a slow float64 oracle."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf.objectives import (
    activation_size, batch_mean, distillation, generator_terms)
from ppo.distributions import Categorical
from runs import determinism

TERMS = ['L_distill', 'H_each', 'H_mean', 'activation', 'L_H', 'L_G', 'L_adapt']
WEIGHTS = dict(alpha=0.5, beta=5., gamma=0.4, lambda_activation=0.1)


def probabilities(logits):
    """exp(l_k) / Σ_j exp(l_j) for each row."""
    powers = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return powers / np.sum(powers, axis=1, keepdims=True)


def entropy(p):
    return -sum(p_k * np.log(p_k) for p_k in p)


def divergence(p, q):
    return sum(p_k * np.log(p_k / q_k) for p_k, q_k in zip(p, q))


def oracle(teacher_logits, student_logits, features,
           alpha, beta, gamma, lambda_activation):
    """The equations over the whole batch, slow because it is close to the
    mathematical notation."""
    f_t, f_s = probabilities(teacher_logits), probabilities(student_logits)
    b = len(f_t)
    terms = {
        'L_distill': sum(divergence(p, q) for p, q in zip(f_t, f_s)) / b,
        'H_each': sum(entropy(p) for p in f_t) / b,
        'H_mean': entropy(sum(f_t) / b),
        'activation': sum(abs(v) for h in features for v in h) / features.size}
    terms['L_H'] = alpha * terms['H_each'] - beta * terms['H_mean']
    terms['L_G'] = terms['L_H'] - lambda_activation * terms['activation']
    terms['L_adapt'] = terms['L_G'] - gamma * terms['L_distill']
    return terms


def finite_differences(function, arguments, index, step=1e-6):
    """Central differences of `function(*arguments)[term]` for all terms."""
    slopes = {name: np.zeros(arguments[index].shape) for name in TERMS}
    for position in np.ndindex(*arguments[index].shape):
        moved = [np.array(a) for a in arguments]
        moved[index][position] += step
        above = function(*moved)
        moved[index][position] -= 2 * step
        below = function(*moved)
        for name in TERMS:
            slopes[name][position] = (above[name] - below[name]) / (2 * step)
    return slopes


def batch(rows=9, classes=5, features=4, seed=0):
    """Float32 numbers held as float64: (teacher, student, features)."""
    random = np.random.RandomState(seed)
    arrays = [3. * random.randn(rows, classes), 3. * random.randn(rows, classes),
              random.randn(rows, features)]
    return [a.astype(np.float32).astype(np.float64) for a in arrays]


def evaluate(teacher, student, features, cut, weights=None):
    """(terms, gradients of each term to each of the three arguments)."""
    with tf.Graph().as_default() as graph:
        inputs = [tf.constant(a, tf.float32) for a in (teacher, student, features)]
        t, s, h = [tf.split(x, cut) for x in inputs]
        terms = generator_terms([Categorical(x) for x in t],
                                [Categorical(x) for x in s], h,
                                **(weights or WEIGHTS))
        gradients = {name: [g if g is not None else tf.constant(np.nan)
                            for g in tf.gradients(terms[name], inputs)]
                     for name in TERMS}
        assert all(terms[name].shape == [] for name in TERMS)
        with determinism.new_session(graph) as session:
            return session.run([terms, gradients])


def test_numbers_by_hand():
    teacher = np.log([[.5, .5], [.9, .1]])
    student = np.log([[.25, .75], [.9, .1]])
    features = np.array([[1., -3.], [0., 2.]])
    terms, _ = evaluate(teacher, student, features, [1, 1])
    assert sorted(terms) == sorted(TERMS)
    kl = .5 * np.log(2.) + .5 * np.log(2 / 3.)        # 0.143841
    h_each = (np.log(2.) + .3250830) / 2              # 0.509115
    h_mean = -.7 * np.log(.7) - .3 * np.log(.3)       # 0.610864
    expected = {'L_distill': kl / 2, 'H_each': h_each, 'H_mean': h_mean,
                'activation': 1.5, 'L_H': .5 * h_each - 5. * h_mean}
    expected['L_G'] = expected['L_H'] - .1 * 1.5
    expected['L_adapt'] = expected['L_G'] - .4 * kl / 2
    for name in TERMS:
        assert terms[name] == pytest.approx(expected[name], rel=1e-5), name


@pytest.mark.parametrize('cut', [[9], [3, 3, 3], [2, 3, 4], [1] * 9])
def test_values_and_gradients_equal_the_oracle(cut):
    arrays = batch()

    def function(*arguments):
        return oracle(*arguments, **WEIGHTS)

    terms, gradients = evaluate(*arrays, cut=cut)
    expected = function(*arrays)
    for name in TERMS:
        assert terms[name] == pytest.approx(expected[name], rel=2e-6), name
    for index in range(3):
        slopes = finite_differences(function, arrays, index)
        for name in TERMS:
            actual = gradients[name][index]
            if np.ndim(actual) == 0:      # tf.gradients gave None
                actual = np.zeros_like(slopes[name])
            np.testing.assert_allclose(
                actual, slopes[name], rtol=1e-4, atol=1e-6,
                err_msg='%s, argument %d' % (name, index))


def test_which_term_depends_on_what():
    _, gradients = evaluate(*batch(), cut=[3, 3, 3])
    depends = {name: [np.ndim(g) > 0 for g in gradients[name]] for name in TERMS}
    assert depends == {             # teacher, student, features
        'L_distill': [True, True, False],
        'H_each': [True, False, False],
        'H_mean': [True, False, False],
        'activation': [False, False, True],
        'L_H': [True, False, False],
        'L_G': [True, False, True],
        'L_adapt': [True, True, True]}


@pytest.mark.parametrize('name, sign', [('alpha', 1), ('beta', -1), ('gamma', -1),
                                        ('lambda_activation', -1)])
def test_each_weight_weighs_its_own_term(name, sign):
    arrays = batch(seed=3)
    term = {'alpha': 'H_each', 'beta': 'H_mean', 'gamma': 'L_distill',
            'lambda_activation': 'activation'}[name]
    weights = dict.fromkeys(WEIGHTS, 0.)
    weights[name] = 2.
    terms, gradients = evaluate(*arrays, cut=[4, 5], weights=weights)
    assert terms['L_adapt'] == pytest.approx(sign * 2. * terms[term], rel=1e-6)
    # What has no weight costs no gradient: only the adaptive term needs the student, only the activations the features.
    assert [np.ndim(g) > 0 for g in gradients['L_adapt'][1:]] == [name == 'gamma', name == 'lambda_activation']


def test_dafls_one_hot_term():
    """Cross-entropy to the teacher's own argmax, by hand and as part of L_H."""
    arrays = batch(seed=4)
    weights = dict(dict.fromkeys(WEIGHTS, 0.), one_hot=2.)
    with tf.Graph().as_default() as graph:
        t, s, h = [tf.split(tf.constant(a, tf.float32), [4, 5]) for a in arrays]
        terms = generator_terms([Categorical(x) for x in t], [Categorical(x) for x in s], h, **weights)
        logits = tf.constant(arrays[0], tf.float32)
        plain = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.argmax(logits, axis=1), logits=logits))
        gradients = [tf.concat(tf.gradients(terms['one_hot'], t), axis=0), tf.gradients(plain, logits)[0]]
        with determinism.new_session(graph) as session:
            values, plain, (ours, expected) = session.run([terms, plain, gradients])
    assert values['one_hot'] == pytest.approx(plain, rel=1e-6)
    by_hand = -np.mean([np.log(max(p)) for p in probabilities(arrays[0])])
    assert values['one_hot'] == pytest.approx(by_hand, rel=1e-5)
    assert values['L_adapt'] == values['L_H'] == pytest.approx(2. * by_hand, rel=1e-5)
    np.testing.assert_allclose(ours, expected, atol=1e-7)


@pytest.mark.parametrize('gap', [150., 1e4])
def test_logits_far_apart_stay_finite(gap):
    """All sure of one class, all wrong: the student's loss is the gap."""
    teacher, student = np.zeros((6, 4)), np.zeros((6, 4))
    teacher[:, 0] = gap
    student[:, 1] = gap
    terms, gradients = evaluate(teacher, student, np.zeros((6, 3)), [3, 3])
    assert terms['L_distill'] == pytest.approx(gap)
    assert terms['H_each'] == terms['H_mean'] == 0.
    for name in TERMS:
        for gradient in gradients[name]:
            assert np.ndim(gradient) == 0 or np.all(np.isfinite(gradient)), name
    np.testing.assert_allclose(gradients['L_distill'][1],
                               np.tile([-1., 1., 0., 0.], (6, 1)) / 6., atol=1e-7)


@pytest.mark.parametrize('gap', [150., 1e4])
def test_one_sure_row_for_each_class(gap):
    terms, gradients = evaluate(gap * np.eye(4), gap * np.eye(4), np.ones((4, 2)), [2, 2])
    assert terms['H_mean'] == pytest.approx(np.log(4.))
    assert terms['H_each'] == terms['L_distill'] == 0.
    assert all(np.all(np.isfinite(g)) for name in TERMS for g in gradients[name]
               if np.ndim(g))


def test_losses_are_one_value_per_example():
    teacher, student, features = batch()
    with tf.Graph().as_default() as graph:
        t, s = Categorical(tf.constant(teacher, tf.float32)), Categorical(
            tf.constant(student, tf.float32))
        fetches = (distillation(t, s),
                   activation_size(tf.constant(features, tf.float32)))
        with determinism.new_session(graph) as session:
            kl, size = session.run(fetches)
    np.testing.assert_allclose(
        kl, [divergence(p, q) for p, q in zip(probabilities(teacher),
                                              probabilities(student))], rtol=1e-5)
    np.testing.assert_allclose(size, np.mean(np.abs(features), axis=1), rtol=1e-6)


def test_batch_mean_counts_rows_not_parts():
    with tf.Graph().as_default() as graph:
        mean = batch_mean([tf.constant([1., 2., 3.]), tf.constant([10.])])
        with determinism.new_session(graph) as session:
            assert session.run(mean) == 4.
