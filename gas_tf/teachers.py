"""Classifiers as teachers: trained once, kept as a file, distilled many times."""

import io
import json
import time
import zipfile
import zlib
from collections import namedtuple
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf.data.dataset import split_validation
from gas_tf.evaluation import Accuracy
from gas_tf.experiments.images import PAPER_ACCURACY
from gas_tf.inputs import Real
from gas_tf.networks.lenet import LeNet
from runs import determinism, settings
from runs.checkpoint import fingerprint
from runs.errors import UserError
from runs.files import atomic_write, exists, json_text, user_errors
from runs.record import Record
from runs.recording import Recording
from runs.state import State, adam_variables, named

WAIT_SECONDS = 1.  # between looks at a teacher that another process trains

#: Teachers that come with the repository.
COMMITTED = Path(__file__).resolve().parent.parent / 'runs' / 'teachers'

#: values: {variable name: array}; accuracy: on the test images; fingerprint:
#: of the values; path: the folder it was read from.
Trained = namedtuple('Trained', 'values accuracy fingerprint path')


def network(teacher, dataset):
    """The teacher's network under the scope `teacher`."""
    return LeNet('teacher', teacher.widths,
                 dataset.train_images.shape[-1], dataset.classes)


def recipe(config):
    """What decides a teacher: {field: value}, as JSON gives it back."""
    fields = settings.flatten(config.teacher)
    return json.loads(json.dumps(dict(fields, data=config.data)))


def obtain(config, sources, dataset, out, display, devices=None, anew=False):
    """The teacher of an experiment: committed, trained before, or trained now.

    While another process trains it, this one waits; should that one die, this
    one goes on in its place.

    Args:
      config: an `experiments.Experiment`; sources: of its fields.
      dataset: the teacher's data.
      out: folder of all runs; the teacher's own run is
        `<out>/<data>/teacher/seed-<n>`.
      display: where progress is shown.
      devices: the session's devices, for the record.
      anew: whether to do without a committed one.

    Returns:
      `Trained`.

    Raises:
      UserError: a teacher's file is damaged or belongs to another recipe.
    """
    own = (Path(out) / config.data / 'teacher'
           / ('seed-%d' % config.teacher.seed))
    waiting = False
    while True:
        for folder in (own,) if anew else (COMMITTED / config.data, own):
            found = read(folder)
            if found and found[0] == recipe(config):
                return found[1]
        try:
            train(config, sources, dataset, own, display, devices)
        except UserError as error:
            if not isinstance(error.__cause__, BlockingIOError):  # its lock
                raise
            if not waiting:
                display.line('%s: waiting for that teacher' % error)
            waiting = True
            time.sleep(WAIT_SECONDS)


def read(folder):
    """(recipe, Trained) of a teacher's folder, or None when it holds none.

    Raises:
      UserError: the weights are not those that `teacher.json` names.
    """
    folder = Path(folder)
    if not exists(folder / 'teacher.json'):
        return None
    try:
        facts = json.loads((folder / 'teacher.json').read_text())
        # NumPy says more than one line of a broken one.
        zipfile.ZipFile(str(folder / 'weights.npz')).close()
        with np.load(str(folder / 'weights.npz')) as file:
            values = {name: file[name] for name in file.files}
        sound = fingerprint(values) == facts['fingerprint']
        found = facts['recipe'], Trained(
            values, float(facts['accuracy']), facts['fingerprint'], folder)
    except (OSError, EOFError, ValueError, LookupError, TypeError,
            AttributeError, NotImplementedError, zipfile.BadZipFile,
            zlib.error) as error:
        raise UserError('the teacher in %s cannot be read (%s): remove the '
                        'folder to train it anew'
                        % (folder, ' '.join(str(error).split())))
    if not sound:
        raise UserError('%s does not hold the weights that teacher.json '
                        'names: remove the folder to train it anew'
                        % (folder / 'weights.npz'))
    return found


class TeacherTraining:
    """Supervised training of a LeNet in the current graph.

    Cross-entropy on labels, Adam, dropout on all hidden layers; its
    masks are functions of (seed, layer, sub-batch, step).
    """

    def __init__(self, config, dataset, indices):
        self.config, self.steps = config, 0
        self.network = network(config, dataset)
        self.inputs = Real(config.seed, config.batch_size,
                           dataset.train_images[indices])
        self.labels = dataset.train_labels[indices]
        self._step = tf.placeholder(tf.int64, [], 'step')
        self._targets = tf.placeholder(tf.int32, [config.batch_size])
        images = self.inputs.sub_batches('teacher', self._step)
        targets = tf.split(self._targets, len(images))
        losses = [self._loss(tower, x, y)
                  for tower, (x, y) in enumerate(zip(images, targets))]
        variables = self.network.variables
        by_tower = [tf.gradients(loss, variables) for loss in losses]
        gradients = [tf.add_n(list(parts)) for parts in zip(*by_tower)]
        optimizer = tf.train.AdamOptimizer(
            config.learning_rate, name='teacher_adam')
        with tf.control_dependencies(gradients):
            update = optimizer.apply_gradients(zip(gradients, variables))
        self._fetches = [tf.add_n(losses), update]
        self.state = State(dict(
            named(variables), **adam_variables(optimizer)))

    def _loss(self, tower, images, labels):
        def dropout(x, layer):
            seed = determinism.stateless_seed(
                self.config.seed, 'dropout/%d/%d' % (layer, tower), self._step)
            kept = tf.random.stateless_uniform(
                tf.shape(x), seed) >= self.config.dropout
            return x * tf.cast(kept, x.dtype) / (1. - self.config.dropout)
        log_probs = self.network(images, dropout).distribution.log_probs
        chosen = log_probs * tf.one_hot(labels, int(log_probs.shape[1]))
        return -tf.reduce_sum(chosen) / self.config.batch_size

    @property
    def steps_per_epoch(self):
        return len(self.labels) // self.config.batch_size

    def train_epoch(self, session):
        """One pass over the images; returns the mean loss."""
        losses = []
        for _ in range(self.steps_per_epoch):
            feed = {self._step: self.steps,
                    self._targets: self.labels[self.inputs.indices(self.steps)]}
            feed.update(self.inputs.feed(self.steps))
            losses.append(session.run(self._fetches, feed)[0])
            self.steps += 1
        return float(np.mean(losses))


def train(config, sources, dataset, directory, display, devices=None):
    """Trains a teacher into `directory`, or continues there.

    The best epoch by the validation images, which are taken from the training
    images, is kept in `weights.npz`, with `teacher.json` beside it.
    """
    teacher = config.teacher
    fields = {name: field
              for name, field in settings.fields(config, sources).items()
              if name == 'data' or name.startswith('teacher.')}
    with Record(directory, fields) as record, tf.Graph().as_default() as graph:
        train_indices, validation_indices = split_validation(
            dataset, teacher.validation, teacher.seed)
        training = TeacherTraining(teacher, dataset, train_indices)
        accuracy = Accuracy(training.network, dataset.train_images.shape[1:])
        names = [v.op.name for v in training.network.variables]
        with determinism.new_session(graph) as session:
            facts = record.write_provenance(
                {'data': dataset.md5s}, devices)
            recording = Recording(record, names)
            session.run(tf.global_variables_initializer())
            training.state.load(
                session, training.network.initial_values(teacher.seed))
            values = recording.resume()
            if values:
                training.steps = int(values.pop('counters/steps'))
                training.state.load(session, values)
            total = teacher.epochs * training.steps_per_epoch
            with display.progress(
                    '%s teacher' % config.data, training.steps, total) as bar:
                while training.steps < total:
                    row = {'loss': training.train_epoch(session)}
                    row['accuracy'] = accuracy(
                        session, dataset.test_images, dataset.test_labels)
                    row['validation_accuracy'] = accuracy(
                        session, dataset.train_images[validation_indices],
                        dataset.train_labels[validation_indices])
                    values = training.state.values(session)
                    values['counters/steps'] = np.int64(training.steps)
                    row['student_step'] = training.steps
                    row = recording.evaluated(training.steps, row, values)
                    bar.update(
                        training.steps, 'accuracy %.4f' % row['accuracy'])
        recording.finish(
            experiment=config.data, method='teacher', seed=teacher.seed,
            budget='paper', teacher=recording.best['accuracy'],
            student_steps=training.steps, generator_steps=0,
            paper=PAPER_ACCURACY.get((config.data, 'teacher')),
            commit=facts['commit'])
        best = {name: recording.best_values[name] for name in names}
        _write(directory, recipe(config), best, recording.best,
               facts['commit'])


def _write(directory, recipe_fields, values, best, commit):
    """weights.npz, then teacher.json, which makes it a teacher."""
    weights = io.BytesIO()
    np.savez(weights, **values)
    facts = {'recipe': recipe_fields, 'accuracy': best['accuracy'],
             'validation_accuracy': best['validation_accuracy'],
             'step': best['step'], 'fingerprint': fingerprint(values),
             'commit': commit}
    with user_errors('cannot write the teacher in %s' % directory):
        atomic_write(directory / 'weights.npz', weights.getvalue())
        atomic_write(directory / 'teacher.json', json_text(facts) + '\n')
