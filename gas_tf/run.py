"""python -m gas_tf.run EXPERIMENT: distil, record, and print the table."""

import os
import signal
import sys

import numpy as np

from gas_tf import command, experiments
from gas_tf.display import Display, duration
from runs.errors import UserError


def main(arguments=None):
    """Runs the command line; returns the exit code.

    0: done.  2: the user's error, one line on stderr.  130 and 143: stopped by
    Ctrl-C and SIGTERM; the same command goes on.
    """
    stopped = []

    def terminate(number, frame):
        stopped.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except UserError as error:
        print('error: %s' % error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('stopped: the same command goes on from the last checkpoint',
              file=sys.stderr)
        return 143 if stopped else 130


def _run(arguments):
    display = Display()
    if '--list' in arguments:
        _list(display)
        return 0
    options, sources = command.parse(arguments)
    # TensorFlow takes seconds to load: not for a misspelt name.
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from gas_tf import devices, distillation, teachers
    from gas_tf.data.dataset import load
    config = options.settings
    found = devices.found(options.require_gpu)
    dataset = load(config.data, options.data_dir)
    teacher = teachers.obtain(
        config, sources, dataset, options.out, display, found)
    results = [
        distillation.run(config, sources, options.experiment, options.method,
                         options.budget, seed, dataset, teacher, options.out,
                         display, found)
        for seed in options.seeds]
    folders = [distillation.folder(options.out, options.experiment,
                                   options.method, options.budget, seed)
               for seed in options.seeds]
    _table(display, options, dataset, teacher, results, folders)
    return 0


def _table(display, options, dataset, teacher, results, folders):
    """Teacher, student, ratio, chance and the paper's number."""
    def percent(value):
        return '%.2f %%' % (100 * value)

    def row(name, last, best=None, time=''):
        return (name, percent(last), percent(best) if best else '',
                percent(last / teacher.accuracy), time)

    rows = [row('teacher', teacher.accuracy)]
    for result in results:
        rows.append(row('student, seed %d' % result['seed'], result['last'],
                        result['best'], duration(result['wall_seconds'])))
    if len(results) > 1:
        last = [result['last'] for result in results]
        rows.append(('mean ± std of %d' % len(last),
                     '%.2f ± %.2f %%' % (100 * np.mean(last),
                                         100 * np.std(last, ddof=1)),
                     '', percent(np.mean(last) / teacher.accuracy), ''))
    counts = np.bincount(dataset.test_labels)
    rows.append(row('chance (largest class)', counts.max() / counts.sum()))
    paper = experiments.PAPER_ACCURACY.get(
        (options.experiment, options.method))
    if paper:
        rows.append(('paper', percent(paper), '', '', ''))
    display.table(
        '%s, %s, %s: accuracy on %d test images'
        % (options.experiment, options.method, options.budget,
           len(dataset.test_labels)),
        ('', 'last', 'best*', 'of teacher', 'time'), rows,
        ['* the evaluation with the highest validation accuracy',
         'teacher: %s' % teacher.path]
        + ['record: %s' % folder for folder in folders]
        + ['samples: %s' % (folder / 'samples.png') for folder in folders
           if (folder / 'samples.png').exists()])


def _list(display):
    """Experiments, methods and budgets by name."""
    display.table('experiments', ('name', 'what'),
                  list(experiments.DESCRIPTIONS.items()))
    display.table('methods', ('name', 'what'),
                  list(experiments.METHOD_DESCRIPTIONS.items()))
    rows = []
    for name in experiments.EXPERIMENTS:
        for budget in experiments.BUDGETS[name]:
            config, _ = experiments.configuration(name, budget=budget)
            rows.append((name, budget,
                         '%d' % config.schedule.student_steps))
    display.table('budgets', ('experiment', 'budget', 'student steps'), rows)


if __name__ == '__main__':
    sys.exit(main())
