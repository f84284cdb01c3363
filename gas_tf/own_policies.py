"""A user's own policy as the teacher: distilled where no simulator is installed."""

from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import distillation, inputs, policies
from gas_tf.algorithm import Distillation
from gas_tf.evaluation import Evaluation
from gas_tf.experiments.policies import configuration
from gas_tf.objectives import batch_mean
from gas_tf.objectives import distillation as divergence
from gas_tf.own_models import Distilled
from gas_tf.own_networks import POLICY, Built, Teacher, first_student_values
from gas_tf.own_settings import changed, check_folder, recorded, whole, words_for_callers
from gas_tf.pictures import save_observations
from ppo.experiments import Model
from ppo.models import Policy
from ppo.spaces import Actions
from runs import devices
from runs.checkpoint import fingerprint
from runs.display import Display
from runs.errors import UserError
from runs.record import Record
from runs.recording import best_model

#: Settings of the paper's own experiments, which have no place here.
ELSEWHERE = ('teacher', 'inputs', 'student.widths', 'student.share', 'generator.widths', 'generator.zero_constants',
             'noise.', 'collection.', 'evaluation.episodes', 'evaluation.fresh_episodes', 'evaluation.stopping')
METHODS = ('gas', 'gas_normalised', 'noise')

#: Of a covariance's largest eigenvalue: how far below 0 rounding may leave others, which then count as 0.
ROUNDED = 1e-3


class Unseen(Evaluation):
    """KL(teacher ‖ student) on fresh generated observations, and a score if one can be had.

    Without a score the least L_distill chooses the student that is kept; what
    that costs where scores are known, README's column "by the loss" says.

    Args:
      algorithm: a `Distillation`; shape: of an observation; score: None, or a
        function of `act`, where act(observations `[n, d]`) gives the student's
        likeliest actions, to a number.
    """

    def __init__(self, algorithm, shape, score):
        self._algorithm, self._score = algorithm, score
        self.metric = 'score' if score else 'kl_fresh'
        self.best_by, self.least = ('score', False) if score else ('L_distill', True)
        teachers, _, students = algorithm.towers(algorithm.inputs.sub_batches('evaluation noise', algorithm.step))
        self._kl = batch_mean([divergence(t, s) for t, s in zip(teachers, students)])
        self._observations = tf.placeholder(tf.float32, (None,) + shape)
        self._mode = algorithm.student(self._observations).distribution.mode()

    def __call__(self, session, step):
        row = {'kl_fresh': float(session.run(self._kl, {self._algorithm.step: step}))}
        if self._score:
            found = self._score(lambda observations: session.run(self._mode, {self._observations: observations}))
            if not isinstance(found, (int, float, np.number)) or not np.isfinite(found):
                raise UserError('score gives %r: a number is needed' % (found,))
            row['score'] = float(found)
        return row


def distil_policy(teacher, student, size, out, weights=None, score=None, method='gas_normalised', seed=0,
                  display=None, moments=None, **changes):
    """Distils a policy of one's own into a smaller one, without its simulator.

    Algorithm 1 with generators of normalised observations: each number of a
    real one is expected to have mean 0 and variance 1.  The same call goes on
    after an interruption, and returns at once when the work is done.

    Args:
      teacher: a function that builds, from normalised observations `[b, size]`
        and with TensorFlow operations, logits `[b, actions]` or a Gaussian's
        (mean `[b, d]`, log_std `[d]` or `[b, d]`); its variables are made by
        `tf.get_variable`.
      student: such a function, or the widths of dense tanh layers.  Without
        real observations a student needs more units than with them: README
        has what the teacher's own widths are worth.
      size: numbers of an observation.
      out: folder of the record.
      weights: of a teacher with variables: a TensorFlow checkpoint, or
        {name: array}, with the names that the function gives.
      score: None, or a function that judges a student: see `Unseen`.  Nothing
        is learnt from it; it chooses the student that is kept, instead of the
        least L_distill.
      method: 'gas_normalised'; 'gas', the paper's; or 'noise', which learns
        from N(0, 1) numbers: a baseline.
      seed: of everything that is drawn.
      display: a `display.Display`; None: standard output.
      moments: None, or (mean `[size]`, covariance `[size, size]`) of real
        normalised observations, where these were kept: method 'noise' draws
        from a normal law of these.  Eigenvalues below 0, by no more than
        rounding leaves, count as 0.  README has what they are worth.
      changes: settings with `__` for the dot, such as `generator__hidden=64`.
        It ends after `schedule__student_steps` (100,000) updates, or after
        `evaluation__patience` (20,000; 0: never) without a lower L_distill, or
        a higher score.  Generators that collapse to easy inputs have a low
        L_distill too: then the log's `input_std` is far from 1.

    Returns:
      `own_models.Distilled`: its values are those of the student that is kept,
      to which the result's `best` belongs, and `last` to the last one.

    Raises:
      UserError: one line that says what does not fit.
    """
    display = display or Display()
    if method not in METHODS:
        raise UserError('method is %r: give one of %s' % (method, ', '.join(METHODS)))
    config, sources = changed(*configuration('humanoid', method), changes, ELSEWHERE, 'distil_policy')
    policies.check_slices(config)
    size, seed = whole('size', size, 1), whole('seed', seed)
    moments = _checked_moments(moments, size, method)
    check_folder(out)
    teacher = Teacher(teacher, weights, (size,), POLICY)
    if teacher.note:
        display.line(teacher.note)
    if config.objective.one_hot and teacher.gaussian:
        raise UserError('objective.one_hot has no meaning for a Gaussian policy: leave it 0')
    build = _student(student, size, teacher, seed)
    with tf.Graph().as_default():
        source = _source(config, size, seed, moments)
        network = build()
        algorithm = Distillation(Built('teacher', teacher.function, kind=POLICY), network, source, config, seed, True)
        fields = recorded(config, sources, ELSEWHERE, 'distil_policy', teacher, network.initial_values(seed), seed=seed,
                          size=size, method=method, scored=score is not None,
                          **({'moments': fingerprint(dict(zip(('mean', 'covariance'), moments)))} if moments else {}))
        with words_for_callers(display), Record(out, fields) as record:
            result = record.result() or distillation.distil_recorded(
                record, algorithm, teacher.values, Unseen(algorithm, (size,), score), display,
                'own policy, seed %d' % seed, {'teacher': teacher.identity}, devices.found(), save_observations,
                (config.evaluation.patience, config.evaluation.patience_seconds), rewrites=policies.REWRITES,
                experiment='own', method=method, seed=seed, budget='paper', teacher=None, paper=None)
            return Distilled(best_model(record.directory), result, Path(record.directory))


def _checked_moments(moments, size, method):
    """(mean, covariance) as float64, or None. Raises UserError where they are no such things."""
    if moments is None:
        return None
    if method != 'noise':
        raise UserError("moments are for method='noise'")
    try:
        mean, covariance = [np.asarray(part) for part in moments]
        if np.iscomplexobj(mean) or np.iscomplexobj(covariance):
            raise UserError('moments: complex numbers are no moments')
        mean, covariance = np.float64(mean), np.float64(covariance)
    except (TypeError, ValueError) as error:
        raise UserError('moments: give a mean and a covariance') from error
    if (mean.shape, covariance.shape) != ((size,), (size, size)):
        raise UserError('moments have the shapes %s and %s: (%d,) and (%d, %d) are needed' % (
            mean.shape, covariance.shape, size, size, size))
    if not all((np.abs(part) <= np.finfo(np.float32).max).all() for part in (mean, covariance)):
        raise UserError('moments: not everything is finite in single precision')
    if not np.allclose(covariance, covariance.T):
        raise UserError('moments: the covariance is not symmetric')
    least, most = np.linalg.eigvalsh(covariance)[[0, -1]]
    if least < -ROUNDED * max(most, 0.):
        raise UserError('moments: that is no covariance, it has the eigenvalue %g' % least)
    return mean, covariance


def _source(config, size, seed, moments):
    """What the student learns from, in the current graph."""
    if config.inputs == 'noise':
        return inputs.Noise(seed, config.schedule.batch_size, (size,), policies.TOWERS, moments=moments)
    return inputs.Generated(policies.generator_bank(config.generator, (size,)), seed, config.schedule.batch_size,
                            config.generator.noise_size, policies.TOWERS, joined=True)


def _student(given, size, teacher, seed):
    """A function that builds the student's network in the current graph."""
    if callable(given):
        first_values = first_student_values(given, (size,), teacher, seed, POLICY)
        return lambda: Built('student', given, first_values, POLICY)
    widths = tuple(given) if isinstance(given, (tuple, list)) else ()
    if not widths or not all(type(width) is int and width > 0 for width in widths):
        raise UserError('student is %r: give a function, or the widths of dense layers' % (given,))
    actions = Actions('gaussian' if teacher.gaussian else 'categorical', teacher.size)
    return lambda: Policy('student', Model(widths=widths), (size,), actions)


def act(values, observations):
    """The likeliest actions of a distilled student of dense tanh layers, in NumPy.

    Args:
      values: `Distilled.values`; observations: normalised, `[n, size]`.

    Returns:
      int `[n]`, or float `[n, d]` of a Gaussian policy.

    Raises:
      UserError: the student is a function of one's own, or the observations
        are of another shape.
    """
    if 'student/policy/head/kernel' not in values:
        raise UserError('these are not the weights of a student of dense tanh layers: use its own function')
    x, layer = np.asarray(observations), 1
    size = len(values['student/policy/dense1/kernel'])
    if x.ndim != 2 or x.shape[1] != size:
        raise UserError('observations have the shape %s: (n, %d) is needed' % (x.shape, size))
    while 'student/policy/dense%d/kernel' % layer in values:
        x = np.tanh(x @ values['student/policy/dense%d/kernel' % layer] + values['student/policy/dense%d/bias' % layer])
        layer += 1
    x = x @ values['student/policy/head/kernel'] + values['student/policy/head/bias']
    return x if 'student/policy/log_std' in values else x.argmax(axis=1)
