"""PPO's losses: numbers by hand, and where there is a gradient."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from ppo import loss
from runs import determinism


def evaluated(log_probs, old, advantages, clip=.2):
    """(loss, gradient by the log-probabilities), `[B]` each."""
    with tf.Graph().as_default() as graph:
        log_probs = tf.constant(log_probs, tf.float32)
        values = loss.clipped_surrogate(log_probs, tf.constant(old, tf.float32),
                                        tf.constant(advantages, tf.float32), clip)
        gradient = tf.gradients(values, log_probs)[0]
        with determinism.new_session(graph) as session:
            return session.run([values, gradient])


@pytest.mark.parametrize('ratio, advantage, expected, slope', [
    (1., 2., -2., -2.),
    (1.1, 2., -2.2, -2.2),
    (1.5, 2., -2.4, 0.),     # rewarded no further than 1.2
    (.5, 2., -1., -1.),      # but drawn back from below
    (1.5, -2., 3., 3.),      # drawn back from above
    (.5, -2., 1.6, 0.),      # rewarded no further than .8
    (1., 0., 0., 0.)])
def test_the_clipped_surrogate_by_hand(ratio, advantage, expected, slope):
    values, gradient = evaluated([np.log(ratio) - 3.], [-3.], [advantage])
    # d(−ratio·A)/d log_prob = −ratio·A inside the clip.
    np.testing.assert_allclose(values, [expected], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gradient, [slope], rtol=1e-5, atol=1e-7)


def test_one_value_per_example():
    values, _ = evaluated(np.zeros(5), np.zeros(5), np.arange(5.))
    np.testing.assert_allclose(values, -np.arange(5.))


def test_the_value_error_by_hand():
    with tf.Graph().as_default() as graph:
        values = tf.constant([1., -2.])
        error = loss.value_error(values, tf.constant([4., -2.]))
        gradient = tf.gradients(error, values)[0]
        with determinism.new_session(graph) as session:
            error, gradient = session.run([error, gradient])
    np.testing.assert_allclose(error, [4.5, 0.])
    np.testing.assert_allclose(gradient, [-3., 0.])


def test_standardised_advantages():
    found = loss.standardised(np.float32([1., 2., 3., 6.]))
    assert found.mean() == pytest.approx(0., abs=1e-6) and found.std() == pytest.approx(1., rel=1e-5)
    np.testing.assert_array_equal(loss.standardised(np.full(4, 5., np.float32)), np.zeros(4))
