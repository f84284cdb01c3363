"""The central actor: one forward pass answers the observations of many environments."""

from collections import namedtuple

import numpy as np
import tensorflow.compat.v1 as tf

from ppo.learner import inputs_of
from ppo.models import ActorCritic
from runs import determinism
from runs.state import State, named

#: `[n]` or `[n, d]`; actions are as sampled: an environment clips them.
Acted = namedtuple('Acted', 'actions log_probs values')


class Actor:
    """Policies of several versions side by side, in the current tf.Graph.

    A rollout keeps the version that it began with; a version's weights and its
    normaliser are loaded together into a slot that no rollout uses any more,
    so no forward pass ever sees a part of one and a part of another.

    Args:
      config, spaces: as the `Learner`'s; seed: of the sampled actions.
      slots: how many versions can be in use at once.
      name: of the variables.
    """

    def __init__(self, config, spaces, seed, slots=1, name='actor'):
        self.spaces = spaces
        self.observations = tf.placeholder(spaces.dtype, (None,) + spaces.shape)
        self._step = tf.placeholder(tf.int64, [])
        key = determinism.stateless_seed(seed, name + ' actions', self._step)
        self._slots = [_Slot('%s_%d' % (name, i), config, spaces, self.observations, key) for i in range(slots)]
        self.newest = None  # the slot of the last version that was published
        self.passes = 0  # a resumed run goes on from another number

    def publish(self, session, parameters, version):
        """Loads {name: array} of `Learner.parameters`; False when all slots are in use."""
        free = [slot for slot in self._slots if not slot.users and slot is not self.newest]
        if not free and (len(self._slots) > 1 or self._slots[0].users):
            return False
        slot = free[0] if free else self._slots[0]
        slot.load(session, parameters, version)
        self.newest = slot
        return True

    def begin(self):
        """The newest version's slot, kept until `end`, for a rollout."""
        self.newest.users += 1
        return self.newest

    def end(self, slot):
        """One rollout less that uses a slot."""
        slot.users -= 1

    def act(self, session, slot, observations, step=None):
        """`Acted` for observations `[n, ...]`: sampled; step: of the random stream (default: a counter)."""
        return Acted(*session.run(slot.sampled, self._feed(observations, step)))

    def chooser(self, session, greedy):
        """A function from observations `[n, ...]` to the newest policy's actions.

        greedy: the likeliest ones; else samples, of a stream that begins anew.
        """
        calls = iter(range(2 ** 31))
        tensor = self.newest.likeliest if greedy else self.newest.sampled[0]
        return lambda observations: session.run(tensor, self._feed(observations, next(calls)))

    def values(self, session, slot, observations):
        """The values `[n]` of observations."""
        return session.run(slot.value, self._feed(observations, 0))

    def _feed(self, observations, step):
        if step is None:
            step, self.passes = self.passes, self.passes + 1
        return {self.observations: observations, self._step: step}


class _Slot:
    def __init__(self, name, config, spaces, observations, key):
        policy = ActorCritic(name, config.model, spaces.shape, spaces.actions)
        with tf.variable_scope(name):
            normaliser = {} if spaces.dtype == np.uint8 else {
                part: tf.get_variable(part, spaces.shape, tf.float32, tf.zeros_initializer())
                for part in ('normalizer/mean', 'normalizer/std')}
        answer = policy(inputs_of(
            observations, normaliser.get('normalizer/mean'), normaliser.get('normalizer/std')))
        actions = answer.distribution.sample(key)
        self.sampled = [actions, answer.distribution.log_prob(actions), answer.value]
        self.likeliest, self.value = answer.distribution.mode(), answer.value
        self.users, self.version = 0, None
        renamed = {'ppo' + variable[len(name):]: v for variable, v in named(policy.variables).items()}
        self._state = State(dict(renamed, **normaliser))

    def load(self, session, parameters, version):
        self._state.load(session, {name: parameters[name] for name in self._state.variables})
        self.version = version
