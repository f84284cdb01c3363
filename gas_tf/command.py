"""The command line: names, overrides, and errors in one line."""

import argparse
import contextlib
import dataclasses
import difflib
import io
import math
import re
from dataclasses import dataclass
from typing import Optional, Tuple

import tyro
from typing_extensions import Annotated

from gas_tf import experiments
from runs import settings
from runs.errors import UserError

#: Whole numbers that may be 0; all others are from 1 on.
FROM_ZERO = ('teacher.seed', 'schedule.n_generator', 'schedule.reset_every')


@dataclass(frozen=True)
class Options:
    """Distils a teacher into a smaller student without the teacher's data."""

    experiment: Annotated[tyro.conf.Positional[str],
                          tyro.conf.arg(metavar='EXPERIMENT')]
    """which experiment; --list shows them"""
    settings: Annotated[experiments.Experiment, tyro.conf.arg(name='')]
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


def nearest(kind, name, names):
    """Raises UserError that proposes the nearest valid name."""
    raise UserError('no %s is called %r%s: choose from %s' % (
        kind, name, _meant(name, names), ', '.join(names)))


def _meant(name, names, form='%r'):
    """' (did you mean ...?)' with the nearest of the names, '' without one."""
    close = difflib.get_close_matches(name, names, 1, 0.4)
    return ' (did you mean %s?)' % form % close[0] if close else ''


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
                            % ', '.join(experiments.EXPERIMENTS))
        experiment, arguments = 'mnist', ['mnist'] + list(arguments)
    if experiment not in experiments.EXPERIMENTS:
        if arguments[0].startswith('-'):
            raise UserError('no experiment is called %r: name the experiment '
                            'first, then the options' % experiment)
        nearest('experiment', experiment, list(experiments.EXPERIMENTS))
    if known.method not in experiments.METHODS:
        nearest('method', known.method, list(experiments.METHODS))
    if known.budget not in experiments.BUDGETS[experiment]:
        nearest('budget', known.budget, list(experiments.BUDGETS[experiment]))
    config, sources = experiments.configuration(
        experiment, known.method, known.budget)
    check_flags(arguments, config)
    if help_asked:
        _show_help(arguments, experiment, config, sources)
    options = _tyro(arguments, Options(experiment, config))
    asked = settings.flatten(options.settings)
    for name, value in settings.flatten(config).items():
        if asked[name] != value:
            sources[name] = 'command line'
        _check_value(name, asked[name])
    _check_seeds(options.seeds)
    for flag, folder in (('--out', options.out), ('--data-dir', options.data_dir)):
        if folder == '':
            raise UserError('%s is empty: name a folder' % flag)
    return options, sources


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError('%s; --help lists all settings' % message)


def _names():
    """Reads only what decides the defaults of everything else."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument('experiment', nargs='?')
    parser.add_argument('--method', default='gas')
    parser.add_argument('--budget', default='paper')
    # So that their values, before the experiment, are not taken for it.
    parser.add_argument('--out')
    parser.add_argument('--data-dir', '--data_dir')
    return parser


def check_flags(arguments, config=experiments.Experiment()):
    """Proposes the nearest flag for one that does not exist."""
    flags = ['--' + name.replace('_', '-') for name in
             list(settings.flatten(config))
             + [f.name for f in dataclasses.fields(Options)
                if f.name not in ('experiment', 'settings')]]
    for argument in arguments:
        flag = argument.split('=')[0].replace('_', '-')
        if not flag.startswith('--') or flag == '--help':
            continue
        if flag not in flags and flag.replace('--no-', '--', 1).replace(
                '.no-', '.', 1) not in flags:
            raise UserError('there is no %s%s; --help lists all settings' % (
                argument.split('=')[0], _meant(flag, flags, '%s')))


def _check_value(name, value):
    """Raises UserError for a number that no run can have."""
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, (bool, str)):
            continue
        if not math.isfinite(number):
            wanted = 'a finite number'
        elif isinstance(number, int) and number < (name not in FROM_ZERO):
            wanted = 'a whole number from %d on' % (name not in FROM_ZERO)
        elif number < 0 and not name.startswith('objective.'):
            wanted = 'a number from 0 on'
        elif name == 'teacher.dropout' and number >= 1:
            wanted = 'a share below 1'
        elif name == 'teacher.seed' and number >= 2 ** 32:
            wanted = 'a number below 2^32'
        else:
            continue
        raise UserError('--%s is %s: give %s'
                        % (name.replace('_', '-'), number, wanted))


def _check_seeds(seeds):
    if not seeds or min(seeds) < 0:
        raise UserError('--seeds: give one or more numbers from 0 on')
    for seed in seeds:
        if seeds.count(seed) > 1:
            raise UserError('--seeds: %d is given twice' % seed)


def _tyro(arguments, default):
    """tyro's parse, with its boxed errors told in one line."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return tyro.cli(Options, args=list(arguments), default=default)
    except SystemExit:
        raise UserError(_plain(said.getvalue()))


def _plain(box):
    """The sentence in a box that tyro drew, without its advice."""
    lines = [re.sub(r'^[│|]|[│|]$', '', line.strip()).strip()
             for line in box.splitlines()]
    text = ' '.join(line for line in lines
                    if line and not re.match(r'^[╭╰─┌└+]', line))
    text = re.split(' (?:Argument helptext:|For full helptext)', text)[0]
    choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*?)\)", text)
    return text + (_meant(choice.group(1), re.findall(r"'(.*?)'", choice.group(2)))
                   if choice else '')


def _show_help(arguments, experiment, config, sources):
    """tyro's help, in which each default has the source of this experiment's.

    Raises:
      SystemExit: when it is shown.
    """
    described = _described(config, sources)
    shown = dataclasses.make_dataclass(
        'Options', [('settings', Annotated[described, tyro.conf.arg(name='')],
                     described())], bases=(Options,), frozen=True)
    shown.__doc__ = Options.__doc__
    tyro.cli(shown, args=list(arguments), prog='python -m gas_tf.run',
             default=shown(experiment))


def _described(config, sources, prefix=''):
    """A class like `config`'s with its values as defaults, for the help."""
    fields = []
    for field in dataclasses.fields(config):
        name, value = prefix + field.name, getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            kind = _described(value, sources, name + '.')
            value = kind()
        else:
            kind = Annotated[field.type.__origin__, tyro.conf.arg(
                help='%s [%s]' % (field.metadata['text'], sources[name]))]
        fields.append((field.name, kind, value))
    made = dataclasses.make_dataclass(
        type(config).__name__, fields, frozen=True)
    made.__doc__ = type(config).__doc__
    return made
