"""The folder in which a run keeps its record: one process at a time, one configuration for good."""

import errno
import fcntl
import os
import pathlib
import weakref

from runs.config import check_same, config_hash, normalised
from runs.errors import UserError
from runs.files import atomic_write, json_text, read_json, user_errors
from runs.log import Log
from runs.provenance import provenance

__all__ = ["Record", "config_hash", "RESULT_KEYS"]

RESULT_KEYS = ("experiment", "method", "seed", "budget", "metric", "last", "best", "best_step", "mean_last_10",
               "teacher", "student_steps", "generator_steps", "wall_seconds", "paper", "fingerprint", "commit")


class Record:
    """A run's folder, opened for one process.

    directory: made where missing. config: {field: {"value": ..., "source": ...}}.
    Raises UserError, one line each, when another process works in the folder,
    when it holds a run with other values, or when it cannot be written.

    Attributes: directory and checkpoints (pathlib.Path; the latter is for
    runs.checkpoint and may not be there yet), config_hash, and resumed (whether
    the folder held this run before).
    """

    def __init__(self, directory, config):
        self.directory = pathlib.Path(directory)
        self.checkpoints = self.directory / "checkpoints"
        fields = normalised(config)
        self.config_hash = config_hash(fields)
        with user_errors("cannot write {}".format(self.directory)):
            self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.directory)
        self._log = None
        try:
            self.resumed = self._open(fields)
            self._log = Log(self.directory / "metrics.jsonl")
        except BaseException:
            self.close()
            raise
        _release_in_children(self)

    def _open(self, fields):
        """Checks or writes config.json; returns whether it was there."""
        path = self.directory / "config.json"
        recorded = read_json(path)
        if recorded is None:
            for name in ("metrics.jsonl", "result.json", "checkpoints"):
                if (self.directory / name).exists():
                    raise UserError("{} holds {} but no config.json, so it is not known which run that is: give "
                                    "another --out".format(self.directory, name))
            self._write("config.json", {"hash": self.config_hash, "fields": fields})
            return False
        if not isinstance(recorded, dict) or "fields" not in recorded:
            raise UserError("{} is damaged: it lists no fields".format(path))
        check_same(recorded["fields"], fields, self.directory)
        return True

    def _write(self, name, value):
        path = self.directory / name
        with user_errors("cannot write {}".format(path)):
            atomic_write(path, json_text(value) + "\n")

    def write_provenance(self, extra=None, devices=None):
        """Records where this process's part of the run comes from, and returns it (a dict).

        extra: further keys, e.g. hashes of data and teacher. devices: see
        runs.provenance. The first process's facts make provenance.json; those
        of each later one are appended to its list "resumed".
        """
        facts = provenance(extra, devices)
        recorded = read_json(self.directory / "provenance.json")
        if recorded is None:
            recorded = facts
        else:
            recorded.setdefault("resumed", []).append(facts)
        self._write("provenance.json", recorded)
        return facts

    def append(self, row):
        """Adds a dict to metrics.jsonl as one line, at once. Raises ValueError on NaN and infinities."""
        self._opened_log().append(row)

    def position(self):
        """Bytes of metrics.jsonl so far, all on disk: what a checkpoint keeps for `rewind`."""
        return self._opened_log().position()

    def rewind(self, position):
        """Cuts metrics.jsonl off at a checkpoint's position, so that resuming makes no gap and no double line.

        A run that resumes from no checkpoint rewinds to 0. Raises UserError
        where the log does not reach that far or has no line's end there.
        """
        self._opened_log().rewind(position)

    def rows(self):
        """The rows of metrics.jsonl, a list of dicts."""
        return self._opened_log().rows()

    def _opened_log(self):
        if self._log is None:
            raise ValueError("the record of {} is closed".format(self.directory))
        return self._log

    def write_result(self, result):
        """Writes result.json, which says that the run is finished.

        result: a dict with at least RESULT_KEYS; `paper` may be None. Raises
        ValueError where a key is missing or a number is NaN or infinite.
        """
        missing = [key for key in RESULT_KEYS if key not in result]
        if missing:
            raise ValueError("the result lacks {}".format(", ".join(missing)))
        self._opened_log()
        self._write("result.json", result)

    def result(self):
        """The content of result.json, or None while the run is not finished."""
        return read_json(self.directory / "result.json")

    def close(self):
        """Closes the log and gives the lock back; the object can only be read from then on."""
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def is_locked(directory):
    """Whether a process is working in a run's folder."""
    try:
        descriptor = os.open(str(pathlib.Path(directory) / "lock"), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(descriptor)


def _locked(directory):
    """A descriptor that holds the folder's lock, until it is closed or its process dies."""
    path = directory / "lock"
    with user_errors("cannot write {}".format(path)):
        descriptor = os.open(str(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with user_errors("cannot lock {}".format(path)):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except UserError as error:
        os.close(descriptor)
        if error.__cause__.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise UserError("another process is working in {}".format(directory)) from error.__cause__
        raise
    return descriptor


def _release_in_children(record):
    # A forked child (an environment's worker, say) shares the lock, and one
    # that outlived a killed parent would keep the run from being resumed.
    reference = weakref.ref(record)

    def release():
        child = reference()
        if child is not None:
            child.close()

    os.register_at_fork(after_in_child=release)
