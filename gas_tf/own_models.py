"""A user's own classifier as the teacher, a user's own network as the student."""

import operator
import os
from collections import namedtuple
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import distillation, images, inputs, savedmodels
from gas_tf.algorithm import Distillation
from gas_tf.evaluation import Agreement, OnData
from gas_tf.experiments.images import BUDGETS, configuration
from gas_tf.own_networks import Built, Teacher, first_student_values
from gas_tf.own_settings import changed, check_folder, recorded, whole, words_for_callers
from gas_tf.pictures import save_samples
from runs import devices
from runs.checkpoint import fingerprint
from runs.config import recorded_fields
from runs.display import Display
from runs.errors import UserError
from runs.files import exists
from runs.record import Record
from runs.recording import best_model

#: Settings of the paper's own experiments, which have no place here.
ELSEWHERE = ('data', 'inputs', 'teacher.', 'student.widths')

#: values: {variable name: array} of the student; result: the content of
#: result.json; path: the folder of the record.
Distilled = namedtuple('Distilled', 'values result path')


def distil(teacher, student, input_shape, out, weights=None, mean=0., std=1.,
           data=None, seed=0, budget='quick', display=None, **changes):
    """Distils a classifier of one's own into a smaller one, without its data.

    Algorithm 1 with generators of images of `input_shape`, whose numbers have
    mean 0 and variance 1, as DAFL's.  The student sees them so; the teacher as
    `mean` and `std` say.  The same call goes on after an interruption, and
    returns at once when the work is done.

    Args:
      teacher: a function that builds logits `[b, classes]` from images
        `[b, *input_shape]` with TensorFlow operations, its variables made by
        `tf.get_variable`; or the folder of a SavedModel with one input and
        one output, or one that is called `logits` or `probabilities`, exported
        from a session (`tf.saved_model.simple_save`).  Of probabilities the
        logarithm is taken.
      student: such a function; its variables start as it says.
      input_shape: (height, width, channels), both sides multiples of 4.
      out: folder of the record.
      weights: of a teacher that is a function with variables: a TensorFlow
        checkpoint, or {name: array}, with the names that the function gives.
      mean, std: of the pixels that the teacher takes, a number or one for each
        channel: it is given x * std + mean.
      data: None, or (images `[n, *input_shape]` as the teacher takes them,
        labels `[n]`) on which the student is evaluated; they choose nothing.
        Without them the log has the share of fresh generated images on which
        both agree.
      seed: of everything that is drawn.
      budget: whose settings these are, of `gas_tf.run mnist`: 'quick' (10,000
        student updates), 'long' (30,000, another schedule), 'paper', ...
      display: a `display.Display`; None: standard output.
      changes: settings with `__` for the dot, such as `objective__gamma=1.`
        or `schedule__student_steps=5000`.

    Returns:
      `Distilled`, with the last student: no number that it may be chosen by ranks
      them.

    Raises:
      UserError: one line that says what does not fit: a shape, an answer
        that is not finite, no gradient to the input, a setting, the disk.
    """
    display = display or Display()
    if budget not in BUDGETS['mnist']:
        raise UserError('budget is %r: give one of %s' % (budget, ', '.join(BUDGETS['mnist'])))
    config, sources = changed(*configuration('mnist', budget=budget), changes, ELSEWHERE, 'distil')
    shape, seed = _shape(input_shape), whole('seed', seed)
    check_folder(out)
    mean, std = _scale(mean, std, shape)
    teacher = Teacher(teacher, weights, shape, scale=None if (mean, std) == ([0.], [1.]) else (mean, std))
    if teacher.note:
        display.line(teacher.note)
    first_values = first_student_values(student, shape, teacher, seed)
    if data is not None:
        given, labels = _checked(data, shape, teacher.size)
        data = (given - np.float32(mean)) / np.float32(std), labels
    with tf.Graph().as_default():
        bank = images.generator_bank(config.generator, shape, (-1., 1.))
        algorithm = Distillation(
            Built('teacher', teacher.function), Built('student', student, first_values),
            inputs.Generated(bank, seed, config.schedule.batch_size, config.generator.noise_size), config, seed)
        evaluation = OnData(algorithm.student, *data) if data else Agreement(algorithm)
        fields = recorded(config, sources, ELSEWHERE, 'distil', teacher, first_values, seed=seed, input_shape=list(shape),
                          mean=mean, std=std,
                          evaluated_on=fingerprint(dict(zip(('images', 'labels'), data))) if data else None)
        with words_for_callers(display), Record(out, fields) as record:
            result = record.result() or distillation.distil_recorded(
                record, algorithm, teacher.values, evaluation, display,
                'own models, seed %d' % seed, {'teacher': teacher.identity}, devices.found(),
                _draw,
                experiment='own', method='gas', seed=seed, budget=budget,
                teacher=None, paper=None)
            return Distilled(best_model(record.directory), result, Path(record.directory))


def save(path, student, run):
    """Writes the student of a run of `distil` as a SavedModel.

    Its signature `serving_default` goes from `images` `[b, *input_shape]`, as
    the teacher takes them, to `logits` and `probabilities` `[b, classes]` and
    `label` `[b]`.

    Args:
      path: of the folder to make.
      student: the function that `distil` had.
      run: folder of the record, `Distilled.path`; of an interrupted run too.

    Raises:
      UserError: `path` is there already, the disk refuses, `run` is no such
        record, or it is of another student.
    """
    path, fields = Path(path), recorded_fields(run) if isinstance(run, (str, os.PathLike)) else None
    if 'input_shape' not in (fields or {}):
        raise UserError('%s is not the folder of a run of distil: give its `path`' % (
            run if isinstance(run, (str, os.PathLike)) else type(run).__name__))
    shape, mean, std = [fields[name]['value'] for name in ('input_shape', 'mean', 'std')]
    values = best_model(run)
    if exists(path):
        raise UserError('%s is there already: remove it, or give another path' % path)

    def build():
        images = tf.placeholder(tf.float32, [None] + shape, 'images')
        network = Built('student', student)
        logits = network((images - mean) / std).distribution.logits
        shapes = {v.op.name: tuple(v.shape.as_list()) for v in network.variables}
        if shapes != {name: array.shape for name, array in values.items()}:
            raise UserError('the student is another than that of %s' % run)
        return network.variables, {'images': images}, savedmodels.classified(logits)
    savedmodels.write(path, values, build)


def _draw(path, samples):
    # A deviation of 2 each way is black and white.
    save_samples(path, samples, 0.5, 0.25)


def _shape(given):
    """(height, width, channels) as whole numbers."""
    try:
        shape = tuple(operator.index(side) for side in given)
    except TypeError:
        shape = ()
    if len(shape) != 3 or min(shape) < 1 or shape[0] % 4 or shape[1] % 4:
        raise UserError('input_shape is %r: give (height, width, channels), both sides multiples of 4' % (given,))
    return shape


def _scale(mean, std, shape):
    """(mean, std) as lists of one number, or of one for each channel."""
    checked = []
    for name, given in (('mean', mean), ('std', std)):
        array = np.atleast_1d(np.asarray(given))
        if array.dtype.kind not in 'fiu' or array.shape not in ((1,), shape[2:]) or not np.all(np.isfinite(array)) or (
                name == 'std' and array.min() <= 0):
            raise UserError('%s is %r: give a number, or one for each of %d channels%s' % (
                name, given, shape[2], ', above 0' if name == 'std' else ''))
        checked.append([float(number) for number in array])
    return checked


def _checked(data, shape, classes):
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise UserError('data are to be a pair of images and labels')
    images, labels = (np.asarray(part) for part in data)
    for name, array in (('images', images), ('labels', labels)):
        if array.dtype.kind not in 'fiu' or not np.all(np.isfinite(array)):
            raise UserError('the %s of the data are not finite numbers throughout' % name)
    if images.shape[1:] != shape or labels.shape != images.shape[:1] or not len(labels):
        raise UserError('the data are images %s and labels %s: [n, %s] and [n] '
                        'are needed' % (list(images.shape), list(labels.shape),
                                        ', '.join(map(str, shape))))
    if np.any(labels != np.rint(labels)):
        raise UserError('the labels of the data are not whole numbers throughout')
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError('the labels go from %d to %d: the teacher has %d classes'
                        % (labels.min(), labels.max(), classes))
    return images.astype(np.float32), labels
