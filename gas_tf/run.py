"""python -m gas_tf.run EXPERIMENT: distil, record, and print the table."""

# What is imported here is quick, so that Ctrl-C is answered from the start.
import os
import sys

from runs.command import guarded, rank_and_size
from runs.errors import Diverged, UserError


def main(arguments=None):
    """Runs the command line; returns the exit code.

    See `runs.command.guarded`.
    """
    return guarded(
        lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments):
    from gas_tf import command
    from runs.display import Display
    display = Display()
    if '--list' in arguments:
        command.check_names(arguments)
        _list(display)
        return 0
    options, sources = command.parse(arguments)
    rank, ranks = rank_and_size(os.environ)
    seeds = options.seeds[rank::ranks]
    if not seeds:
        display.line('rank %d of %d: there is no seed for it' % (rank, ranks))
        return 0
    from gas_tf import distillation, teachers
    from gas_tf.data.dataset import load
    from runs import devices
    config = options.settings
    distillation.check_schedule(config.schedule, config.generator.count)
    found = devices.found(options.require_gpu)
    for line in devices.lines(found):
        display.line(line)
    dataset = load(config.data, options.data_dir)
    _check_fit(config, dataset)
    if options.method == 'teacher':
        _teachers(options, sources, seeds, dataset, display, found)
        return 0
    teacher = teachers.obtain(
        config, sources, dataset, options.out, display, found)
    name = options.experiment, options.method, options.budget
    results, errors = [], []
    for seed in seeds:
        try:
            results.append(distillation.run(
                config, sources, *name, seed, dataset, teacher, options.out,
                display, found))
        except Diverged as error:  # the other seeds need not
            errors.append('seed %d: %s' % (seed, error))
    if results:
        _table(display, options, dataset, teacher, results)
    if errors:
        raise UserError('; '.join(errors))
    return 0


def _teachers(options, sources, seeds, dataset, display, devices):
    """Trains a teacher per seed, the committed one's too, and shows them."""
    from gas_tf import teachers
    from runs import settings
    rows, notes = [], []
    for seed in seeds:
        config = settings.replace(options.settings, 'teacher.seed', seed)
        trained = teachers.obtain(
            config, dict(sources, **{'teacher.seed': '--seeds'}), dataset,
            options.out, display, devices, anew=True)
        rows.append(('teacher, seed %d' % seed, _percent(trained.accuracy)))
        notes.append('record: %s' % trained.path)
    display.table('%s: accuracy on %d test images' % (
        options.experiment, len(dataset.test_labels)), ('', 'best'), rows,
                  notes)


def _percent(value):
    return '%.2f %%' % (100 * value)


def _check_fit(config, dataset):
    """Raises UserError, before anything is written, for settings that do not
    fit the data or each other."""
    import tensorflow.compat.v1 as tf

    from gas_tf import distillation
    from gas_tf.data.dataset import split_validation
    images = len(split_validation(dataset, config.teacher.validation,
                                  config.teacher.seed)[0])
    sizes = {'teacher.batch_size': config.teacher.batch_size}
    if config.inputs == 'real':
        sizes['schedule.batch_size'] = config.schedule.batch_size
    for name, size in sizes.items():
        if size > images:
            raise UserError('%s is %d: there are %d training images without '
                            'those for validation' % (name, size, images))
    if config.inputs == 'generated':
        with tf.Graph().as_default():
            distillation.source_of_inputs(config, dataset, None, 0)


def _table(display, options, dataset, teacher, results):
    """Teacher, student, ratio, chance and the paper's number."""
    import numpy as np

    from gas_tf import distillation
    from gas_tf.experiments import PAPER_ACCURACY, paper_accuracy
    from runs.display import duration

    def ratio(value, of=teacher.accuracy):
        return _percent(value / of) if of else ''

    name = options.experiment, options.method, options.budget
    folders = [distillation.folder(options.out, *name, result['seed'])
               for result in results]
    rows = [('teacher', _percent(teacher.accuracy), '', ratio(teacher.accuracy),
             '')]
    for result in results:
        rows.append(('student, seed %d' % result['seed'],
                     _percent(result['last']), _percent(result['best']),
                     ratio(result['last']), duration(result['wall_seconds'])))
    if len(results) > 1:
        last = [result['last'] for result in results]
        rows.append(('mean ± std of %d' % len(last),
                     '%.2f ± %.2f %%' % (100 * np.mean(last),
                                         100 * np.std(last, ddof=1)),
                     '', ratio(np.mean(last)), ''))
    chance = np.bincount(dataset.test_labels).max() / len(dataset.test_labels)
    rows.append(('chance', _percent(chance), '', ratio(chance), ''))
    paper = paper_accuracy(
        options.experiment, options.method, options.settings)
    if paper:
        rows.append(('paper', _percent(paper), '', ratio(
            paper, PAPER_ACCURACY.get((options.experiment, 'teacher'))), ''))
    display.table(
        '%s, %s, %s: accuracy on %d test images'
        % (name + (len(dataset.test_labels),)),
        ('', 'last', 'best*', 'ratio**', 'time'), rows,
        ['*  the evaluation with the highest validation accuracy',
         '** last to teacher',
         'teacher: %s' % teacher.path]
        + ['record: %s' % folder for folder in folders]
        + ['samples: %s' % (folder / 'samples.png') for folder in folders
           if (folder / 'samples.png').exists()])


def _list(display):
    """Experiments, methods and budgets by name."""
    from gas_tf import experiments
    display.table('experiments', ('name', 'what'),
                  experiments.DESCRIPTIONS.items(), left=2)
    methods, ablations = [], []
    for name, what in experiments.METHOD_DESCRIPTIONS.items():
        (ablations if name in experiments.ABLATIONS else methods).append(
            (name, what))
    display.table('methods', ('name', 'what'), methods, left=2)
    display.table('methods of one change, for the budget ablation',
                  ('name', 'what'), ablations, left=2)
    rows = []
    for name in experiments.EXPERIMENTS:
        for budget in experiments.BUDGETS[name]:
            config, _ = experiments.configuration(name, budget=budget)
            rows.append((name, budget,
                         '%d' % config.schedule.student_steps))
    display.table('budgets', ('experiment', 'budget', 'student steps'), rows,
                  left=2)


if __name__ == '__main__':
    sys.exit(main())
