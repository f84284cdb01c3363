"""The command line: names, overrides, and errors in one line."""

import argparse
import contextlib
import dataclasses
import difflib
import io
import re
from dataclasses import dataclass
from typing import Optional, Tuple

import tyro
from typing_extensions import Annotated, Literal

from gas_tf import experiments, settings
from runs.errors import UserError


@dataclass(frozen=True)
class Options:
    """Distils a teacher into a smaller student without the teacher's data."""

    experiment: tyro.conf.Positional[str]
    """which experiment; --list shows them"""
    settings: Annotated[experiments.Experiment, tyro.conf.arg(name='')]
    method: str = 'gas'
    """how the student learns; --list shows the methods"""
    seeds: Tuple[int, ...] = (0,)
    """one run each"""
    budget: Literal['smoke', 'quick', 'paper'] = 'paper'
    """seconds, about half an hour on 2 cores, or the paper's length"""
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
    close = difflib.get_close_matches(name, names, 1, 0.4)
    raise UserError('no %s is called %r%s; choose from: %s' % (
        kind, name, ', did you mean %r?' % close[0] if close else '',
        ', '.join(names)))


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
        nearest('experiment', experiment, list(experiments.EXPERIMENTS))
    if known.method not in experiments.METHODS:
        nearest('method', known.method, list(experiments.METHODS))
    if known.budget not in experiments.BUDGETS[experiment]:
        nearest('budget', known.budget, list(experiments.BUDGETS[experiment]))
    config, sources = experiments.configuration(
        experiment, known.method, known.budget)
    _check_flags(arguments, config)
    options = _tyro(arguments, Options(experiment, config), help_asked)
    asked = settings.flatten(options.settings)
    for name, value in settings.flatten(config).items():
        if asked[name] != value:
            sources[name] = 'command line'
    if not options.seeds or min(options.seeds) < 0:
        raise UserError('--seeds: give one or more numbers from 0 on')
    return options, sources


def _names():
    """Reads only what decides the defaults of everything else."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('experiment', nargs='?')
    parser.add_argument('--method', default='gas')
    parser.add_argument('--budget', default='paper')
    return parser


def _check_flags(arguments, config):
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
            close = difflib.get_close_matches(flag, flags, 1, 0.4)
            raise UserError('there is no %s%s; --help lists all settings' % (
                argument.split('=')[0],
                ', did you mean %s?' % close[0] if close else ''))


def _tyro(arguments, default, help_asked):
    """tyro's parse, with its boxed errors told in one line."""
    def parsed():
        return tyro.cli(Options, args=list(arguments), default=default,
                        prog='python -m gas_tf.run')
    if help_asked:
        return parsed()
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return parsed()
    except SystemExit:
        raise UserError(_plain(said.getvalue()))


def _plain(box):
    """The sentence in a box that tyro drew."""
    lines = [re.sub(r'^[│|]|[│|]$', '', line.strip()).strip()
             for line in box.splitlines()]
    lines = [line for line in lines
             if line and not re.match(r'^[╭╰─┌└]', line)
             and not line.startswith('For full helptext')]
    return ' '.join(lines)
