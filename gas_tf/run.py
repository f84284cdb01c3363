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
    from gas_tf import experiments, images, policy_runs
    from runs import devices
    tasks = {experiments.images: images.Task, experiments.policies: policy_runs.Task}
    found = devices.told(display, options.require_gpu)
    task = tasks[experiments.family(options.experiment)](
        options, sources, display, found)
    if options.method == 'teacher':
        task.train_teachers(seeds)
        return 0
    task.prepare()
    results, errors = [], []
    for seed in seeds:
        try:
            results.append(task.run(seed))
        except Diverged as error:  # the other seeds need not
            errors.append('seed %d: %s' % (seed, error))
    if results:
        task.table(results)
    if errors:
        raise UserError('; '.join(errors))
    return 0


def _list(display):
    """Experiments, methods and budgets by name."""
    from gas_tf import experiments
    for family in experiments.FAMILIES:
        kind = family.__name__.split('.')[-1]
        display.table('experiments on %s' % kind, ('name', 'what'),
                      family.DESCRIPTIONS.items(), left=2)
        methods, ablations = [], []
        for name, what in family.METHOD_DESCRIPTIONS.items():
            (ablations if name in family.ABLATIONS else methods).append(
                (name, what))
        display.table('methods on %s' % kind, ('name', 'what'), methods, left=2)
        display.table('other methods on %s, by what they change' % kind,
                      ('name', 'what'), ablations, left=2)
        rows = []
        for name in family.EXPERIMENTS:
            for budget in family.BUDGETS[name]:
                config, _ = family.configuration(name, budget=budget)
                rows.append((name, budget,
                             '%d' % config.schedule.student_steps))
        display.table('budgets on %s' % kind,
                      ('experiment', 'budget', 'student steps'), rows, left=2)


if __name__ == '__main__':
    sys.exit(main())
