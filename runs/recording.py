"""How training is recorded, checkpointed and resumed, whatever it trains."""

import time

import numpy as np
import tensorflow.compat.v1 as tf

from runs import checkpoint
from runs.errors import Diverged

BEST = 'best/'  # prefix of the best model's arrays in a checkpoint


def best_model(checkpoints):
    """{variable name: array} of the best model so far; None without a checkpoint."""
    saved = checkpoint.load(checkpoints)
    return saved and _split(saved.arrays)[1]


def _split(arrays):
    """(training state, best model) of a checkpoint's arrays."""
    state, best = {}, {}
    for name, array in arrays.items():
        if name.startswith(BEST):
            best[name[len(BEST):]] = array
        else:
            state[name] = array
    return state, best


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
    """

    def __init__(self, record, model, metric='accuracy',
                 best_by='validation_accuracy', least=False):
        self.record, self.model = record, list(model)
        self.metric, self.best_by, self.least = metric, best_by, least
        self.best, self.best_values = None, {}
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
        self.best = saved.extra['best']
        values, self.best_values = _split(saved.arrays)
        return values

    @property
    def wall_seconds(self):
        """Seconds of work so far, those before an interruption included."""
        return self._seconds_before + time.time() - self._started

    def evaluated(self, step, row, values):
        """Records one evaluation and saves the state that it saw.

        Args:
          step: student steps so far.
          row: dict for the log, `metric` and `best_by` in it.
          values: the whole training state.

        Raises:
          Diverged: a number of the row or the state is not finite; the
            state is not saved.
          UserError: the disk refuses.
        """
        for name, value in list(row.items()) + list(values.items()):
            if not np.all(np.isfinite(value)):
                raise Diverged(
                    '%s is not finite at step %d: the run has diverged; try a '
                    'smaller learning rate and another --out' % (name, step))
        row = dict(row, wall_seconds=self.wall_seconds,
                   fingerprint=checkpoint.fingerprint(values))
        self.record.append(row)
        self._summarise(step, row)
        if self._is_better(row):
            self.best = {'step': step, self.metric: row[self.metric],
                         self.best_by: row[self.best_by]}
            self.best_values = {name: values[name] for name in self.model}
        arrays = dict(values)
        arrays.update(
            {BEST + name: a for name, a in self.best_values.items()})
        checkpoint.save(self.record.checkpoints, step, arrays, {
            'log_position': self.record.position(),
            'wall_seconds': self.wall_seconds, 'best': self.best})
        return row

    def _is_better(self, row):
        if self.best is None:
            return True
        new, old = row[self.best_by], self.best[self.best_by]
        return new < old if self.least else new > old

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
