"""A trained policy as files: weights.npz with its normaliser, and teacher.json."""

import io
import json
import math
import zipfile
import zlib
from collections import namedtuple
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

from ppo.experiments import Experiment
from ppo.models import Policy
from ppo.spaces import Actions, Spaces
from runs import settings
from runs.checkpoint import fingerprint
from runs.errors import UserError
from runs.files import atomic_write, exists, json_text, user_errors

#: Teachers that come with the repository.
COMMITTED = Path(__file__).resolve().parent.parent / 'runs' / 'teachers'


class Teacher(namedtuple('Teacher', 'config spaces values scores fingerprint path')):
    """What the files hold.

    config: `experiments.Experiment`; spaces: `spaces.Spaces`; values: {name:
    array}, the normaliser's among them; scores: of fresh episodes; fingerprint:
    of the values; path: the folder.
    """

    __slots__ = ()

    @property
    def normaliser(self):
        """(mean, std), float32: the networks see (raw - mean) / std, clipped.  Frames are seen in 0..1."""
        if self.spaces.dtype == np.uint8:
            return np.float32(0), np.float32(255)
        return self.values['normalizer/mean'], self.values['normalizer/std']


def write_teacher(directory, config, spaces, values, scores, commit):
    """weights.npz, then teacher.json, which makes it a teacher.  Raises UserError where the disk refuses."""
    weights = io.BytesIO()
    np.savez(weights, **dict(sorted(values.items())))
    facts = {'recipe': settings.flatten(config), 'shape': list(spaces.shape), 'actions': list(spaces.actions),
             'scores': scores, 'fingerprint': fingerprint(values), 'commit': commit}
    directory = Path(directory)
    with user_errors('cannot write the teacher in %s' % directory):
        atomic_write(directory / 'weights.npz', weights.getvalue())
        atomic_write(directory / 'teacher.json', json_text(facts) + '\n')


def find(name):
    """The folder of a committed teacher, by its experiment's name, or of a run.  Raises UserError: there is none."""
    for folder in (Path(name), COMMITTED / name):
        if exists(folder / 'teacher.json'):
            return folder
    known = sorted(path.parent.name for path in COMMITTED.glob('*/teacher.json')
                   if 'actions' in json.loads(path.read_text()))
    raise UserError('no teacher is called %s, and no folder of that name holds one: give the folder of a finished '
                    'run of ppo.train%s' % (name, ', or one of: ' + ', '.join(known) if known else ''))


def read_teacher(folder):
    """`Teacher` of a folder.

    Raises:
      UserError: it holds none, or not the weights that teacher.json names or describes.
    """
    folder = Path(folder)
    try:
        facts = json.loads((folder / 'teacher.json').read_text())
        zipfile.ZipFile(str(folder / 'weights.npz')).close()  # NumPy says more than one line of a broken one
        with np.load(str(folder / 'weights.npz')) as file:
            values = {name: file[name] for name in file.files}
        if 'actions' not in facts:
            raise UserError('%s holds a teacher, but not one of policies' % folder)
        recipe = {name: {'value': value} for name, value in facts['recipe'].items()}
        frames = 'normalizer/mean' not in values
        spaces = Spaces(tuple(facts['shape']), np.dtype(np.uint8 if frames else np.float32), Actions(*facts['actions']))
        teacher = Teacher(settings.restored(Experiment(), recipe), spaces, values, facts['scores'],
                          facts['fingerprint'], folder)
        sound = fingerprint(values) == teacher.fingerprint
        _check(teacher)
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, NotImplementedError,
            zipfile.BadZipFile, zlib.error) as error:
        raise UserError('the teacher in %s cannot be read (%s)' % (folder, ' '.join(str(error).split()))) from error
    if not sound:
        raise UserError('%s does not hold the weights that teacher.json names' % (folder / 'weights.npz'))
    return teacher


def _check(teacher):
    """Raises ValueError where what teacher.json says is no policy's, or not that of the weights."""
    (shape, _, actions), scores = teacher.spaces, teacher.scores
    if actions.kind not in ('categorical', 'gaussian'):
        raise ValueError('actions are %r' % (actions.kind,))
    if not all(type(size) is int and size > 0 for size in shape + (actions.size,)):
        raise ValueError('an observation of %r, and %r actions' % (shape, actions.size))
    if not all(type(scores[name]) in (int, float) and math.isfinite(scores[name]) for name in ('score', 'score_std')):
        raise ValueError('scores are %r' % (scores,))
    with tf.Graph().as_default():
        network = Policy('ppo', teacher.config.model, shape, actions)
    needed = {v.op.name: tuple(v.shape.as_list()) for v in network.variables}
    if teacher.spaces.dtype != np.uint8:
        needed.update({'normalizer/mean': shape, 'normalizer/std': shape})
    for name, shape in sorted(needed.items()):
        if name not in teacher.values:
            raise ValueError('weights.npz lacks %s' % name)
        if teacher.values[name].shape != shape:
            raise ValueError('%s is of %r, and %r is needed' % (name, teacher.values[name].shape, shape))
