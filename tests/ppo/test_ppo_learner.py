"""The learner: one update by hand, what changes, what goes out and in."""

import numpy as np
import pytest
from small_learner import SPACES, Process, played

from ppo.environments import Stopped
from runs.errors import Diverged


@pytest.mark.parametrize('kind', ['categorical', 'gaussian'])
def test_the_rewarded_actions_become_likelier(kind):
    def reward(actions):
        return np.float32(actions == 1) if kind == 'categorical' else -np.abs(actions - 1.).sum(axis=-1)
    with Process(kind) as process:
        def rewarded():
            process.actor.publish(process.session, process.learner.parameters(process.session),
                                  process.learner.version)
            acted = process.actor.act(process.session, process.actor.newest, np.zeros([4000, 5]), step=0)
            return reward(acted.actions).mean()
        before = rewarded()
        for version in range(10):
            rollout = played(kind, version, seed=version, reward=reward)
            process.actor.publish(process.session, process.learner.parameters(process.session), version)
            acted = process.actor.act(process.session, process.actor.newest, rollout.observations.reshape(-1, 5))
            rollout = rollout._replace(
                actions=acted.actions.reshape(rollout.actions.shape), log_probs=acted.log_probs.reshape(8, 4))
            rollout = rollout._replace(rewards=reward(rollout.actions).astype(np.float32))
            process.learner.update(process.session, [rollout])
        assert rewarded() > before + .05


def test_the_ratio_begins_at_one_in_spite_of_the_normaliser():
    """Actions and gradient steps see one normaliser, although every update changes it."""
    with Process(gradient_steps=1, batch=32) as process:
        for version in range(3):
            process.actor.publish(process.session, process.learner.parameters(process.session), version)
            rollout = played('gaussian', version, seed=version)
            acted = process.actor.act(process.session, process.actor.newest, rollout.observations.reshape(-1, 5))
            means = process.learner.update(process.session, [rollout._replace(
                actions=acted.actions.reshape(8, 4, 2), log_probs=acted.log_probs.reshape(8, 4))])
            assert means['kl'] == pytest.approx(0., abs=1e-5) and means['clipped'] == 0.
            # The surrogate of a ratio of 1 is the mean of standardised advantages.
            assert means['L_policy'] == pytest.approx(0., abs=1e-5)


def log_probs_of(process, rollout):
    """Of a rollout's categorical actions under the policy as it is, in double precision; `[T, N]`."""
    values = {name: np.float64(array) for name, array in process.learner.parameters(process.session).items()}
    x = np.clip((np.float64(rollout.observations) - values['normalizer/mean']) / values['normalizer/std'], -10., 10.)
    logits = network(values, x.reshape(-1, 5), 'policy')
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs[np.arange(len(logits)), rollout.actions.reshape(-1)].reshape(rollout.actions.shape)


def test_kl_and_clipped_by_their_definitions():
    """Of actions whose probabilities were others when they were taken, before the only step."""
    with Process('categorical', gradient_steps=1, batch=32) as process:
        for version in range(3):
            old = np.random.RandomState(version).uniform(-2.5, -.5, [8, 4]).astype(np.float32)
            rollout = played('categorical', version, seed=version)._replace(log_probs=old)
            before = log_probs_of(process, rollout)
            means = process.learner.update(process.session, [rollout])
            ratio = np.exp(before - old)
            assert means['kl'] == means['kl_lag'] == pytest.approx(np.mean(old - before), abs=1e-5)
            assert abs(means['kl']) > .05
            assert means['clipped'] == np.mean(abs(ratio - 1.) > .2) > np.mean(abs(ratio - 1.) > .4) > 0.
            # The surrogate of no gradient: standardised advantages, which here are the rewards.
            advantages = (rollout.rewards - rollout.rewards.mean()) / rollout.rewards.std()
            assert means['L_policy'] == pytest.approx(-np.mean(np.minimum(
                ratio * advantages, np.clip(ratio, .8, 1.2) * advantages)), abs=1e-5)


@pytest.mark.parametrize('batch', [32, 12])
def test_an_old_rollout_is_clipped_around_the_newest_policy(batch):
    """Of two rollouts the older one's ratio begins at 1 too, and kl_lag tells how old it was."""
    with Process('categorical', gradient_steps=1, batch=batch, clip_around='newest', buffer=64) as process:
        learner, session = process.learner, process.session
        rollouts = [played('categorical', 0), played('categorical', 1, seed=1)]
        learner.update(session, [played('categorical', 0, seed=2)])
        expected = np.mean([-1. - log_probs_of(process, rollout) for rollout in rollouts])
        means = learner.update(session, rollouts)
        assert means['kl_lag'] == pytest.approx(expected, abs=1e-5) and abs(expected) > .05
        assert means['kl'] == pytest.approx(0., abs=1e-5) and means['clipped'] == 0.


def test_rollouts_of_the_newest_version_are_clipped_alike():
    """In one process there is no lag: the setting changes no bit."""
    with Process() as one, Process(clip_around='newest') as two:
        for process in (one, two):
            for version in range(2):
                process.learner.update(process.session, [played('gaussian', version, seed=version)])
        found, expected = two.learner.values(two.session), one.learner.values(one.session)
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize('changes, steps', [(dict(gradient_steps=10), 10), (dict(epochs=3), 12)])
def test_gradient_steps_and_counters(changes, steps):
    with Process(**changes) as process:
        process.learner.update(process.session, [played('gaussian'), played('gaussian', seed=1)][:1])
        learner = process.learner
        assert (learner.gradient_steps, learner.version, learner.transitions) == (steps, 1, 32)


def test_a_pass_takes_every_transition_once():
    with Process(epochs=1) as process:
        seen, run = [], process.session.run

        def spy(fetches, feeds=None):
            if feeds and process.learner._feeds['returns'] in feeds:
                seen.extend(feeds[process.learner._feeds['returns']].tolist())
            return run(fetches, feeds)
        process.session.run = spy
        rollout = played('gaussian')
        process.learner.update(process.session, [rollout])
        assert sorted(seen) == sorted(rollout.rewards.reshape(-1).tolist())


def test_asked_to_stop_an_update_ends_at_the_next_gradient_step():
    with Process(gradient_steps=10) as process:
        asked = iter([False, False, True])
        with pytest.raises(Stopped):
            process.learner.update(process.session, [played('gaussian')], lambda: next(asked))
        assert next(asked, None) is None and process.learner.version == 0


def test_a_loss_that_is_not_finite_stops_before_anything_else():
    with Process() as process:
        rollout = played('gaussian')
        rollout.rewards[3, 2] = np.nan
        with pytest.raises(Diverged, match='not finite'):
            process.learner.update(process.session, [rollout])


def test_the_state_goes_out_and_in_and_on_without_a_difference():
    with Process() as one, Process(seed=0) as two:
        one.learner.update(one.session, [played('gaussian')])
        two.learner.load(two.session, one.learner.values(one.session))
        for process in (one, two):
            process.learner.update(process.session, [played('gaussian', seed=1)])
        expected = one.learner.values(one.session)
        found = two.learner.values(two.session)
        assert set(found) == set(expected) and {'ppo/policy/log_std', 'normalizer/mean', 'counters/version',
                                                'returns/running_variance'} <= set(found)
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def network(values, observations, head):
    """Output of a body of one layer and a head, in double precision; the value's body may be the policy's."""
    body = head if 'ppo/%s/dense1/kernel' % head in values else 'policy'
    x = np.tanh(observations @ values['ppo/%s/dense1/kernel' % body] + values['ppo/%s/dense1/bias' % body])
    return x @ values['ppo/%s/head/kernel' % head] + values['ppo/%s/head/bias' % head]


def total_loss(values, batch, clip, value_weight, entropy_weight):
    """PPO's loss of a categorical policy, example by example."""
    total = 0.
    for x, action, old, advantage, target in zip(*batch):
        logits = network(values, x, 'policy')
        log_probs = logits - np.log(np.sum(np.exp(logits)))
        ratio = np.exp(log_probs[action] - old)
        surrogate = min(ratio * advantage, np.clip(ratio, 1. - clip, 1. + clip) * advantage)
        entropy = -np.sum(np.exp(log_probs) * log_probs)
        error = .5 * (network(values, x, 'value')[0] - target) ** 2
        total += (-surrogate + value_weight * error - entropy_weight * entropy) / len(batch[0])
    return total


@pytest.mark.parametrize('gradient_clip', [1e9, .05])
@pytest.mark.parametrize('kind, value_network', [
    ('categorical', 'separate'), ('categorical', 'shared'), ('bytes', 'shared')])
def test_one_gradient_step_against_the_definition(kind, value_network, gradient_clip):
    """Adam's first moment after one step is a tenth of the clipped gradient."""
    with Process(kind, gradient_steps=1, batch=12, buffer=12, value_weight=.7, entropy_weight=.3, clip=.1,
                 gradient_clip=gradient_clip, value_targets='raw', value_network=value_network) as process:
        learner, session = process.learner, process.session
        values = {name: array.astype(np.float64) for name, array in learner.parameters(session).items()
                  if name.startswith('ppo/') and name not in ('ppo/value/mean', 'ppo/value/std')}
        rollout = played(kind, steps=6, count=2)
        learner.update(session, [rollout])
        state = learner.values(session)
    rewards = rollout.rewards.reshape(-1).astype(np.float64)  # every episode is one action long
    observations = np.float64(rollout.observations.reshape(-1, 5))
    observations = observations / 255. if kind == 'bytes' else np.clip(observations, -10., 10.)
    batch = [observations, rollout.actions.reshape(-1), rollout.log_probs.reshape(-1),
             (rewards - rewards.mean()) / rewards.std(), rewards]
    gradients = {}
    for name, array in values.items():
        gradients[name] = np.zeros(array.shape)
        for place in np.ndindex(*array.shape):
            kept, sides = array[place], []
            for step in (1e-6, -1e-6):
                array[place] = kept + step
                sides.append(total_loss(values, batch, .1, .7, .3))
            array[place] = kept
            gradients[name][place] = (sides[0] - sides[1]) / 2e-6
    # Each network is clipped by its own norm; where the two share a body there is one.
    part_of = {name: name.split('/')[1] if value_network == 'separate' else 'both' for name in gradients}
    norms = {part: np.sqrt(sum(np.sum(gradients[name] ** 2) for name in gradients if part_of[name] == part))
             for part in set(part_of.values())}
    assert min(norms.values()) > .05
    for name, gradient in gradients.items():
        expected = gradient * min(1., gradient_clip / norms[part_of[name]])
        np.testing.assert_allclose(state[name + '/ppo_adam'] * 10., expected, rtol=2e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize('decay, rates', [('constant', [.01, .01]), ('linear', [.01, .009])])
def test_the_learning_rate(decay, rates):
    """Adam's first step is the rate, whatever the gradient; the second update has a tenth of the run behind it."""
    with Process(gradient_steps=1, decay=decay, value_targets='raw') as process:
        learner, session, seen = process.learner, process.session, []
        run = session.run

        def spy(fetches, feeds=None):
            if feeds and learner._rate in feeds:
                seen.append(feeds[learner._rate])
            return run(fetches, feeds)
        before = learner.parameters(session)['ppo/value/head/bias']
        session.run = spy
        learner.update(session, [played('gaussian')])
        assert abs(learner.parameters(session)['ppo/value/head/bias'] - before) == pytest.approx(rates[0], rel=.01)
        learner.update(session, [played('gaussian', seed=1)])
        assert seen == pytest.approx(rates)
