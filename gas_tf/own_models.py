"""A user's own classifier as the teacher, a user's own network as the student."""

from collections import namedtuple
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import distillation, images, inputs
from gas_tf.algorithm import Distillation
from gas_tf.evaluation import Agreement, OnData
from gas_tf.experiments.images import Experiment
from gas_tf.own_networks import Built, Teacher, first_student_values
from gas_tf.own_settings import changed, check_seed, recorded
from gas_tf.pictures import save_samples
from runs import devices, settings
from runs.checkpoint import fingerprint
from runs.display import Display
from runs.errors import UserError
from runs.record import Record
from runs.recording import best_model

#: Settings of the paper's own experiments, which have no place here.
ELSEWHERE = ('data', 'inputs', 'teacher.', 'student.widths')

#: values: {variable name: array} of the best student; result: the content of
#: result.json; path: the folder of the record.
Distilled = namedtuple('Distilled', 'values result path')


def distil(teacher, student, input_shape, out, weights=None, data=None, seed=0,
           display=None, **changes):
    """Distils a classifier of one's own into a smaller one, without its data.

    Algorithm 1 with generators of images of `input_shape`.  DAFL's generators
    draw images whose numbers have mean 0 and variance 1: a teacher that wants
    others scales them itself.  The same call goes on after an interruption,
    and returns at once when the work is done.

    Args:
      teacher: a function that builds logits `[b, classes]` from images
        `[b, *input_shape]` with TensorFlow operations, its variables made by
        `tf.get_variable`; or the folder of a SavedModel with one input and
        one output, or one that is called `logits`, exported from a session
        (`tf.saved_model.simple_save`).  Of probabilities the logarithm is taken.
      student: such a function; its variables start as it says.
      input_shape: (height, width, channels), both sides multiples of 4.
      out: folder of the record.
      weights: of a teacher that is a function with variables: a TensorFlow
        checkpoint, or {name: array}, with the names that the function gives.
      data: None, or (images `[n, *input_shape]`, labels `[n]`) on which the
        student is evaluated; nothing is learnt from them.  Without them the
        log has the share of fresh generated images on which both agree.
      seed: of everything that is drawn.
      display: a `display.Display`; None: standard output.
      changes: settings with `__` for the dot, such as `objective__gamma=1.`
        or `schedule__student_steps=30000`.

    Returns:
      `Distilled`.

    Raises:
      UserError: one line that says what does not fit: a shape, an answer
        that is not finite, no gradient to the input, a setting, the disk.
    """
    display = display or Display()
    config = Experiment()
    config, sources = changed(config, settings.default_sources(config), changes, ELSEWHERE, 'distil')
    shape = _shape(input_shape)
    check_seed(seed)
    teacher = Teacher(teacher, weights, shape)
    if teacher.note:
        display.line(teacher.note)
    first_values = first_student_values(student, shape, teacher, seed)
    if data:
        data = _checked(data, shape, teacher.size)
    with tf.Graph().as_default():
        bank = images.generator_bank(config.generator, shape, (-1., 1.))
        algorithm = Distillation(
            Built('teacher', teacher.function), Built('student', student, first_values),
            inputs.Generated(bank, seed, config.schedule.batch_size, config.generator.noise_size), config, seed)
        evaluation = OnData(algorithm.student, *data) if data else Agreement(algorithm)
        fields = recorded(config, sources, ELSEWHERE, 'distil', teacher, first_values, seed=seed, input_shape=list(shape),
                          evaluated_on=fingerprint(dict(zip(('images', 'labels'), data))) if data else None)
        with Record(out, fields) as record:
            result = record.result() or distillation.distil_recorded(
                record, algorithm, teacher.values, evaluation, display,
                'own models, seed %d' % seed, {'teacher': teacher.identity}, devices.found(),
                _draw,
                experiment='own', method='gas', seed=seed, budget='paper',
                teacher=None, paper=None)
            return Distilled(best_model(record.checkpoints), result, Path(record.directory))


def _draw(path, samples):
    # A deviation of 2 each way is black and white.
    save_samples(path, samples, 0.5, 0.25)


def _shape(given):
    """(height, width, channels) as whole numbers."""
    try:
        shape = tuple(int(side) for side in given)
    except (TypeError, ValueError):
        shape = ()
    if len(shape) != 3 or min(shape) < 1 or shape[0] % 4 or shape[1] % 4:
        raise UserError('input_shape is %r: give (height, width, channels), both sides multiples of 4' % (given,))
    return shape


def _checked(data, shape, classes):
    images, labels = (np.asarray(part) for part in data)
    if images.shape[1:] != shape or labels.shape != images.shape[:1] or not len(labels):
        raise UserError('the data are images %s and labels %s: [n, %s] and [n] '
                        'are needed' % (list(images.shape), list(labels.shape),
                                        ', '.join(map(str, shape))))
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError('the labels go from %d to %d: the teacher has %d classes'
                        % (labels.min(), labels.max(), classes))
    return images.astype(np.float32), labels
