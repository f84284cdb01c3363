"""python -m gas_tf.export RUN: the best student of a run, as a file to use.

`npz` holds the weights by name and the normalisation, for any framework;
`savedmodel` a folder that TensorFlow loads, from grey levels to probabilities.
"""

import argparse
import io
import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf.data import digits
from gas_tf.data.sources import SOURCES
from gas_tf.experiments.images import Experiment
from gas_tf.networks.lenet import LeNet
from runs import determinism, settings
from runs.command import guarded
from runs.errors import UserError
from runs.files import atomic_write, read_json, user_errors
from runs.recording import best_model
from runs.state import State, named

SIDE = 32  # of the images that the networks take


def best_student(run):
    """Weights of the best student so far and what its images are.

    Args:
      run: folder of a run, finished or interrupted.

    Returns:
      ({variable name: array}, mean, std): the variables under `student/`; the
      normalisation (x / 255 - mean) / std of its images.

    Raises:
      UserError: the folder holds no distillation, or no checkpoint of it.
    """
    run = Path(run)
    recorded = (read_json(run / 'config.json') or {}).get('fields', {})
    if 'student.widths' not in recorded:
        raise UserError('%s is not the folder of a distillation: it has no '
                        'config.json of one' % run)
    config = settings.restored(Experiment(), recorded)
    values = best_model(run / 'checkpoints')
    if values is None:
        raise UserError('%s has no checkpoint: published records have none; '
                        'its command makes it again' % run)
    if config.data == 'digits':
        return values, digits.MEAN, digits.STD
    source = SOURCES[config.data]
    return values, source.mean, source.std


def write_npz(path, values, mean, std):
    """Weights by variable name, with `mean` and `std`."""
    file = io.BytesIO()
    np.savez(file, mean=np.float32(mean), std=np.float32(std), **values)
    with user_errors('cannot write %s' % path):
        atomic_write(path, file.getvalue())


def write_savedmodel(path, values, mean, std):
    """A SavedModel from grey levels `[b, 32, 32, c]`, 0..255, to answers.

    Its signature `serving_default` takes `images` and gives `logits` and
    `probabilities` `[b, classes]` and `label` `[b]`.  It appears whole or not
    at all.
    """
    sizes = [values['student/%s/kernel' % name].shape for name in
             ('conv1', 'conv2', 'conv3', 'dense1', 'dense2')]
    widths = [shape[-1] for shape in sizes[:4]]
    channels, classes = sizes[0][2], sizes[4][-1]
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(
            tf.float32, [None, SIDE, SIDE, channels], 'images')
        student = LeNet('student', widths, channels, classes)
        logits = student((images / 255. - mean) / std).distribution.logits
        state = State(named(student.variables))
        with determinism.new_session(graph) as session:
            state.load(session, values)
            temporary = path.parent / ('.%s.tmp' % path.name)
            with user_errors('cannot write %s' % path):
                shutil.rmtree(str(temporary), ignore_errors=True)
                try:
                    tf.saved_model.simple_save(
                        session, str(temporary), {'images': images},
                        {'logits': logits, 'probabilities': tf.nn.softmax(logits),
                         'label': tf.argmax(logits, axis=1)})
                    os.rename(str(temporary), str(path))
                except tf.errors.OpError as error:
                    raise OSError(None, error.message)
                finally:
                    shutil.rmtree(str(temporary), ignore_errors=True)


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
    if path.exists():
        raise UserError('%s is there already: remove it, or give another --to' % path)
    {'npz': write_npz, 'savedmodel': write_savedmodel}[form](path, *values)
    return path


def main(arguments=None):
    """The command; returns its exit code, see `runs.command.guarded`."""
    parser = argparse.ArgumentParser(
        prog='python -m gas_tf.export', description=__doc__.split('\n\n')[1])
    parser.add_argument('run', metavar='RUN', help='folder of a run')
    parser.add_argument('--format', choices=('npz', 'savedmodel'), default='npz')
    parser.add_argument('--to', help='file or folder to make (default: '
                        'student.npz or student/ in the folder of the run)')
    given = parser.parse_args(arguments)
    return guarded(lambda: print(export(given.run, given.format, given.to)) or 0)


if __name__ == '__main__':
    sys.exit(main())
