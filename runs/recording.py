"""How training is recorded, checkpointed and resumed, whatever it trains."""

import pathlib
import time

import numpy as np
import tensorflow.compat.v1 as tf

from runs import checkpoint
from runs.errors import Diverged, UserError

BEST = 'best/'  # prefix of the best model's arrays in a checkpoint


def best_model(run):
    """{variable name: array} of the best model so far in a run's folder. Raises UserError without a checkpoint."""
    saved = checkpoint.load(pathlib.Path(run) / 'checkpoints')
    if saved is None:
        raise UserError('%s has no checkpoint: published records have none; its command makes it again' % run)
    return _split(saved.arrays, BEST)[1]


def _split(arrays, prefix):
    """(the others, those under a prefix, without it) of {name: array}."""
    rest, mine = {}, {}
    for name, array in arrays.items():
        if name.startswith(prefix):
            mine[name[len(prefix):]] = array
        else:
            rest[name] = array
    return rest, mine


class Kept:
    """The model of the evaluation with the greatest, or the least, of a number.

    Attributes:
      row: {name: number} of that evaluation, or None before the first.
      values: {name: array} of the model.
    """

    def __init__(self, prefix, by, least):
        self.prefix, self.by, self.least = prefix, by, least
        self.row, self.values = None, {}

    def see(self, row, model):
        """Takes an evaluation's model, {name: array}, if it is better."""
        if self.row is None or (row[self.by] < self.row[self.by] if self.least else row[self.by] > self.row[self.by]):
            self.row, self.values = row, model


class Recording:
    """Keeps one run's log, checkpoints, best model and result.

    A checkpoint is written at every evaluation, after its line in the log, so
    a killed run goes on from its last evaluation as if it had not been killed.

    Args:
      record: an open `runs.record.Record`.
      model: names of the arrays that make up the model whose best is kept.
      metric: name in the log of what the result tells, last and best.
      best_by: name in the log of what chooses the best: the greatest, or the
        least of it.
      also: {prefix of its arrays: (name in the log, whether the least)} of
        further models that are kept.
    """

    def __init__(self, record, model, metric='accuracy',
                 best_by='validation_accuracy', least=False, also=None):
        self.record, self.model = record, list(model)
        self.metric, self.best_by = metric, best_by
        self.kept = {'best': Kept(BEST, best_by, least)}
        self.kept.update({name: Kept(name + '/', *chosen) for name, chosen in (also or {}).items()})
        self._seconds_before, self._started = 0., time.time()
        self._summaries = None

    def resume(self):
        """The arrays of the last checkpoint, or None for a run from the start."""
        saved = checkpoint.load(self.record.checkpoints)
        if saved is None:
            self.record.rewind(0)
            return None
        self.record.rewind(saved.extra['log_position'])
        self._seconds_before = saved.extra['wall_seconds']
        values = saved.arrays
        for name, kept in self.kept.items():
            kept.row = saved.extra['kept'][name]
            values, kept.values = _split(values, kept.prefix)
        return values

    @property
    def best(self):
        """The best evaluation's numbers, or None before the first one."""
        return self.kept['best'].row

    @property
    def best_values(self):
        """{name: array} of the best model so far."""
        return self.kept['best'].values

    @property
    def wall_seconds(self):
        """Seconds of work so far, those before an interruption included."""
        return self._seconds_before + time.time() - self._started

    def evaluated(self, step, row, values, model=None):
        """Records one evaluation and saves the state that it saw.

        Args:
          step: student steps so far.
          row: dict for the log, `metric` and `best_by` in it.
          values: the whole training state.
          model: {name: array} of the model that was evaluated, where it is not
            a part of the state under its names.

        Raises:
          Diverged: a number of the row or the state is not finite; the
            state is not saved.
          UserError: the disk refuses.
        """
        for name, value in list(row.items()) + list(values.items()):
            if not np.all(np.isfinite(value)):
                raise Diverged('%s is not finite at step %d: the run has diverged; try a smaller learning rate '
                               'in another folder' % (name, step))
        row = dict(row, wall_seconds=self.wall_seconds,
                   fingerprint=checkpoint.fingerprint(values))
        self.record.append(row)
        self._summarise(step, row)
        seen = dict({name: value for name, value in row.items() if isinstance(value, (int, float))}, step=step)
        for kept in self.kept.values():
            kept.see(seen, {name: (model or values)[name] for name in self.model})
        arrays = dict(values)
        for kept in self.kept.values():
            arrays.update({kept.prefix + name: array for name, array in kept.values.items()})
        checkpoint.save(self.record.checkpoints, step, arrays, {
            'log_position': self.record.position(), 'wall_seconds': self.wall_seconds,
            'kept': {name: kept.row for name, kept in self.kept.items()}})
        return row

    def _summarise(self, step, row):
        """The row's numbers as TensorBoard scalars."""
        if self._summaries is None:
            self._summaries = tf.summary.FileWriter(
                str(self.record.directory / 'tensorboard'),
                filename_suffix='.step-%d' % step)
            # Tells TensorBoard to drop what an interrupted run wrote later.
            self._summaries.add_session_log(
                tf.SessionLog(status=tf.SessionLog.START), step)
        scalars = [tf.Summary.Value(tag=name, simple_value=value)
                   for name, value in row.items() if isinstance(value, float)]
        self._summaries.add_summary(tf.Summary(value=scalars), step)
        self._summaries.flush()

    def finish(self, **result):
        """Writes result.json from the log and what the caller adds."""
        rows = self.record.rows()
        found = [row[self.metric] for row in rows]
        result = dict(
            {'metric': self.metric, 'last': found[-1],
             'best': self.best[self.metric],
             'best_by': self.best_by,
             'best_step': self.best['step'],
             'mean_last_10': float(np.mean(found[-10:])),
             'wall_seconds': rows[-1]['wall_seconds'],
             'fingerprint': rows[-1]['fingerprint']}, **result)
        self.record.write_result(result)
        return result
