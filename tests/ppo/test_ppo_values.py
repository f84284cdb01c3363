"""The value function: it learns returns of any size, in the game's own units."""

import numpy as np
import pytest
from small_learner import Process, played, values_of


def test_how_much_of_the_returns_the_values_foretold():
    """Every episode is one action long: a return is its reward, and what is missed is reward - value."""
    with Process() as process:
        rollout = played('gaussian')
        values = (.5 * rollout.rewards + 7.).astype(np.float32)
        assert process.learner.update(process.session, [rollout._replace(values=values)])['explained'] == pytest.approx(
            .75, abs=1e-4)
        assert process.learner.update(process.session, [rollout])['explained'] == pytest.approx(0., abs=1e-5)


def test_the_value_function_learns_its_targets():
    with Process(epochs=20, learning_rate=.03, value_targets='raw') as process:
        rollout = played('gaussian')._replace(rewards=np.full([8, 4], 3., np.float32))
        errors = [process.learner.update(process.session, [rollout])['L_value'] for _ in range(10)]
        assert errors[-1] < .1 * errors[0]


def test_values_keep_their_meaning_when_the_moments_move():
    """No gradient steps but of rate 0: the answers are as before, in the game's own units."""
    with Process(learning_rate=0.) as process:
        observations = np.random.RandomState(7).randn(6, 5).astype(np.float32)
        before = values_of(process, observations)
        process.learner.normalizer.update = lambda observations: None  # it would move them too
        for scale in (300., .01):
            process.learner.update(process.session, [played('gaussian')._replace(
                rewards=scale * np.random.RandomState(1).randn(8, 4).astype(np.float32) + 5. * scale)])
            np.testing.assert_allclose(values_of(process, observations), before, rtol=1e-3, atol=1e-3)
        moments = process.session.run(process.learner.policy.head_and_moments)[2:]
        assert moments == pytest.approx(process.learner.returns.moments, rel=1e-5) and moments[1] > 100.


@pytest.mark.parametrize('reward', [.01, 1., 40.])
def test_values_of_a_game_without_end_reach_theirs_and_no_further(reward):
    """The closed loop: rewards of one size, each rollout bootstrapped by the learner's own values."""
    gamma, rate = .9, .01
    with Process(gamma=gamma, learning_rate=rate, epochs=10) as process:
        right, found = reward / (1. - gamma), []
        for version in range(120):
            random = np.random.RandomState(version)
            rollout = played('gaussian', version, seed=version)
            observations = random.randn(8, 4, 5).astype(np.float32)
            after = random.randn(4, 5).astype(np.float32)
            values = values_of(process, observations.reshape(-1, 5)).reshape(8, 4)
            found.append(values.mean())
            process.learner.update(process.session, [rollout._replace(
                observations=observations, values=values, rewards=np.full([8, 4], reward, np.float32),
                next_values=np.concatenate([values[1:], values_of(process, after)[np.newaxis]]),
                ended=np.zeros([8, 4], bool))])
    assert np.mean(found[-20:]) == pytest.approx(right, rel=.1)
    assert max(found) < 1.3 * right + 1.5  # the first values are N(0, 1)


def test_a_small_difference_in_large_rewards_is_learnt():
    """Rewards of 40 for being there, ±4 for what is done: the advantages tell the second."""
    def reward(actions):
        return 40. + 4. * np.clip(actions[..., 0], -1., 1.)
    with Process() as process:
        def rewarded():
            values_of(process, np.zeros([1, 5]))
            return reward(process.actor.act(process.session, process.actor.newest, np.zeros([4000, 5]), 0).actions).mean()
        before = rewarded()
        for version in range(20):
            observations = np.random.RandomState(version).randn(32, 5).astype(np.float32)
            values = values_of(process, observations).reshape(8, 4)
            acted = process.actor.act(process.session, process.actor.newest, observations)
            actions = acted.actions.reshape(8, 4, 2)
            process.learner.update(process.session, [played('gaussian', version)._replace(
                observations=observations.reshape(8, 4, 5), actions=actions, values=values,
                log_probs=acted.log_probs.reshape(8, 4), rewards=reward(actions).astype(np.float32),
                next_values=np.concatenate([values[1:], values[-1:]]), ended=np.zeros([8, 4], bool))])
        assert rewarded() > before + .3
