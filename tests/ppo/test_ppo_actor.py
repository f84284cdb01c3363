"""The actor: what is published together stays together, and samples repeat."""

import numpy as np
from small_learner import Process, played


def test_a_version_is_kept_while_a_rollout_uses_it():
    with Process(slots=2) as process:
        session, actor, learner = process.session, process.actor, process.learner
        observations = np.random.RandomState(0).randn(3, 5)
        published = []
        for version in range(3):
            published.append(learner.parameters(session))
            learner.update(session, [played('gaussian', version)])
        assert actor.publish(session, published[0], 0)
        slot = actor.begin()
        before = actor.act(session, slot, observations, step=7)
        assert actor.publish(session, published[1], 1) and actor.newest.version == 1
        again = actor.act(session, slot, observations, step=7)
        np.testing.assert_array_equal(before.actions, again.actions)
        second = actor.begin()
        assert second is not slot and not actor.publish(session, published[2], 2)  # both are in use
        actor.end(slot)
        assert actor.publish(session, published[2], 2) and actor.newest is slot
        assert (actor.act(session, slot, observations, step=7).actions != before.actions).any()


def test_weights_and_normaliser_are_of_one_version():
    """An actor's answer is that of the learner's own network under the same version's normaliser."""
    with Process(slots=1) as process:
        session, learner = process.session, process.learner
        observations = (3. * np.random.RandomState(5).randn(6, 5) + 1.).astype(np.float32)
        for version in range(3):
            parameters = learner.parameters(session)
            process.actor.publish(session, parameters, version)
            x = np.clip((observations - parameters['normalizer/mean']) / parameters['normalizer/std'], -10., 10.)
            x = np.tanh(x @ parameters['ppo/policy/dense1/kernel'] + parameters['ppo/policy/dense1/bias'])
            mean = x @ parameters['ppo/policy/head/kernel'] + parameters['ppo/policy/head/bias']
            found = process.actor.chooser(session, greedy=True)(observations)
            np.testing.assert_allclose(found, mean, rtol=1e-4, atol=1e-6)
            learner.update(session, [played('gaussian', version)])


def test_samples_follow_the_step_and_the_seed():
    with Process() as process, Process(seed=1) as other:
        parameters = process.learner.parameters(process.session)
        for one in (process, other):
            one.actor.publish(one.session, parameters, 0)

        def actions(one, step):
            return one.actor.act(one.session, one.actor.newest, np.zeros([3, 5]), step).actions
        np.testing.assert_array_equal(actions(process, 4), actions(process, 4))
        assert (actions(process, 4) != actions(process, 5)).all()
        assert (actions(process, 4) != actions(other, 4)).all()
        # Without a step there is one of its own for every pass.
        assert (actions(process, None) != actions(process, None)).all()
