"""The settings of distillations of one's own models, changed and recorded."""

import contextlib
import operator
import os

from gas_tf.algorithm import check_schedule
from gas_tf.command import check_value
from runs import settings
from runs.checkpoint import fingerprint
from runs.command import meant
from runs.errors import Diverged, UserError


def changed(config, sources, changes, elsewhere, function):
    """A configuration with a caller's changes, and the sources of its fields.

    Args:
      config, sources: what is changed.
      changes: {name with `__` for the dot: value}.
      elsewhere: beginnings of the names that have no place here.
      function: the caller's name.

    Raises:
      UserError: a name is unknown, a value does not fit.
    """
    known = [name for name in settings.flatten(config) if not name.startswith(elsewhere)]
    for name, value in changes.items():
        name = name.replace('__', '.')
        if name not in known:
            raise UserError('%s has no setting %r%s' % (function, name, meant(name, known)))
        value = settings.typed(config, name, value)
        check_value(name, value, name.replace('.', '__'))
        config = settings.replace(config, name, value)
        sources[name] = function
    if config.objective.lambda_activation:
        raise UserError('objective.lambda_activation needs the features of the '
                        'teacher, which a function to its outputs does not give')
    check_schedule(config.schedule, config.generator.count)
    return config, sources


def whole(name, given, least=0):
    """A whole number as an int.

    Raises:
      UserError: it is none, or less than `least`.
    """
    try:
        number = least - 1 if isinstance(given, bool) else operator.index(given)
    except TypeError:
        number = least - 1
    if number < least:
        raise UserError('%s is %r: give a whole number from %d on' % (name, given, least))
    return number


def check_folder(out):
    """Raises UserError unless it names a folder."""
    if not isinstance(out, (str, os.PathLike)) or not str(out):
        raise UserError('out is %r: name a folder for the record' % (out,))


@contextlib.contextmanager
def words_for_callers(display):
    """Errors in the words of a caller; says after Ctrl-C that nothing is lost."""
    try:
        yield
    except Diverged as error:  # a UserError too
        raise Diverged('%s; or the teacher gave generated inputs answers that are not finite' % error) from None
    except UserError as error:
        error.args = (str(error).replace('give another --out', 'give another folder as out'),)
        raise
    except KeyboardInterrupt:
        display.line('stopped: the same call goes on from the last checkpoint')
        raise


def recorded(config, sources, elsewhere, function, teacher, first_values, **more):
    """What names the run, for config.json: another of these is another run.

    teacher: `own_networks.Teacher`; first_values: of the student; more: other
    values.
    """
    fields = {name: field for name, field in settings.fields(config, sources).items()
              if not name.startswith(elsewhere)}
    fields.update({name: {'value': value, 'source': function} for name, value in more.items()})
    fields['teacher.fingerprint'] = {'value': teacher.identity, 'source': 'its weights and its graph'}
    fields['student.fingerprint'] = {'value': fingerprint(first_values), 'source': 'its first weights'}
    return fields
