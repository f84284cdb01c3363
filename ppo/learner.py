"""The optimiser: transitions in, parameters of the next version out."""

import numpy as np
import tensorflow.compat.v1 as tf

from ppo import loss, rollouts
from ppo.environments import Stopped
from ppo.models import ActorCritic
from ppo.normalizer import Normalizer, Returns, normalised
from runs import determinism
from runs.errors import Diverged
from runs.state import State, adam_variables, named

LOSSES = ('L_policy', 'L_value', 'entropy', 'kl', 'clipped')


def inputs_of(observations, mean, std):
    """What the networks see: frames in 0..1, other observations normalised."""
    if observations.dtype == tf.uint8:
        return tf.cast(observations, tf.float32) / 255.
    return normalised(observations, mean, std)


class Learner:
    """The policy being trained, in the current tf.Graph.

    Args:
      config: `experiments.Experiment`; spaces: `environments.Spaces`; seed: of
        what is drawn here: first weights and the order of the batches.

    Attributes:
      transitions, gradient_steps, version: counters; each update is a version.
    """

    def __init__(self, config, spaces, seed):
        self.training, self.seed = config.training, seed
        self.transitions = self.gradient_steps = self.version = 0
        self.policy = ActorCritic('ppo', config.model, spaces.shape, spaces.actions)
        self.normalizer = None if spaces.dtype == np.uint8 else Normalizer(spaces.shape)
        self.returns = Returns() if self.training.value_targets == 'standardised' else None
        self._build(spaces)

    def _build(self, spaces):
        training, discrete = self.training, spaces.actions.kind == 'categorical'
        self._feeds = {
            'observations': tf.placeholder(spaces.dtype, (None,) + spaces.shape),
            'actions': tf.placeholder(*((tf.int32, [None]) if discrete else (
                tf.float32, [None, spaces.actions.size]))),
            'log_probs': tf.placeholder(tf.float32, [None]),
            'advantages': tf.placeholder(tf.float32, [None]),
            'returns': tf.placeholder(tf.float32, [None])}
        self._rate = tf.placeholder(tf.float32, [])
        self._mean = tf.placeholder(tf.float32, spaces.shape)
        self._std = tf.placeholder(tf.float32, spaces.shape)
        answer = self.policy(inputs_of(self._feeds['observations'], self._mean, self._std))
        self._log_probs = log_probs = answer.distribution.log_prob(self._feeds['actions'])
        old = self._feeds['log_probs']
        terms = {
            'L_policy': tf.reduce_mean(loss.clipped_surrogate(
                log_probs, old, self._feeds['advantages'], training.clip)),
            'L_value': tf.reduce_mean(loss.value_error(
                answer.value / self.policy.value_std, self._feeds['returns'] / self.policy.value_std)),
            'entropy': tf.reduce_mean(answer.distribution.entropy()),
            'kl': tf.reduce_mean(old - log_probs),
            'clipped': tf.reduce_mean(tf.cast(tf.abs(tf.exp(log_probs - old) - 1.) > training.clip, tf.float32))}
        total = (terms['L_policy'] + training.value_weight * terms['L_value']
                 - training.entropy_weight * terms['entropy'])
        groups = self.policy.trained
        variables, gradients, norms = sum(groups, []), [], []
        for group in groups:
            clipped, norm = tf.clip_by_global_norm(tf.gradients(total, group), training.gradient_clip)
            gradients += clipped
            norms.append(norm)
        optimizer = tf.train.AdamOptimizer(self._rate, epsilon=training.epsilon, name='ppo_adam')
        with tf.control_dependencies(gradients):
            self._update = [[terms[name] for name in LOSSES] + [tf.global_norm(norms)],
                            optimizer.apply_gradients(zip(gradients, variables))]
        self.state = State(dict(named(self.policy.variables), **adam_variables(optimizer)))
        self._value_head = State(named(self.policy.head_and_moments))

    def start(self, session):
        """First values, by the seed."""
        session.run(tf.global_variables_initializer())
        self.state.load(session, self.policy.initial_values(self.seed))

    def parameters(self, session):
        """All that acting needs, of one version: {name: array}, the normaliser's among them."""
        values = session.run(named(self.policy.variables))
        if self.normalizer:
            values.update(self.normalizer.parameters())
        return values

    def update(self, session, played, stopped=lambda: False):
        """The gradient steps of one version, then what it has seen into the normaliser.

        The moments of the returns come first: the steps learn by them.  With
        the normaliser last the ratio of probabilities begins at 1 for rollouts of the
        newest version: their actions were taken under the normaliser that the
        gradient steps use.

        Args:
          played: list of `rollouts.Rollout`.
          stopped: asked before every gradient step.

        Returns:
          {name: mean over the gradient steps} of `LOSSES` and gradient_norm; kl_lag:
          mean log ratio of the policies that acted to the one that begins here (clipped
          around behaviour: over the first step's batch); explained: share of the
          returns' variance that the values foretold.

        Raises:
          Diverged: one of them is not finite.
          Stopped: `stopped()` said so; what is in memory is no version.
        """
        training = self.training
        batch = rollouts.batch(played, training.gamma, training.lam)
        explained = 1. - np.var(batch.advantages) / max(np.var(batch.returns), 1e-12)
        if self.returns:
            self.returns.update(batch.returns)
            self._value_head.load(session, self.policy.rescaled(
                self._value_head.values(session), *self.returns.moments))
        batch = batch._replace(advantages=loss.standardised(batch.advantages))
        common = self._common_feeds()
        acted = batch.log_probs
        if training.clip_around == 'newest' and any(rollout.version != self.version for rollout in played):
            batch = batch._replace(log_probs=self._newest_log_probs(session, batch, common))
        found = self._gradient_steps(session, batch, common, stopped)
        if self.normalizer:
            self.normalizer.update(batch.observations)
        self.version += 1
        self.gradient_steps += len(found)
        self.transitions += len(acted)
        means = dict(zip(LOSSES + ('gradient_norm',), np.mean(found, axis=0)), explained=explained)
        # Of the two parts one is 0: the first step's policy is the newest, and either it or what acted is `old`.
        means['kl_lag'] = np.mean(acted - batch.log_probs) + found[0][LOSSES.index('kl')]
        for name, value in means.items():
            if not np.isfinite(value):
                raise Diverged('%s is not finite after %d transitions: the run has diverged; try a smaller '
                               'training.learning_rate in another folder' % (name, self.transitions))
        return {name: float(value) for name, value in means.items()}

    def _common_feeds(self):
        """What all gradient steps of an update are fed: the rate and the normaliser."""
        training = self.training
        rate = training.learning_rate
        if training.decay == 'linear':
            rate *= max(0., 1. - self.transitions / training.transitions)
        feeds = {self._rate: rate}
        if self.normalizer:
            parameters = self.normalizer.parameters()
            feeds.update({self._mean: parameters['normalizer/mean'], self._std: parameters['normalizer/std']})
        return feeds

    def _newest_log_probs(self, session, batch, common):
        """Log-probabilities `[n]` of the batch's actions under the policy before its gradient steps."""
        size, found = self.training.batch, []
        for start in range(0, len(batch.returns), size):
            feeds = {self._feeds[name]: getattr(batch, name)[start:start + size] for name in ('observations', 'actions')}
            feeds.update(common)
            found.append(session.run(self._log_probs, feeds))
        return np.concatenate(found)

    def _gradient_steps(self, session, batch, common, stopped):
        """`LOSSES` and gradient_norm of each, before it."""
        training, count = self.training, len(batch.returns)
        size, found = min(training.batch, count), []
        in_pass = count // size
        for step in range(training.epochs * in_pass or training.gradient_steps):
            if stopped():
                raise Stopped
            if step % in_pass == 0:
                order = determinism.random_state(
                    self.seed, 'batches/%d' % (step // in_pass), self.version).permutation(count)
            chosen = order[step % in_pass * size:(step % in_pass + 1) * size]
            feeds = {self._feeds[name]: getattr(batch, name)[chosen] for name in self._feeds}
            feeds.update(common)
            found.append(session.run(self._update, feeds)[0])
        return found

    # What a checkpoint holds.

    def values(self, session):
        """The whole training state: {name: array}."""
        values = self.state.values(session)
        for name in ('transitions', 'gradient_steps', 'version'):
            values['counters/' + name] = np.int64(getattr(self, name))
        if self.normalizer:
            values.update(self.normalizer.values())
            values.update(self.normalizer.parameters())
        if self.returns:
            values.update(self.returns.values())
        return values

    def load(self, session, values):
        """Continues from `values`."""
        for name in ('transitions', 'gradient_steps', 'version'):
            setattr(self, name, int(values['counters/' + name]))
        if self.normalizer:
            self.normalizer.load(values)
        if self.returns:
            self.returns.load(values)
        self.state.load(session, {name: values[name] for name in self.state.variables})
