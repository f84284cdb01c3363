"""Experiments of policies, from the command to the table."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import distillation
from gas_tf.experiments.policies import PAPER_SCORE, Noise, for_actions, paper_score
from gas_tf.pictures import save_observations
from gas_tf.policies import REWRITES, build, check_slices, source_of_inputs
from gas_tf.policy_evaluation import InEnvironment, sees_frames
from ppo.environments import Environments
from ppo.experiments import configuration
from ppo.teacher import COMMITTED, find, read_teacher
from ppo.training import std
from runs import settings
from runs.display import duration
from runs.errors import UserError
from runs.files import exists
from runs.record import Record, is_locked

WAIT_SECONDS = 1.  # between looks at a teacher that another process trains


class Task:
    """One experiment, method and budget on a teacher.

    Args:
      options: `command.options_of`; sources: of its settings.
      display: where progress is shown; devices: the session's, for records.

    Raises:
      UserError: the settings do not fit each other.
    """

    def __init__(self, options, sources, display, devices):
        self.options, self.sources = options, sources
        self.display, self.devices = display, devices
        self.config = options.settings
        check_slices(self.config)
        noise = self.config.noise
        if self.config.inputs != 'noise' and noise != Noise():
            raise UserError('noise.correlation and noise.moments are of --inputs noise')
        if noise.correlation and noise.moments == 'real':
            raise UserError('noise.moments real has correlations of its own: leave noise.correlation 0')
        if noise.moments == 'real' and self.config.collection.transitions < 2:
            raise UserError('noise.moments real needs two observations or more: give a larger collection.transitions')

    def prepare(self):
        """Obtains the teacher: named, committed, trained before, or trained now.

        Raises:
          UserError: there is none, the settings do not fit it, or its
            simulator is not installed.
        """
        experiment = self.options.experiment
        named = self.config.teacher
        if not named and experiment == 'policy':
            raise UserError('name the policy: --teacher and the folder of a run of ppo.train')
        self.teacher = read_teacher(find(named) if named else self._own_teacher())
        environment = self.teacher.config.environment
        own = None if experiment == 'policy' else configuration(experiment)[0].environment.id
        if own not in (None, environment.id):
            raise UserError('the teacher in %s plays %s, and %s is %s: name the experiment `policy`' % (
                self.teacher.path, environment.id, experiment, own))
        self.config, self.sources = for_actions(
            self.config, self.sources, self.options.method, self.teacher.spaces.actions.kind)
        self._check_fit()
        Environments(environment, 1, 0).close()

    def _check_fit(self):
        config, teacher = self.config, self.teacher
        frames, shape = sees_frames(teacher), teacher.spaces.shape
        if not frames and len(shape) != 1:
            raise UserError('the teacher in %s sees neither vectors nor frames' % teacher.path)
        if frames and (config.noise.correlation or config.noise.moments == 'real'):
            raise UserError('noise.correlation and noise.moments (noise_correlated, noise_moments) have no meaning for '
                            'frames: give another --method')
        if frames and (config.generator.standardised or config.generator.zero_constants):
            raise UserError('generator.standardised and generator.zero_constants (gas_normalised, noise_zeros) have no '
                            'meaning for frames: give another --method')
        if frames and config.inputs == 'generated':
            if any(side % 4 for side in shape[:2]):
                raise UserError('the teacher in %s sees frames of %d x %d: DCGAN draws multiples of 4' % (
                    (teacher.path,) + shape[:2]))
            if len(config.generator.widths) != 2:
                raise UserError('generator.widths: give two numbers of channels')
        layers = len(teacher.config.model.widths)
        if config.student.widths and len(config.student.widths) != layers:
            raise UserError('student.widths: the teacher has %d layers, give as many numbers' % layers)
        if config.objective.one_hot and teacher.spaces.actions.kind == 'gaussian':
            raise UserError('objective.one_hot has no meaning for a Gaussian policy: leave it 0')
        if config.inputs == 'real' and config.collection.transitions < config.schedule.batch_size:
            raise UserError('collection.transitions is %d: give schedule.batch_size (%d) or more' % (
                config.collection.transitions, config.schedule.batch_size))

    def _own_teacher(self):
        """The folder of the experiment's teacher."""
        experiment, out = self.options.experiment, self.options.out
        own = Path(out) / experiment / 'ppo' / 'seed-0'
        # Under mpirun a child that inherits these would take itself for a rank.
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(('PMI', 'OMPI_', 'MPI', 'HYDRA_'))}
        said = False
        while True:
            for folder in (COMMITTED / experiment, own):
                if exists(folder / 'teacher.json'):
                    return folder
            if is_locked(own):  # another process trains it
                if not said:
                    self.display.line('another process is working in %s: waiting for that teacher' % own)
                said = True
                time.sleep(WAIT_SECONDS)
                continue
            self.display.line('%s has no teacher yet: it is trained first, in one process' % experiment)
            command = [sys.executable, '-m', 'ppo.train', experiment, '--out', out]
            if subprocess.call(command, env=environment) and not is_locked(own):
                raise UserError('there is no teacher of %s; what was said above is why' % experiment)

    def run(self, seed):
        """Distils, or continues, or returns what is finished: the content of result.json.

        Raises:
          UserError: the folder holds another run, the disk refuses, or training
            diverged.
        """
        config, options = self.config, self.options
        name = options.experiment, options.method, options.budget
        fields = dict(settings.fields(config, self.sources), **{
            'teacher.fingerprint': {'value': self.teacher.fingerprint, 'source': 'its weights'},
            'teacher.environment': {'value': self.teacher.config.environment.id, 'source': 'its record'}})
        folder = distillation.folder(options.out, *name, seed)
        with Record(folder, fields) as record:
            if record.result():
                return record.result()
            with tf.Graph().as_default():
                source = source_of_inputs(config, self.teacher, seed, folder / 'trajectories', self.display.line)
                # Networks of frames compute long enough, and need the memory.
                algorithm, values = build(
                    config, self.teacher, source, seed, unrolled=not sees_frames(self.teacher))
                with contextlib.closing(
                        InEnvironment(algorithm, self.teacher, config.evaluation, seed)) as evaluation:
                    return distillation.distil_recorded(
                        record, algorithm, values, evaluation, self.display, '%s %s seed %d' % (name[:2] + (seed,)),
                        {'teacher': self.teacher.fingerprint}, self.devices, save_observations,
                        (config.evaluation.patience, config.evaluation.patience_seconds), REWRITES,
                        experiment=name[0], method=name[1], seed=seed, budget=name[2],
                        teacher=self.teacher.scores['score'], paper=paper_score(name[0], name[1], config))

    def table(self, results):
        """Teacher, students, random policy and the paper's row."""
        options, teacher = self.options, self.teacher.scores['score']
        random = float(np.mean([result['random']['score'] for result in results]))
        name = options.experiment, options.method, options.budget

        def row(title, shown, score, more=('',) * 4):
            return (title, shown, _percent(score / teacher) if teacher > 0 else '',
                    _percent((score - random) / (teacher - random)) if teacher != random else '') + more

        rows = [row('teacher', '%.1f ± %.1f' % (teacher, self.teacher.scores['score_std']), teacher)]
        for result in results:
            fresh = result['fresh']
            rows.append(row('student, seed %d' % result['seed'], '%.1f ± %.1f' % (fresh['score'], fresh['score_std']),
                            fresh['score'], ('%.1f' % result['last'], '%.1f' % result['best'],
                                             '%.1f' % result['by_loss']['score'], duration(result['wall_seconds']))))
        if len(results) > 1:
            scores = [result['fresh']['score'] for result in results]
            rows.append(row('mean ± std of %d' % len(scores), '%.1f ± %.1f' % (np.mean(scores), std(scores)),
                            np.mean(scores)))
        rows.append(row('random policy', '%.1f' % random, random))
        of = name[1] if name[1] in PAPER_SCORE else 'gas'  # what the methods that the paper has not are compared with
        paper = paper_score(name[0], name[1], self.config) if of == name[1] else PAPER_SCORE[of].get(name[0])
        if paper is not None:
            theirs = PAPER_SCORE['teacher'][name[0]]
            rows += [("paper's " + title, '%g' % score, _percent(score / theirs)) + ('',) * 5
                     for title, score in (('teacher', theirs), (of, paper))]
        self.display.table(
            '%s, %s, %s: score over %d fresh episodes' % (name + (results[0]['fresh']['episodes'],)),
            ('', 'score', 'ratio*', 'normalised**', 'last', 'best', 'by loss***', 'time'), rows,
            ['±: over the episodes; in the mean\'s row over the seeds', '*  to the teacher',
             '** (score - random) / (teacher - random)',
             '*** fresh episodes of the student of the least L_distill, whose choice needs no simulator',
             'teacher: %s' % self.teacher.path]
            + ['record: %s' % distillation.folder(options.out, *name, result['seed']) for result in results])


def _percent(share):
    return '%.1f %%' % (100 * share)
