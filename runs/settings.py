"""Typed settings whose every value names its source.

A configuration is a frozen dataclass of frozen dataclasses.  Each field has
its help and the source of its default; experiments, methods and budgets are
layers `{'objective.gamma': (0., 'why')}` over it.  `resolve` applies them and
keeps, for each dotted field, where its value came from.
"""

import dataclasses

import tyro
from typing_extensions import Annotated

from runs.errors import UserError


def setting(default, text, source):
    """A dataclass field with the help and the source of its default."""
    return dataclasses.field(
        default=default, metadata={'text': text, 'source': source})


def described(cls):
    """A frozen dataclass whose `setting` texts are shown by `--help`."""
    for name in cls.__annotations__:
        value = cls.__dict__[name]
        if isinstance(value, dataclasses.Field) and 'text' in value.metadata:
            text = '%(text)s [%(source)s]' % value.metadata
            cls.__annotations__[name] = Annotated[
                cls.__annotations__[name], tyro.conf.arg(help=text)]
    return dataclasses.dataclass(frozen=True)(cls)


def _leaves(config, prefix=''):
    """Yields (dotted name, dataclass field, value) of every setting."""
    for field in dataclasses.fields(config):
        name, value = prefix + field.name, getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, name + '.')
        else:
            yield name, field, value


def flatten(config):
    """dict of dotted field name to value."""
    return {name: value for name, _, value in _leaves(config)}


def default_sources(config):
    """dict of dotted field name to the source of its default."""
    return {name: field.metadata['source'] for name, field, _ in _leaves(config)}


def replace(config, name, value):
    """A copy of `config` in which the dotted field `name` is `value`."""
    head, _, rest = name.partition('.')
    if rest:
        value = replace(getattr(config, head), rest, value)
    return dataclasses.replace(config, **{head: value})


def kinds(config):
    """dict of dotted field name to its type, without its help."""
    return {name: getattr(field.type, '__origin__', field.type) for name, field, _ in _leaves(config)}


def typed(config, name, value):
    """`value` as the field `name` wants it: a list as a tuple, a whole number as a float.

    Raises:
      UserError: it is of another type, or none of the choices.
    """
    kind, old = kinds(config)[name], flatten(config)[name]
    choices = getattr(kind, '__values__', None) or getattr(kind, '__args__', None)
    if isinstance(old, tuple):
        fits = isinstance(value, (list, tuple)) and all(type(one) is type(old[0]) for one in value)
        wanted, value = 'a list of numbers', tuple(value) if fits else value
    elif isinstance(old, str):
        fits, wanted = value in choices, 'one of %s' % ', '.join(choices)
    elif isinstance(old, float):
        fits, wanted = isinstance(value, (int, float)) and not isinstance(value, bool), 'a number'
        value = float(value) if fits else value
    else:
        fits, wanted = type(value) is type(old), 'true or false' if isinstance(old, bool) else 'a whole number'
    if not fits:
        raise UserError('%s is %r: give %s' % (name, value, wanted))
    return value


def resolve(config, layers):
    """Applies layers in order.

    Args:
      config: the base configuration.
      layers: dicts of dotted field to (value, source); later ones win.

    Returns:
      (configuration, dict of dotted field to source).
    """
    sources = default_sources(config)
    for layer in layers:
        for name, (value, source) in layer.items():
            config = replace(config, name, value)
            sources[name] = source
    return config, sources


def fields(config, sources):
    """What a record keeps: {field: {'value': ..., 'source': ...}}."""
    return {name: {'value': value, 'source': sources[name]}
            for name, value in flatten(config).items()}


def restored(config, recorded):
    """`config` with the values of a record's fields; others are left out."""
    for name, default in flatten(config).items():
        if name in recorded:
            value = recorded[name]['value']
            config = replace(config, name,
                             tuple(value) if isinstance(default, tuple) else value)
    return config
