"""Bodies by their numbers of weights, and what depends on what."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from ppo.experiments import Model
from ppo.models import ActorCritic
from ppo.network import affine
from ppo.spaces import Actions
from runs import determinism

FRAMES = (84, 84, 4)


def kernels(policy, prefix='ppo/policy/'):
    """Number of weights without biases, of one body and head."""
    return sum(int(np.prod(v.shape.as_list())) for v in policy.variables
               if v.op.name.startswith(prefix) and v.op.name.endswith('/kernel'))


def made(shape=(5,), actions=Actions('gaussian', 3), **model):
    return ActorCritic('ppo', Model(**model), shape, actions)


# Green et al., table 1: weights without biases and without the heads.
@pytest.mark.parametrize('widths, weights', [
    ((32, 64, 64, 512), 1683456), ((16, 32, 32, 256), 422912), ((8, 16, 16, 128), 106752)])
def test_the_papers_numbers_of_weights(widths, weights):
    with tf.Graph().as_default():
        policy = made(FRAMES, Actions('categorical', 6), body='nature', widths=widths, value_network='shared')
        assert kernels(policy) - policy.body.size * 6 == weights


@pytest.mark.parametrize('body', ['nature', 'impala'])
def test_frames_need_not_be_square(body):
    with tf.Graph().as_default():
        policy = made((84, 60, 4), Actions('categorical', 6), body=body, widths=(2, 3, 4, 8))
        assert policy(tf.zeros((2, 84, 60, 4))).distribution.logits.shape.as_list() == [2, 6]
        # 84, 20, 9, 7 and 60, 14, 6, 4; or 84, 42, 21, 11 and 60, 30, 15, 8.
        assert policy.body.dense[0].shape.as_list() == [{'nature': 7 * 4, 'impala': 11 * 8}[body] * 4, 8]


def test_impala_has_15_convolutions_and_the_papers_size():
    with tf.Graph().as_default():
        policy = made(FRAMES, Actions('categorical', 6), body='impala', widths=(16, 32, 32, 256),
                      value_network='shared')
        answer = policy(tf.zeros((2,) + FRAMES))
        names = [v.op.name for v in policy.variables if 'conv' in v.op.name and v.op.name.endswith('kernel')]
    assert len(names) == 15
    # Three poolings: 84, 42, 21, 11.
    assert policy.body.dense[0].shape.as_list() == [11 * 11 * 32, 256]
    by_hand = sum(9 * a * b for a, b in [(4, 16)] + [(16, 16)] * 4 + [(16, 32)] + [(32, 32)] * 9)
    assert kernels(policy) - 256 * 6 == by_hand + 11 * 11 * 32 * 256
    assert answer.distribution.logits.shape.as_list() == [2, 6] and answer.value.shape.as_list() == [2]


def test_the_control_tasks_network():
    with tf.Graph().as_default():
        policy = made((376,), Actions('gaussian', 17), widths=(64, 64))
    body = 376 * 64 + 64 + 64 * 64 + 64
    assert policy.parameters == 2 * body + (64 * 17 + 17) + 17 + (64 + 1) + 2  # the moments of the returns


@pytest.mark.parametrize('value_network, shared', [('separate', False), ('shared', True)])
def test_which_variables_the_value_has(value_network, shared):
    with tf.Graph().as_default():
        policy = made(widths=(4, 4), value_network=value_network)
        answer = policy(tf.ones([2, 5]))
        names = [v.op.name for v in policy.variables]

        def reached(tensor):
            return {name for name, g in zip(names, tf.gradients(tensor, policy.variables)) if g is not None}
        value, mean, log_prob = [reached(t) for t in (
            answer.value, answer.distribution.mean, answer.distribution.log_prob(tf.ones([2, 3])))]
    bodies = {name for name in names if 'dense' in name and name.startswith('ppo/policy/')}
    assert (bodies <= value) == shared
    assert 'ppo/value/head/kernel' in value and 'ppo/policy/head/kernel' not in value
    assert bodies <= mean and 'ppo/value/head/kernel' not in mean
    # The deviation does not depend on the observation.
    assert log_prob == mean | {'ppo/policy/log_std'} and 'ppo/policy/log_std' not in mean


def test_an_mlp_against_its_definition():
    with tf.Graph().as_default() as graph:
        policy = made(widths=(4, 3))
        values = policy.initial_values(0)
        observations = np.random.RandomState(1).randn(6, 5).astype(np.float32)
        answer = policy(tf.constant(observations))
        with determinism.new_session(graph) as session:
            for variable in policy.variables:
                variable.load(values[variable.op.name], session)
            mean, value = session.run([answer.distribution.mean, answer.value])

    def net(part):
        x = observations
        for layer in ('dense1', 'dense2'):
            x = np.tanh(x @ values['ppo/%s/%s/kernel' % (part, layer)] + values['ppo/%s/%s/bias' % (part, layer)])
        return x @ values['ppo/%s/head/kernel' % part] + values['ppo/%s/head/bias' % part]
    np.testing.assert_allclose(mean, net('policy'), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(value, net('value')[:, 0], rtol=1e-4, atol=1e-6)


def test_first_weights_are_orthogonal_and_the_first_policy_hardly_moves():
    with tf.Graph().as_default():
        values = made((10,), widths=(6, 8)).initial_values(3)
    first = values['ppo/policy/dense1/kernel'].astype(np.float64)
    np.testing.assert_allclose(first.T @ first, 2. * np.eye(6), atol=1e-5)
    second = values['ppo/policy/dense2/kernel'].astype(np.float64)
    np.testing.assert_allclose(second @ second.T, 2. * np.eye(6), atol=1e-5)
    assert abs(values['ppo/policy/head/kernel']).max() < .02
    assert not values['ppo/policy/log_std'].any()


@pytest.mark.parametrize('shape', [(5, 4, 3), (5, 3, 4), (1, 7, 1)])
def test_a_dense_layer_equals_the_plain_product_and_so_do_its_gradients(shape):
    rows, inputs, outputs = shape
    random = np.random.RandomState(0)
    values = [random.randn(rows, inputs), random.randn(inputs, outputs), random.randn(outputs)]
    up = random.randn(rows, outputs)
    with tf.Graph().as_default() as graph:
        given = [tf.constant(value, tf.float32) for value in values]
        y = affine(*given)
        gradients = tf.gradients(y, given, tf.constant(up, tf.float32))
        with determinism.new_session(graph) as session:
            found = session.run([y] + gradients)
    x, kernel, bias = values
    for array, expected in zip(found, [x @ kernel + bias, up @ kernel.T, x.T @ up, up.sum(axis=0)]):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-5)
