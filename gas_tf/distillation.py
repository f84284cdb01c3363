"""One recorded distillation: a teacher, a method, a seed, a folder."""

from pathlib import Path

import tensorflow.compat.v1 as tf

from gas_tf import collapse, inputs, teachers
from gas_tf.algorithm import Distillation, check_schedule
from gas_tf.data.dataset import split_validation
from gas_tf.evaluation import OnTest
from gas_tf.experiments import paper_accuracy
from gas_tf.networks.generators import DCGAN, DAFLGenerator, GeneratorBank
from gas_tf.networks.lenet import LeNet
from gas_tf.pictures import save_samples
from runs import determinism, settings
from runs.errors import UserError
from runs.record import Record
from runs.recording import Recording


def folder(out, experiment, method, budget, seed):
    """`<out>/<experiment>/<method>[@<budget>]/seed-<n>`."""
    name = method if budget == 'paper' else '%s@%s' % (method, budget)
    return Path(out) / experiment / name / ('seed-%d' % seed)


def generator_bank(generator, image, pixel_range):
    """The generators `generator_0` and on.

    Args:
      generator: an `experiments.Generator`.
      image: (height, width, channels) of what they draw.
      pixel_range: (lowest, highest) value of a normalised pixel, for dcgan.

    Raises:
      UserError: widths or sides do not fit the shape.
    """
    lengths = {'dcgan': [2], 'dafl': [2, 3]}[generator.shape]
    if len(generator.widths) not in lengths:
        raise UserError('generator.widths: %s takes %s numbers' % (
            generator.shape, ' or '.join(map(str, lengths))))
    if image[0] % 4 or image[1] % 4:
        raise UserError('images of %dx%d cannot be generated: both sides must '
                        'be multiples of 4' % tuple(image[:2]))
    common = dict(noise_size=generator.noise_size, widths=generator.widths,
                  image=image, output=generator.output,
                  stddev=generator.stddev)
    if generator.shape == 'dcgan':
        return GeneratorBank([
            DCGAN('generator_%d' % i, pixel_range=pixel_range, **common)
            for i in range(generator.count)])
    return GeneratorBank([
        DAFLGenerator('generator_%d' % i, leak=generator.leak,
                      epsilon=generator.epsilon, **common)
        for i in range(generator.count)])


def source_of_inputs(config, dataset, train_indices, seed):
    """What the student learns from, as `config.inputs` says."""
    batch_size = config.schedule.batch_size
    if config.inputs == 'generated':
        bank = generator_bank(
            config.generator, dataset.train_images.shape[1:],
            [(level - dataset.mean) / dataset.std for level in (0., 1.)])
        return inputs.Generated(
            bank, seed, batch_size, config.generator.noise_size)
    if config.inputs == 'noise':
        return inputs.Noise(seed, batch_size, dataset.train_images.shape[1:])
    return inputs.Real(seed, batch_size, dataset.train_images[train_indices])


def build(config, dataset, train_indices, seed):
    """The graph of one distillation, in the current tf.Graph.

    Returns:
      `algorithm.Distillation`.
    """
    channels = dataset.train_images.shape[-1]
    return Distillation(
        teachers.network(config.teacher, dataset),
        LeNet('student', config.student.widths, channels, dataset.classes),
        source_of_inputs(config, dataset, train_indices, seed), config, seed)


def run(config, sources, experiment, method, budget, seed, dataset, teacher,
        out, display, devices=None):
    """Distils, or continues, or returns what is finished.

    Args:
      config, sources: an `experiments.Experiment` and its fields' sources.
      experiment, method, budget, seed: the run's name.
      dataset: for evaluation (and for `inputs` 'real').
      teacher: `teachers.Trained`.
      out: folder of all runs.
      display: where progress is shown.
      devices: the session's devices, for the record.

    Returns:
      The content of result.json.

    Raises:
      UserError: the folder holds another run, the disk refuses, the numbers
        do not fit together, or training diverged.
    """
    check_schedule(config.schedule, config.generator.count)
    fields = dict(
        settings.fields(config, sources),
        **{'teacher.fingerprint':
           {'value': teacher.fingerprint, 'source': 'its weights'}})
    directory = folder(out, experiment, method, budget, seed)
    with Record(directory, fields) as record:
        if record.result():
            return record.result()
        with tf.Graph().as_default():
            train_indices, validation_indices = split_validation(
                dataset, config.teacher.validation, config.teacher.seed)
            algorithm = build(config, dataset, train_indices, seed)
            return distil_recorded(
                record, algorithm, teacher.values,
                OnTest(algorithm.student, dataset, validation_indices),
                display, '%s %s seed %d' % (experiment, method, seed),
                {'data': dataset.md5s, 'teacher': teacher.fingerprint}, devices,
                (dataset.mean, dataset.std), experiment=experiment,
                method=method, seed=seed, budget=budget,
                teacher=teacher.accuracy,
                paper=paper_accuracy(experiment, method, config))


def distil_recorded(record, algorithm, teacher_values, evaluation, display,
                    title, extra, devices, pixels, **result):
    """Runs algorithm 1 to its end, from its start or its last checkpoint.

    Args:
      record: an open `runs.record.Record` without a result.
      algorithm: a `Distillation` in the current graph.
      teacher_values: {variable name: array}.
      evaluation: a function of a session to numbers for the log, with the
        names `metric` and `best_by` (`evaluation.OnTest`).
      display, title: where and under which name progress is shown.
      extra, devices: for the provenance.
      pixels: (mean, std) of the normalised images, for `samples.png`.
      result: what else result.json says.

    Returns:
      The content of result.json.
    """
    recording = Recording(
        record, [v.op.name for v in algorithm.student.variables],
        evaluation.metric, evaluation.best_by)
    with determinism.new_session(tf.get_default_graph()) as session:
        facts = record.write_provenance(extra, devices)
        algorithm.start(session, teacher_values)
        values = recording.resume()
        if values:
            algorithm.load(session, values)
        _loop(algorithm, session, recording, evaluation, display, title)
        if algorithm.inputs.bank:
            save_samples(record.directory / 'samples.png',
                         algorithm.samples(session), *pixels)
    return recording.finish(
        student_steps=algorithm.student_steps,
        generator_steps=algorithm.generator_steps, commit=facts['commit'],
        **result)


def _loop(algorithm, session, recording, evaluation, display, title):
    """Algorithm 1 with an evaluation and a checkpoint every so often."""
    schedule, losses = algorithm.schedule, []
    with display.progress(
            title, algorithm.student_steps, schedule.student_steps) as bar:
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
            row.update(evaluation(session))
            row.update({name: sum(row[name] for row in losses) / len(losses)
                        for name in losses[0]})
            row.update(algorithm.collapse_measures(session))
            losses = []
            row = recording.evaluated(step, row, algorithm.values(session))
            bar.update(step, '%s %.4f' % (
                evaluation.metric, row[evaluation.metric]))
            if 'class_histogram' in row:
                warning = collapse.warning(row)
                if warning:
                    display.line('%s, step %d: %s' % (title, step, warning))
