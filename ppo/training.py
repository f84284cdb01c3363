"""What a teacher's training is, whoever plays: learn, evaluate, record, finish."""

import time

import numpy as np
import tensorflow.compat.v1 as tf

from ppo.actor import Actor
from ppo.environments import ATARI, Environments, make
from ppo.experiments import PAPER_SCORE
from ppo.learner import Learner
from ppo.models import ActorCritic
from ppo.teacher import write_teacher
from runs.errors import UserError
from runs.recording import Recording

FRESH_EPISODES = 20  # chosen; they score the best policy once more, free of the bias of its choice


def checked(config):
    """`spaces.Spaces`, once it is sure that the numbers fit together and the environment can be made.

    Raises UserError otherwise.
    """
    training = config.training
    if training.batch > training.buffer:
        raise UserError('training.batch is %d: give at most training.buffer (%d)' % (training.batch, training.buffer))
    if training.evaluate_every > training.transitions:
        raise UserError('training.evaluate_every is %d: give at most training.transitions (%d)'
                        % (training.evaluate_every, training.transitions))
    probe = make(config.environment)
    probe.close()
    if (config.model.body == 'mlp') == (len(probe.spaces.shape) == 3):
        raise UserError('model.body %s does not fit observations %s: mlp is for vectors, the others are for frames'
                        % (config.model.body, list(probe.spaces.shape)))
    with tf.Graph().as_default():
        ActorCritic('probe', config.model, probe.spaces.shape, probe.spaces.actions)
    return probe.spaces


class Training:
    """A learner and an actor in the current graph, evaluated and recorded.

    Args:
      config: `experiments.Experiment`; spaces: what `checked` gave; seed: of
        everything.
      record: an open `runs.record.Record`.
      slots: versions that the actor can hold at once.
    """

    def __init__(self, config, spaces, seed, record, slots=1):
        self.config, self.spaces, self.seed, self.record = config, spaces, seed, record
        self.learner = Learner(config, self.spaces, seed)
        self.actor = Actor(config, self.spaces, seed, slots)
        self.judge = Actor(config, self.spaces, seed, name='judge')  # while the actor goes on
        self._judged = None
        names = [v.op.name for v in self.learner.policy.variables]
        if self.learner.normalizer:
            names += sorted(self.learner.normalizer.parameters())
        self.recording = Recording(record, names, 'score', 'score')
        self.stale = 0  # evaluations since the best one
        self.stopped = lambda: False  # asked between gradient steps and while episodes are played
        self._losses, self._episodes, self._mark = [], [], None

    def start(self, session):
        """First values, or those of the last checkpoint."""
        self.session = session
        self.learner.start(session)
        values = self.recording.resume()
        if values:
            self.learner.load(session, values)
            rows = self.record.rows()
            best = max(range(len(rows)), key=lambda i: (rows[i]['score'], -i))
            self.stale = len(rows) - 1 - best
        self._mark = time.time(), self.learner.transitions
        # Under MPI passes are numbered through; those of a part that was lost
        # are not repeated.
        self.actor.passes = self.learner.transitions

    @property
    def finished(self):
        """Whether all transitions are done, or `training.patience` is at its end."""
        training = self.config.training
        return (self.learner.transitions >= training.transitions
                or bool(training.patience) and self.stale >= training.patience)

    def learn(self, played):
        """One update with a list of `rollouts.Rollout`; True when an evaluation is due.

        Raises Diverged and Stopped as `Learner.update`.
        """
        before = self.learner.transitions
        self._losses.append(self.learner.update(self.session, played, self.stopped))
        self._episodes += [episode for rollout in played for episode in rollout.episodes]
        every = self.config.training.evaluate_every
        return self.learner.transitions // every > before // every or self.finished

    def evaluate(self, **more):
        """Plays the evaluation's episodes, logs them with `more`, and saves; the row of the log.

        Raises UserError where the disk refuses, Stopped.
        """
        seconds, transitions = time.time() - self._mark[0], self.learner.transitions - self._mark[1]
        played = self.play(self.config.training.episodes, self.learner.version)
        scores = [score for score, _ in played]
        row = {'transitions': self.learner.transitions, 'gradient_steps': self.learner.gradient_steps,
               'version': self.learner.version, 'score': float(np.mean(scores)), 'score_std': std(scores),
               'episode_steps': float(np.mean([steps for _, steps in played])),
               'training_episodes': len(self._episodes), 'steps_per_second': transitions / max(seconds, 1e-9)}
        if self._episodes:
            row['training_score'] = float(np.mean([score for score, _ in self._episodes]))
        for name in self._losses[0] if self._losses else ():
            row[name] = float(np.mean([losses[name] for losses in self._losses]))
        row.update(more)
        best = self.recording.best
        row = self.recording.evaluated(self.learner.transitions, row, self.learner.values(self.session))
        self.stale = 0 if best is None or row['score'] > best['score'] else self.stale + 1
        self._losses, self._episodes, self._mark = [], [], (time.time(), self.learner.transitions)
        return row

    def play(self, episodes, step, parameters=None):
        """Plays episodes of the newest policy, or of other parameters: [(score, actions)]."""
        if self._judged is None or len(self._judged) != episodes:
            self._judged = Environments(self.config.environment, episodes, self.seed, stream='evaluation')
        self.judge.publish(self.session, parameters or self.learner.parameters(self.session), self.learner.version)
        return self._judged.play(
            self.judge.chooser(self.session, self.config.training.greedy), step, self.stopped)

    def finish(self, experiment, method, budget, commit):
        """Scores the best policy on fresh episodes; writes the teacher and result.json, whose content it returns.

        Raises UserError where the disk refuses, Stopped.
        """
        best = self.recording.best_values
        fresh = [score for score, _ in self.play(FRESH_EPISODES, 2 ** 31 - 1, best)]
        scores = {'score': float(np.mean(fresh)), 'score_std': std(fresh),
                  'episodes': FRESH_EPISODES, 'chosen_at': self.recording.best['score']}
        write_teacher(self.record.directory, self.config, self.spaces, best, scores, commit)
        return self.recording.finish(
            experiment=experiment, method=method, seed=self.seed, budget=budget, teacher=scores['score'],
            student_steps=self.learner.transitions, generator_steps=0, paper=PAPER_SCORE.get(experiment),
            commit=commit, fresh=scores, protocol=protocol(self.config, self._judged.simulations[0].limit))


def std(scores):
    """The sample's standard deviation; 0 for one."""
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.


def protocol(config, limit):
    """What a score depends on besides the policy: {name: value}."""
    frames = 4 if ATARI in config.environment.id else 1
    return {'actions': 'likeliest' if config.training.greedy else 'sampled', 'rewards': 'true',
            'normaliser': 'frozen', 'most_actions': limit, 'most_frames': limit * frames,
            'contact_forces': config.environment.contact_forces}
