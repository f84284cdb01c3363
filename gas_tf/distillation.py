"""One recorded distillation: its loop, its checkpoints, its result."""

from pathlib import Path

import tensorflow.compat.v1 as tf

from gas_tf import collapse
from runs import determinism
from runs.recording import Recording


def folder(out, experiment, method, budget, seed):
    """`<out>/<experiment>/<method>[@<budget>]/seed-<n>`."""
    name = method if budget == 'paper' else '%s@%s' % (method, budget)
    return Path(out) / experiment / name / ('seed-%d' % seed)


def distil_recorded(record, algorithm, teacher_values, evaluation, display,
                    title, extra, devices, draw, patience=(0, 0.), rewrites=True, **result):
    """Runs algorithm 1 to its end, from its start or its last checkpoint.

    Args:
      record: an open `runs.record.Record` without a result.
      algorithm: a `Distillation` in the current graph.
      teacher_values: {variable name: array}.
      evaluation: an `evaluation.Evaluation`.
      display, title: where and under which name progress is shown.
      extra, devices: for the provenance.
      draw: function of a path and of `algorithm.samples` that draws them.
      patience: (student updates, seconds) without a better student until the
        end, asked at every evaluation; the seconds, where they are not 0, count
        in the place of the updates; 0: no such end.
      rewrites: as of `determinism.session_config`.
      result: what else result.json says.

    Returns:
      The content of result.json.
    """
    recording = Recording(
        record, [v.op.name for v in algorithm.student.variables],
        evaluation.metric, evaluation.best_by, evaluation.least, evaluation.also)
    with determinism.new_session(
            tf.get_default_graph(), rewrites=rewrites) as session:
        facts = record.write_provenance(extra, devices)
        algorithm.start(session, teacher_values)
        values = recording.resume()
        if values:
            algorithm.load(session, values)
        _loop(algorithm, session, recording, evaluation, display, title, patience)
        if algorithm.inputs.bank:
            draw(record.directory / 'samples.png', algorithm.samples(session))
        for name, kept in recording.kept.items():
            algorithm.state.load(session, kept.values)
            result.update(evaluation.of_the_kept(session, name, kept.row))
    return recording.finish(
        student_steps=algorithm.student_steps,
        generator_steps=algorithm.generator_steps, commit=facts['commit'],
        **result)


def _loop(algorithm, session, recording, evaluation, display, title, patience):
    """Algorithm 1 with an evaluation and a checkpoint every so often."""
    schedule, losses = algorithm.schedule, []

    def gone_stale():
        best = recording.best
        waited = algorithm.student_steps - best['step'] if best else 0
        updates, seconds = patience
        if waited and seconds:
            return recording.wall_seconds - best['wall_seconds'] >= seconds
        return waited and updates and waited >= updates

    with display.progress(
            title, algorithm.student_steps, schedule.student_steps) as bar:
        if gone_stale():  # killed before its result was written
            return
        for epoch_losses in algorithm.epochs(session):
            losses.append(epoch_losses)
            step = algorithm.student_steps
            if step % schedule.evaluate_every:
                bar.update(step)
                continue
            row = {
                'student_step': step,
                'generator_step': algorithm.generator_steps,
                'resets': algorithm.resets,
                'images_generated': schedule.batch_size * (
                    step + algorithm.generator_steps)
                if algorithm.inputs.bank else 0}
            with algorithm.judged(session) as model:
                row.update(evaluation(session, step))
            row.update({name: sum(row[name] for row in losses) / len(losses)
                        for name in losses[0]})
            row.update(algorithm.collapse_measures(session))
            losses = []
            row = recording.evaluated(step, row, algorithm.values(session), model)
            bar.update(step, '%s %s' % (
                evaluation.metric, evaluation.shown(row[evaluation.metric])))
            warning = collapse.warning(row)
            if warning:
                display.line('%s, step %d: %s' % (title, step, warning))
            if gone_stale():
                return
