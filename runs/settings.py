"""Typed settings whose every value names its source.

A configuration is a frozen dataclass of frozen dataclasses.  Each field has
its help and the source of its default; experiments, methods and budgets are
layers `{'objective.gamma': (0., 'why')}` over it.  `resolve` applies them and
keeps, for each dotted field, where its value came from.
"""

import dataclasses

import tyro
from typing_extensions import Annotated


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


def flatten(config, prefix=''):
    """dict of dotted field name to value."""
    values = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            values.update(flatten(value, prefix + field.name + '.'))
        else:
            values[prefix + field.name] = value
    return values


def default_sources(config, prefix=''):
    """dict of dotted field name to the source of its default."""
    sources = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            sources.update(default_sources(value, prefix + field.name + '.'))
        else:
            sources[prefix + field.name] = field.metadata['source']
    return sources


def replace(config, name, value):
    """A copy of `config` in which the dotted field `name` is `value`."""
    head, _, rest = name.partition('.')
    if rest:
        value = replace(getattr(config, head), rest, value)
    return dataclasses.replace(config, **{head: value})


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
