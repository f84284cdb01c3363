"""python -m gas_tf.export RUN: the best student of a run, as a file to use.

`npz` holds the weights by name and the normalisation, for any framework;
`savedmodel` a folder that TensorFlow loads, from grey levels to probabilities,
or from a policy's raw observations to actions.
"""

import io
import os
import sys
from pathlib import Path

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import savedmodels
from gas_tf.data import digits
from gas_tf.data.sources import SOURCES
from gas_tf.experiments.images import Experiment
from gas_tf.experiments.policies import Experiment as PolicyExperiment
from gas_tf.networks.lenet import LeNet
from gas_tf.policies import student_model
from ppo.models import Policy
from ppo.normalizer import normalised
from ppo.teacher import COMMITTED, read_teacher
from runs import settings
from runs.command import Parser, guarded
from runs.config import recorded_fields
from runs.errors import UserError
from runs.files import atomic_write, exists, user_errors
from runs.recording import best_model

SIDE = 32  # of the images that the networks take
IMAGES, OWN = 'images', 'own'  # kinds of students, beside policies


def best_student(run):
    """Weights of the best student so far and what it sees.

    Args:
      run: folder of a run, finished or interrupted.

    Returns:
      ({variable name: array}, mean, std, kind): the variables under
      `student/`; the normalisation (x - mean) / std of its inputs, grey levels
      0..255 or raw observations, after which observations are clipped to ±10;
      a policy's (`ppo.experiments.Model`, `ppo.spaces.Spaces`), `IMAGES`
      or `OWN`.

    Raises:
      UserError: the folder holds no distillation, or no checkpoint of it, or a
        policy's teacher is not to be found.
    """
    run = Path(run)
    recorded = recorded_fields(run) or {}
    own = 'student.fingerprint' in recorded
    if not own and 'student.widths' not in recorded:
        raise UserError('%s is not the folder of a distillation: it has no '
                        'config.json of one' % run)
    values = best_model(run)
    if own:
        mean, std = [recorded.get(name, {'value': value})['value'] for name, value in (('mean', 0.), ('std', 1.))]
        return values, mean, std, OWN
    if 'teacher.environment' in recorded:
        teacher = _teacher(run, recorded)
        student = settings.restored(PolicyExperiment(), recorded).student
        return (values,) + teacher.normaliser + ((student_model(student, teacher.config.model), teacher.spaces),)
    config = settings.restored(Experiment(), recorded)
    if config.data == 'digits':
        source = digits.MEAN, digits.STD
    else:
        source = SOURCES[config.data].mean, SOURCES[config.data].std
    return values, 255. * source[0], 255. * source[1], IMAGES


def _teacher(run, recorded):
    """The teacher of a policy's run: the one that it names, the committed one, or the one beside it."""
    experiment = run.resolve().parent.parent
    wanted = recorded['teacher.fingerprint']['value']
    named = recorded['teacher']['value']
    own = [COMMITTED / experiment.name, experiment / 'ppo' / 'seed-0']
    for folder in [Path(named), COMMITTED / named] if named else own:
        if exists(folder / 'teacher.json'):
            teacher = read_teacher(folder)
            if teacher.fingerprint == wanted:
                return teacher
    raise UserError('the teacher of %s is not to be found, whose normaliser its student needs%s' % (
        run, ': the run names %s' % named if named else ''))


def write_npz(path, values, mean, std, kind):
    """Weights by variable name (dense kernels [in, out], those of convolutions [height, width, in, out]), `mean`, `std`."""
    file = io.BytesIO()
    np.savez(file, mean=np.float32(mean), std=np.float32(std), **values)
    with user_errors('cannot write %s' % path):
        atomic_write(path, file.getvalue())


def write_savedmodel(path, values, mean, std, kind):
    """A SavedModel whose signature is `serving_default`.

    Of a classifier from grey levels `images` `[b, 32, 32, c]`, 0..255, to
    `logits` and `probabilities` `[b, classes]` and `label` `[b]`; of a policy
    from raw `observations` `[b, ...]` to the likeliest `action`, `[b]` or
    `[b, d]`, and `logits` or `log_std`: as the policy gives it, to be clipped
    to the environment's bounds.  It appears whole or not at all.

    Raises:
      UserError: the student is of one's own, or the disk refuses.
    """
    if kind == OWN:
        raise UserError('a student of your own is a function that only you have: gas_tf.own_models.save writes a '
                        "classifier's, gas_tf.own_policies.act takes the weights of a policy's, and --format npz "
                        'writes those of any')
    build = _classifier if kind == IMAGES else _policy
    savedmodels.write(path, values, lambda: build(values, mean, std, kind))


def _classifier(values, mean, std, _):
    """(variables, {name: input}, {name: output}) in the current graph."""
    sizes = [values['student/%s/kernel' % name].shape for name in
             ('conv1', 'conv2', 'conv3', 'dense1', 'dense2')]
    channels, classes = sizes[0][2], sizes[4][-1]
    images = tf.placeholder(tf.float32, [None, SIDE, SIDE, channels], 'images')
    student = LeNet('student', [shape[-1] for shape in sizes[:4]], channels, classes, plain=True)
    logits = student((images - mean) / std).distribution.logits
    return student.variables, {'images': images}, savedmodels.classified(logits)


def _policy(values, mean, std, kind):
    """As `_classifier`."""
    model, spaces = kind
    student = Policy('student', model, spaces.shape, spaces.actions)
    observations = tf.placeholder(tf.float32, (None,) + spaces.shape, 'observations')
    answer = student(normalised(observations, mean, std)).distribution
    more = ({'logits': answer.logits} if spaces.actions.kind == 'categorical'
            else {'log_std': answer.log_std})
    return student.variables, {'observations': observations}, dict(more, action=answer.mode())


def export(run, form, to=None):
    """Writes the best student of `run`; returns the path.

    Args:
      run: folder of a run.
      form: 'npz' or 'savedmodel'.
      to: the file or folder to make; `<run>/student.npz` or `<run>/student`.

    Raises:
      UserError: as `best_student`; `to` is there already; the disk refuses.
    """
    path = Path(to or Path(run) / {'npz': 'student.npz', 'savedmodel': 'student'}[form])
    values = best_student(run)
    if exists(path):
        raise UserError('%s is there already: remove it, or give another --to' % path)
    {'npz': write_npz, 'savedmodel': write_savedmodel}[form](path, *values)
    return path


def main(arguments=None):
    """The command; returns its exit code, see `runs.command.guarded`."""
    parser = Parser(
        prog='python -m gas_tf.export', description=__doc__.split('\n\n')[1])
    parser.add_argument('run', metavar='RUN', help='folder of a run')
    parser.add_argument('--format', choices=('npz', 'savedmodel'), default='npz')
    parser.add_argument('--to', help='file or folder to make (default: '
                        'student.npz or student/ in the folder of the run)')

    def command():
        given = parser.parse_args(arguments)
        print(export(given.run, given.format, given.to))
        return 0
    return guarded(command)


if __name__ == '__main__':
    sys.exit(main())
