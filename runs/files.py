"""Writing files so that a kill, a crash or a full disk leaves the old or the new content."""

import contextlib
import json
import os
import pathlib

from runs.errors import UserError


def reason(error):
    """An OSError's cause in words, without its number and path, on one line."""
    return " ".join((error.strerror or str(error)).split())


@contextlib.contextmanager
def user_errors(action):
    """Turns an OSError of the block into a UserError: '<action>: <reason>'.

    action: what was tried, with the path, e.g. 'cannot write runs/out/x'.
    """
    try:
        yield
    except OSError as error:
        raise UserError("{}: {}".format(action.replace("\n", " "), reason(error))) from error


def exists(path):
    """Whether something is there. Raises UserError where that cannot be told."""
    with user_errors("cannot read {}".format(path)):
        return pathlib.Path(path).exists()


def fsync_directory(directory):
    """Makes the directory's entries (renames, removals) durable. Raises OSError."""
    descriptor = os.open(os.fspath(directory), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_if_there(path):
    """Removes a file; one that is not there is fine. Raises other OSErrors."""
    try:
        os.unlink(os.fspath(path))
    except FileNotFoundError:
        pass


@contextlib.contextmanager
def removed_on_failure(path):
    """Removes `path` when the block fails, and keeps the block's exception."""
    try:
        yield
    except BaseException:  # Ctrl-C too must leave no temporary
        with contextlib.suppress(OSError):
            os.unlink(os.fspath(path))
        raise


def temporary_name(path):
    """The name beside `path` under which its next content is written.

    It is fixed, so that what a killed process left is overwritten by the next
    one; hence one writer at a time (the lock of a Record sees to that).
    """
    folder, name = os.path.split(os.fspath(path))
    return os.path.join(folder, ".{}.tmp".format(name))


def atomic_write(path, data):
    """Replaces the content of `path`: readers see the old or the new, never a part.

    data: bytes, or str (written as UTF-8). The content and the rename are on
    disk when it returns. Raises OSError, and then leaves no temporary.
    """
    path = os.fspath(path)
    if isinstance(data, str):
        data = data.encode("utf-8")
    temporary = temporary_name(path)
    with removed_on_failure(temporary):
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    fsync_directory(os.path.dirname(path) or ".")


def json_text(value, indent=2):
    """`value` as strict JSON: keys sorted, NumPy scalars and arrays as numbers and lists.

    indent: None for one line. Raises ValueError on NaN and infinities, which
    JSON has no numbers for, and TypeError on what JSON has no form for.
    """
    return json.dumps(value, indent=indent, sort_keys=True, allow_nan=False, default=plain)


def plain(value):
    """A NumPy scalar or array as Python numbers, for json's `default`."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError("{!r} has no JSON form".format(value))


def read_json(path):
    """The object in a JSON file, or None where there is no file.

    Raises UserError when it cannot be read or is not JSON.
    """
    try:
        with user_errors("cannot read {}".format(path)):
            with open(os.fspath(path), "rb") as file:
                content = file.read()
    except UserError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    try:
        return json.loads(content.decode("utf-8"))
    except ValueError as error:
        raise UserError("{} is damaged: it is not JSON".format(path)) from error
