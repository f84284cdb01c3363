"""The command line: names, overrides, and errors in one line."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Optional, Tuple

import tyro
from typing_extensions import Annotated

from gas_tf import experiments
from runs import settings
from runs.command import (
    Parser, check_flags, check_folders, check_seeds, nearest, parsed,
    show_help)
from runs.errors import UserError

#: Whole numbers that may be 0; all others are from 1 on.
FROM_ZERO = ('teacher.seed', 'schedule.n_generator', 'schedule.reset_every',
             'evaluation.patience')


def options_of(kind):
    """The dataclass of a command line with the settings of one family.

    kind: the family's class of them.
    """
    @dataclass(frozen=True)
    class Options:
        """Distils a teacher into a smaller student without the teacher's data."""

        experiment: Annotated[tyro.conf.Positional[str],
                              tyro.conf.arg(metavar='EXPERIMENT')]
        """which experiment; --list shows them"""
        settings: Annotated[kind, tyro.conf.arg(name='')]
        method: str = 'gas'
        """how the student learns; --list shows the methods"""
        seeds: Tuple[int, ...] = (0,)
        """one run each"""
        budget: str = 'paper'
        """how long; --list shows the budgets of each experiment"""
        out: str = 'runs/out'
        """folder of the records"""
        data_dir: Optional[str] = None
        """where the data sets are; else $GAS_DATA, ./data, ../shared/data, the
        cache, and then the public mirrors"""
        require_gpu: bool = False
        """stop when TensorFlow sees no GPU"""
        list: bool = False
        """show experiments, methods and budgets, and stop"""

    return Options


def parse(arguments):
    """Options and the sources of their settings from a command line.

    Returns:
      (Options, dict of dotted field to source).

    Raises:
      UserError: a name is unknown or a value has the wrong type.
      SystemExit: after `--help`.
    """
    known, _ = _names().parse_known_args(arguments)
    help_asked = '-h' in arguments or '--help' in arguments
    experiment = known.experiment
    if experiment is None:
        if not help_asked:
            raise UserError('name an experiment: %s (see --list)'
                            % ', '.join(experiments.names()))
        experiment, arguments = 'mnist', ['mnist'] + list(arguments)
    if experiment not in experiments.names():
        if arguments[0].startswith('-'):
            raise UserError('no experiment is called %r: name the experiment '
                            'first, then the options' % experiment)
        nearest('experiment', experiment, experiments.names())
    family = experiments.family(experiment)
    if known.method not in family.METHODS:
        nearest('method', known.method, list(family.METHODS))
    if known.budget not in family.BUDGETS[experiment]:
        nearest('budget', known.budget, list(family.BUDGETS[experiment]))
    config, sources = experiments.configuration(
        experiment, known.method, known.budget)
    check_names(arguments, config)
    options_class = options_of(family.Experiment)
    if help_asked:
        show_help(options_class, arguments, 'python -m gas_tf.run', config,
                  sources, experiment=experiment)
    options = parsed(options_class, arguments, options_class(experiment, config))
    asked = settings.flatten(options.settings)
    for name, value in settings.flatten(config).items():
        if asked[name] != value:
            sources[name] = 'command line'
        check_value(name, asked[name], '--' + name.replace('_', '-'))
    check_seeds(options.seeds)
    check_folders(out=options.out, data_dir=options.data_dir)
    return options, sources


def _names():
    """Reads only what decides the defaults of everything else."""
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument('experiment', nargs='?')
    parser.add_argument('--method', default='gas')
    parser.add_argument('--budget', default='paper')
    # So that their values, before the experiment, are not taken for it.
    parser.add_argument('--out')
    parser.add_argument('--data-dir', '--data_dir')
    return parser


def check_names(arguments, config=None):
    """Raises UserError for a flag that does not exist.

    config: the settings that have flags; default: those of every family.
    """
    configs = [config] if config else [
        family.Experiment() for family in experiments.FAMILIES]
    options = [f.name for f in dataclasses.fields(options_of(type(configs[0])))
               if f.name not in ('experiment', 'settings')]
    check_flags(arguments, options + [
        name for one in configs for name in settings.flatten(one)])


def check_value(name, value, shown):
    """Raises UserError for a number that no run can have.

    shown: the name as its caller writes it.
    """
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, (bool, str)):
            continue
        if not math.isfinite(number):
            wanted = 'a finite number'
        elif isinstance(number, int) and number < (name not in FROM_ZERO):
            wanted = 'a whole number from %d on' % (name not in FROM_ZERO)
        elif number < 0 and not name.startswith('objective.'):
            wanted = 'a number from 0 on'
        elif name in ('teacher.dropout', 'student.average') and number >= 1:
            wanted = 'a share below 1'
        elif name == 'student.share' and not number:
            wanted = 'a number above 0'
        elif name == 'noise.correlation' and number > 1:
            wanted = 'a share from 0 to 1'
        elif name == 'teacher.seed' and number >= 2 ** 32:
            wanted = 'a number below 2^32'
        else:
            continue
        raise UserError('%s is %s: give %s' % (shown, number, wanted))
