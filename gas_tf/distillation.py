"""One recorded distillation: a teacher, a method, a seed, a folder."""

from pathlib import Path

import tensorflow.compat.v1 as tf

from gas_tf import collapse, inputs, settings, teachers
from gas_tf.algorithm import Distillation, check_schedule
from gas_tf.data.dataset import split_validation
from gas_tf.evaluation import Accuracy
from gas_tf.experiments import paper_accuracy
from gas_tf.networks.generators import DAFLGenerator, DCGAN, GeneratorBank
from gas_tf.networks.lenet import LeNet
from gas_tf.pictures import save_samples
from gas_tf.recording import Recording
from runs import determinism
from runs.errors import UserError
from runs.record import Record


def folder(out, experiment, method, budget, seed):
    """`<out>/<experiment>/<method>[@<budget>]/seed-<n>`."""
    name = method if budget == 'paper' else '%s@%s' % (method, budget)
    return Path(out) / experiment / name / ('seed-%d' % seed)


def generator_bank(config, dataset):
    """The generators of a configuration, `generator_0` and on."""
    generator = config.generator
    channels = dataset.train_images.shape[-1]
    common = dict(noise_size=generator.noise_size, widths=generator.widths,
                  channels=channels, output=generator.output,
                  stddev=generator.stddev)
    if generator.shape == 'dcgan':
        if len(generator.widths) != 2:
            raise UserError('generator.widths: dcgan takes two numbers')
        low, high = (float((level - dataset.mean) / dataset.std)
                     for level in (0., 1.))
        return GeneratorBank([
            DCGAN('generator_%d' % i, pixel_range=(low, high), **common)
            for i in range(generator.count)])
    if len(generator.widths) not in (2, 3):
        raise UserError('generator.widths: dafl takes two or three numbers')
    return GeneratorBank([
        DAFLGenerator('generator_%d' % i, leak=generator.leak,
                      epsilon=generator.epsilon, **common)
        for i in range(generator.count)])


def source_of_inputs(config, dataset, train_indices, seed):
    """What the student learns from, as `config.inputs` says."""
    batch_size = config.schedule.batch_size
    if config.inputs == 'generated':
        return inputs.Generated(generator_bank(config, dataset), seed,
                                batch_size, config.generator.noise_size)
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
        result = record.result()
        if result:
            return result
        with tf.Graph().as_default() as graph:
            train_indices, validation_indices = split_validation(
                dataset, config.teacher.validation, config.teacher.seed)
            algorithm = build(config, dataset, train_indices, seed)
            accuracy = Accuracy(
                algorithm.student, dataset.train_images.shape[1:])
            recording = Recording(
                record, [v.op.name for v in algorithm.student.variables])
            with determinism.new_session(graph) as session:
                facts = record.write_provenance(
                    {'data': dataset.md5s, 'teacher': teacher.fingerprint},
                    devices)
                algorithm.start(session, teacher.values)
                values = recording.resume()
                if values:
                    algorithm.load(session, values)
                validation = (dataset.train_images[validation_indices],
                              dataset.train_labels[validation_indices])
                _loop(algorithm, session, recording, accuracy, dataset,
                      validation, display, '%s %s seed %d'
                      % (experiment, method, seed))
                if algorithm.inputs.bank:
                    save_samples(directory / 'samples.png',
                                 algorithm.samples(session),
                                 dataset.mean, dataset.std)
        return recording.finish(
            experiment=experiment, method=method, seed=seed, budget=budget,
            teacher=teacher.accuracy,
            student_steps=algorithm.student_steps,
            generator_steps=algorithm.generator_steps,
            paper=paper_accuracy(experiment, method, config),
            commit=facts['commit'])


def _loop(algorithm, session, recording, accuracy, dataset, validation,
          display, title):
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
                if algorithm.inputs.bank else 0,
                'accuracy': accuracy(
                    session, dataset.test_images, dataset.test_labels),
                'validation_accuracy': accuracy(session, *validation)}
            row.update({name: sum(row[name] for row in losses) / len(losses)
                        for name in losses[0]})
            row.update(algorithm.collapse_measures(session))
            losses = []
            row = recording.evaluated(step, row, algorithm.values(session))
            bar.update(step, row)
            if 'class_histogram' in row:
                warning = collapse.warning(row)
                if warning:
                    display.line('%s, step %d: %s' % (title, step, warning))
