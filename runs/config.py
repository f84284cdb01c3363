"""A run's configuration as it is recorded: every field with its value and where the value is from."""

import hashlib
import json
import pathlib

from runs.errors import UserError
from runs.files import json_text, read_json

SHOWN = 6  # differing fields named in a message; more do not fit a line


def normalised(fields):
    """`fields` as they read back from JSON, e.g. tuples as lists.

    fields: {name: {"value": ..., "source": ...}}. Raises ValueError on NaN and
    infinities (record None for 'no limit'), KeyError where value or source is missing.
    """
    kept = {name: {"value": field["value"], "source": field["source"]} for name, field in fields.items()}
    return json.loads(json_text(kept))


def recorded_fields(directory):
    """The fields in a run's config.json, {name: {"value": ..., "source": ...}}; None without one.

    Raises UserError, one line, where it is damaged.
    """
    path = pathlib.Path(directory) / "config.json"
    content = read_json(path)
    if content is None:
        return None
    fields = content.get("fields") if isinstance(content, dict) else None
    if not isinstance(fields, dict) or not all(
            isinstance(field, dict) and {"value", "source"} <= set(field) for field in fields.values()):
        raise UserError("{} is damaged: it lists no fields, each with value and source".format(path))
    return fields


def config_hash(fields):
    """SHA-256 (64 hexadecimal digits) of the fields' values; it names the run.

    Sources are left out: a value given by hand that equals the default makes
    the same run. 1 and 1.0 are different values.
    """
    values = {name: field["value"] for name, field in normalised(fields).items()}
    return hashlib.sha256(json_text(values, indent=None).encode("utf-8")).hexdigest()


def check_same(recorded, asked, directory):
    """Raises UserError, one line, that lists the fields whose values differ.

    recorded, asked: fields as `normalised` gives them. directory: the run's, for the message.
    """
    differing = []
    for name in sorted(set(recorded) | set(asked)):
        was, now = _shown(recorded, name), _shown(asked, name)
        if was != now:
            differing.append("{}: recorded {}, asked {}".format(name, was, now))
    if differing:
        more = " and {} more".format(len(differing) - SHOWN) if len(differing) > SHOWN else ""
        raise UserError("{} holds a run with another configuration ({}{}): give another --out".format(
            directory, "; ".join(differing[:SHOWN]), more))


def _shown(fields, name):
    return json_text(fields[name]["value"], indent=None) if name in fields else "nothing"
