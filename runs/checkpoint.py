"""Checkpoints: the whole state of a run, written so that a kill at any moment loses nothing.

A checkpoint is one file, `step-<step>-<hash>.npz`: arrays, uncompressed, and
`extra.json` in the same archive. `checkpoint.json`, the sentinel, lists the
complete ones, newest first, each with the SHA-256 of its file. A checkpoint
exists once the sentinel names it: what a kill left behind before that is never
read, and is removed by the next save.
"""

import collections
import contextlib
import hashlib
import logging
import os

import numpy as np

from runs.archive import numeric, read_archive, write_archive
from runs.errors import UserError
from runs.files import (atomic_write, fsync_directory, json_text, read_json, reason, remove_if_there,
                        removed_on_failure, temporary_name, user_errors)

SENTINEL = "checkpoint.json"
UNFINISHED = "unfinished"  # the content's hash, and so its name, is known only once it is written

Checkpoint = collections.namedtuple("Checkpoint", ["step", "arrays", "extra"])


def fingerprint(arrays):
    """SHA-256 (64 hexadecimal digits) over named arrays, e.g. a whole training state.

    arrays: {name: array of any shape}. Variables in the order of their names,
    each as its UTF-8 name without ':0', its ASCII shape such as '(3, 4)', and
    its elements as little-endian bytes in C order. Element types are not part
    of it. Raises ValueError when two names differ only in ':0'.
    """
    named = {_without_output(name): array for name, array in arrays.items()}
    if len(named) != len(arrays):
        raise ValueError("two arrays have the same name once ':0' is left out")
    digest = hashlib.sha256()
    for name in sorted(named):
        array = numeric(name, named[name])
        digest.update(name.encode("utf-8"))
        digest.update(str(tuple(int(size) for size in array.shape)).encode("ascii"))
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(np.ascontiguousarray(little).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def _without_output(name):
    return name[:-2] if name.endswith(":0") else name


def save(directory, step, arrays, extra, keep=2):
    """Writes a checkpoint; the one before stays, so a damaged one can be done without.

    directory: the folder of the checkpoints, made where missing. step: int.
    arrays: {name: array of numbers}. extra: a dict that JSON can hold (counters,
    log position, seconds); NaN and infinities are allowed and come back.
    keep: how many checkpoints remain, this one included.
    One writer at a time. Raises UserError, one line, when something cannot be
    written: the earlier checkpoints are then as they were, without temporaries.
    """
    directory = os.fspath(directory)
    with user_errors("cannot write a checkpoint in {}".format(directory)):
        os.makedirs(directory, exist_ok=True)
        # First, as what a killed process left may be what fills the disk.
        for name in os.listdir(directory):
            if name.startswith(".") and name.endswith(".tmp"):
                remove_if_there(os.path.join(directory, name))
        before = _listed(directory)
        temporary = temporary_name(os.path.join(directory, UNFINISHED))
        with removed_on_failure(temporary):
            sha256 = write_archive(temporary, arrays, extra)
            name = "step-{:09d}-{}.npz".format(step, sha256[:12])
            os.replace(temporary, os.path.join(directory, name))
        entry = {"step": int(step), "file": name, "sha256": sha256}
        # After a return to an older checkpoint the later ones belong to a
        # future that is being run again: they must not displace good ones.
        entries = ([entry] + [other for other in before if other["step"] < step])[:keep]
        try:
            fsync_directory(directory)
            atomic_write(os.path.join(directory, SENTINEL), json_text({"format": 1, "checkpoints": entries}))
        except BaseException:
            with contextlib.suppress(OSError, UserError):
                # Read again: the failure may have come after the sentinel was replaced.
                _remove_all_but(directory, _listed(directory))
            raise
        _remove_all_but(directory, entries)


def _remove_all_but(directory, entries):
    names = {entry["file"] for entry in entries}
    for name in os.listdir(directory):
        if name.startswith("step-") and name not in names:
            remove_if_there(os.path.join(directory, name))


def load(directory):
    """The newest complete checkpoint as (step, arrays, extra), or None when there is none.

    Content is checked against its SHA-256. A damaged one is reported in one
    line through `logging`, and the one before is loaded; raises UserError, one
    line, when no listed checkpoint is sound.
    """
    directory = os.fspath(directory)
    entries = _listed(directory)
    problems = []
    for entry in entries:
        path = os.path.join(directory, entry["file"])
        try:
            arrays, extra = read_archive(path, entry["sha256"])
        except OSError as error:
            problems.append("{}: {}".format(entry["file"], reason(error)))
            continue
        except ValueError as error:
            problems.append("{}: {}".format(entry["file"], error))
            continue
        if problems:
            logging.getLogger(__name__).warning(
                "damaged checkpoint in %s (%s); going on from the one before, step %d",
                directory, "; ".join(problems), entry["step"])
        return Checkpoint(entry["step"], arrays, extra)
    if entries:
        raise UserError("no sound checkpoint in {} ({}): remove the run's folder to start it anew, or give "
                        "another --out".format(directory, "; ".join(problems)))
    return None


def _listed(directory):
    """The sentinel's entries, newest first; [] where there is no sentinel."""
    path = os.path.join(directory, SENTINEL)
    content = read_json(path)
    if content is None:
        return []
    try:
        return [{"step": int(entry["step"]), "file": os.path.basename(entry["file"]), "sha256": entry["sha256"]}
                for entry in content["checkpoints"]]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("{} is damaged: it does not list checkpoints".format(path)) from error
