"""Advantages against the definition, written out."""

import numpy as np
import pytest

from ppo import gae
from ppo.environments import RUNNING, TERMINATED, TRUNCATED
from ppo.rollouts import Recorder, batch

GAMMA, LAM = 0.9, 0.8


def oracle(rewards, values, next_values, ended):
    """Σ_l (γλ)^l δ_{t+l} up to the end of the episode: slow because it is the definition."""
    found = np.zeros(rewards.shape)
    for t in range(len(rewards)):
        for n in range(rewards.shape[1]):
            for l in range(len(rewards) - t):
                k = t + l
                found[t, n] += (GAMMA * LAM) ** l * (rewards[k, n] + GAMMA * next_values[k, n] - values[k, n])
                if ended[k, n]:
                    break
    return found


def test_numbers_by_hand():
    # δ: 1 + .9·2 − 1 = 1.8, then 1 − 2 = −1; the first takes in .72 of the second.
    found = gae.advantages(np.float32([[1.], [1.]]), np.float32([[1.], [2.]]), np.float32([[2.], [0.]]),
                           np.array([[False], [True]]), GAMMA, LAM)
    np.testing.assert_allclose(found, [[1.8 - .72], [-1.]], rtol=1e-6)


def test_the_definition_with_ends_in_the_middle():
    random = np.random.RandomState(0)
    rewards, values, following = random.randn(3, 20, 6).astype(np.float32)
    ended = random.rand(20, 6) < .2
    assert ended.any(axis=0).all()
    found = gae.advantages(rewards, values, following, ended, GAMMA, LAM)
    np.testing.assert_allclose(found, oracle(rewards, values, following, ended), rtol=1e-4, atol=1e-5)
    assert found.dtype == np.float32


def recorded(ended, tails, values, next_values):
    """A rollout of two environments whose rewards are 1."""
    recorder = Recorder(len(ended))
    for t, codes in enumerate(ended):
        assert not recorder.is_full
        recorder.acted(np.full([2, 3], t), (np.zeros(2), np.full(2, -1.), np.float32(values[t])), 7 + t)
        recorder.stepped(np.ones(2, np.float32), np.uint8(codes), [(10. * t, t)] if any(codes) else [],
                         {i: tails[t, i] for i in range(2) if (t, i) in tails})
    assert recorder.is_full
    return recorder, recorder.finish(np.float32(next_values))


def test_a_rollout_knows_what_follows_each_action():
    ended = [[RUNNING, TERMINATED], [TRUNCATED, RUNNING], [RUNNING, TRUNCATED]]
    recorder, rollout = recorded(ended, {(1, 0): 50., (2, 1): 60.}, [[1, 2], [3, 4], [5, 6]], [7, 8])
    # The next value; nothing after a termination; the last observation's after a truncation.
    np.testing.assert_array_equal(rollout.next_values, [[3, 0], [50, 6], [7, 60]])
    np.testing.assert_array_equal(rollout.ended, [[False, True], [True, False], [False, True]])
    assert rollout.version == 7 and rollout.episodes == [(0., 0), (10., 1), (20., 2)]
    assert rollout.observations.shape == (3, 2, 3) and rollout.log_probs.shape == (3, 2)
    assert recorder.version is None and not recorder.is_full  # ready for the next one


def test_a_batch_has_a_row_per_action():
    _, rollout = recorded([[RUNNING, TERMINATED], [RUNNING, RUNNING]], {}, [[1, 2], [3, 4]], [5, 6])
    made = batch([rollout, rollout], GAMMA, LAM)
    advantages = oracle(np.full([2, 2], 1.), np.array([[1, 2], [3, 4]]), np.array([[3, 0], [5, 6]]),
                        np.array([[False, True], [False, False]]))
    np.testing.assert_allclose(made.advantages, np.tile(advantages.reshape(-1), 2), rtol=1e-5)
    np.testing.assert_allclose(made.returns, np.tile((advantages + [[1, 2], [3, 4]]).reshape(-1), 2), rtol=1e-5)
    np.testing.assert_array_equal(made.observations[:, 0], [0, 0, 1, 1] * 2)
    assert made.actions.shape == (8,)


@pytest.mark.parametrize('lam, expected', [(0., [1.8, -1.]), (1., [1.8 - .9, -1.])])
def test_lambda_0_is_one_step_and_lambda_1_the_whole_return(lam, expected):
    found = gae.advantages(np.float32([[1.], [1.]]), np.float32([[1.], [2.]]), np.float32([[2.], [0.]]),
                           np.array([[False], [True]]), GAMMA, lam)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)
