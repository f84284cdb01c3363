"""ppo.train's command line: an environment by name or gym id, settings by name and type."""

import math
from dataclasses import dataclass, fields as dataclass_fields
from pathlib import Path
from typing import Optional, Tuple

import tyro
from typing_extensions import Annotated, Literal

from ppo import experiments
from ppo.environments import ATARI
from runs import settings
from runs.command import Parser, check_flags, check_folders, check_seeds, nearest, parsed, show_help
from runs.errors import UserError

PROGRAM = 'python -m ppo.train'

#: Whole numbers that may be 0; all others are from 1 on.
FROM_ZERO = ('environment.max_steps', 'training.epochs', 'training.patience', 'training.max_version_lag')
ANY_SIGN = ('model.log_std',)
SHARES = ('training.gamma', 'training.lam')


@dataclass(frozen=True)
class Options:
    """Trains a teacher by proximal policy optimisation."""

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar='ENVIRONMENT')]
    """which environment; --list shows them"""
    settings: Annotated[experiments.Experiment, tyro.conf.arg(name='')]
    env: Optional[str] = None
    """another gym id in its place, with the settings of humanoid, or those of
    pong for a game of ALE (*NoFrameskip-v4)"""
    method: Literal['ppo', 'ppo_epochs', 'ppo_newest', 'ppo_narrow', 'ppo_light'] = 'ppo'
    """ten gradient steps per update, as the paper; or ten passes over the buffer;
    or these, clipped around the policy that an update begins with; or these
    with a first deviation of e^-1 in place of 1; or, of games, what two cores
    can do: Nature's network and three passes"""
    seeds: Tuple[int, ...] = (0,)
    """one run each"""
    budget: Literal['smoke', 'quick', 'paper'] = 'paper'
    """20,000, a million or ten million transitions"""
    out: str = 'runs/out'
    """folder of the records"""
    require_gpu: bool = False
    """stop when TensorFlow sees no GPU"""
    list: bool = False
    """show the environments, and stop"""


def parse(arguments):
    """(Options, {dotted field: source}) of a command line.

    Raises UserError for an unknown name or a value of the wrong type, and
    SystemExit after `--help`.
    """
    arguments = list(arguments)
    parser = Parser(add_help=False, allow_abbrev=False)
    for flag in ('--env', '--budget', '--method'):
        parser.add_argument(flag)
    known, _ = parser.parse_known_args(arguments)
    help_asked = '-h' in arguments or '--help' in arguments
    name = arguments[0] if arguments and not arguments[0].startswith('-') else None
    if name is None:
        if known.env is None and not help_asked:
            raise UserError('name an environment first: %s, or --env with an id of gym (see --list)'
                            % ', '.join(experiments.EXPERIMENTS))
        name = known.env or 'humanoid'
        arguments = [name] + arguments
    elif known.env is not None:
        raise UserError('%s and --env %s: name one of the two' % (name, known.env))
    if known.env is None and name not in experiments.EXPERIMENTS:
        nearest('environment', name, list(experiments.EXPERIMENTS))
    budget = known.budget or 'paper'
    if budget not in experiments.BUDGETS:
        nearest('budget', budget, list(experiments.BUDGETS))
    like = name
    if known.env:
        like = 'pong' if ATARI in known.env else 'humanoid'
    method = known.method or 'ppo'
    if method not in experiments.METHODS:
        nearest('method', method, list(experiments.METHODS))
    config, sources = experiments.configuration(like, budget, method)
    if known.env:
        config = settings.replace(config, 'environment.id', known.env)
        sources['environment.id'] = 'command line'
    check_flags(arguments, list(settings.flatten(config)) + [
        field.name for field in dataclass_fields(Options) if field.name not in ('name', 'settings')])
    if help_asked:
        show_help(Options, arguments, PROGRAM, config, sources, name=name)
    given = parsed(Options, arguments, Options(name, config))
    asked = settings.flatten(given.settings)
    for field, value in settings.flatten(config).items():
        if asked[field] != value:
            sources[field] = 'command line'
        _check_value(field, asked[field])
    check_seeds(given.seeds)
    check_folders(out=given.out)
    return given, sources


def _check_value(name, value):
    if value == ():
        raise UserError('--%s is empty: give one number at least' % name.replace('_', '-'))
    if name in SHARES and not 0. <= value <= 1.:
        raise UserError('--%s is %s: give a number from 0 to 1' % (name.replace('_', '-'), value))
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, (bool, str)):
            continue
        least = -math.inf if name in ANY_SIGN else 0 if isinstance(number, float) or name in FROM_ZERO else 1
        if not math.isfinite(number) or number < least:
            raise UserError('--%s is %s: give a %s' % (name.replace('_', '-'), number, (
                'finite number' if least == -math.inf else 'number from %d on' % least)))


def name_of(given):
    """The experiment's name: that of the environment, or gym's id."""
    return given.env.replace('/', '-') if given.env else given.name


def folder(given, seed):
    """`<out>/<environment>/<method>[@<budget>]/seed-<n>`."""
    method = given.method + ('' if given.budget == 'paper' else '@' + given.budget)
    return Path(given.out) / name_of(given) / method / ('seed-%d' % seed)


def recorded(given, sources, seed):
    """What the record keeps of the settings."""
    return dict(settings.fields(given.settings, sources), seed={'value': seed, 'source': '--seeds'})


def show_list(display):
    """Environments, methods and budgets."""
    display.table('environments', ('name', 'what', 'paper'), [
        (name, what, '%g' % experiments.PAPER_SCORE[name]) for name, what in experiments.DESCRIPTIONS.items()], left=2)
    display.table('methods', ('name', 'what'), experiments.METHOD_DESCRIPTIONS.items(), left=2)
    display.table('budgets', ('name', 'transitions'), [
        (budget, '%d' % experiments.configuration('humanoid', budget)[0].training.transitions)
        for budget in experiments.BUDGETS])


def table(display, given, seed, result):
    """What was reached, beside the paper's score."""
    from runs.display import duration
    fresh = result['fresh']
    rows = [('last evaluation', '%.1f' % result['last'], ''),
            ('best evaluation', '%.1f' % result['best'], 'after %d transitions' % result['best_step']),
            ('best policy, %d fresh episodes' % fresh['episodes'], '%.1f ± %.1f' % (
                fresh['score'], fresh['score_std']), '')]
    if result['paper'] is not None:
        rows.append(('paper', '%.1f' % result['paper'], ''))
    training = given.settings.training
    display.table('%s, %s, seed %d: score, %s' % (
        name_of(given), given.method, seed, duration(result['wall_seconds'])),
                  ('', 'score', ''), rows,
                  ['an evaluation: mean of %d episodes, %s actions, true rewards, normaliser frozen' % (
                      training.episodes, 'likeliest' if training.greedy else 'sampled'),
                   'teacher: %s' % folder(given, seed)])
