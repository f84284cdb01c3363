"""Copies a finished run into the committed results: python -m runs.publish DIR [--results FOLDER] [--force]."""

import argparse
import fcntl
import os
import pathlib
import shutil
import sys

from runs.errors import UserError
from runs.files import atomic_write, exists, fsync_directory, json_text, read_json, user_errors
from runs.provenance import shareable

RESULTS = pathlib.Path(__file__).resolve().parent / "results"


def publish(directory, results=RESULTS, force=False):
    """Copies a run to <results>/<experiment>/<method>[@<budget>]/seed-<n> and returns that path.

    Everything goes but checkpoints/, the lock, TensorBoard's event files and
    temporaries; the provenance loses the folders of its machine. Raises UserError, one line, for a run that is unfinished, at
    work, or made (in any of its parts) from a dirty or unknown commit, and,
    without force, where the target holds a run with another fingerprint.
    """
    directory = pathlib.Path(directory)
    if not exists(directory) or not directory.is_dir():
        raise UserError("{} is not a folder: give that of a run".format(directory))
    result = read_json(directory / "result.json")
    if result is None:
        raise UserError("{} is not finished: it has no result.json; run its command again to go on".format(directory))
    _check_idle(directory)
    _check_commit(directory, result)
    target = pathlib.Path(results) / target_path(result)
    with user_errors("cannot write {}".format(target)):
        _put_back(target)
        published = read_json(target / "result.json")
        if target.exists() and not force and (published or {}).get("fingerprint") != result["fingerprint"]:
            raise UserError("{} holds a run with another fingerprint: give --force to replace it".format(target))
        _replace(directory, target)
    return target


def target_path(result):
    """Where a result belongs, as a path relative to the results. Raises UserError on names that are no folder's."""
    try:
        method = result["method"] if result["budget"] == "paper" else "{method}@{budget}".format(**result)
        names = (result["experiment"], method, "seed-{:d}".format(result["seed"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("result.json lacks experiment, method, seed or budget: it is not one of these runs") from error
    for name in names:
        if not name or "/" in name or name.startswith("."):
            raise UserError("result.json names {!r}, which is no folder's name".format(name))
    return pathlib.Path(*names)


def _check_idle(directory):
    try:
        with open(str(directory / "lock"), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        pass
    except BlockingIOError as error:
        raise UserError("another process is working in {}".format(directory)) from error
    except OSError:
        pass  # a file system without locks: then no run could hold one either


def _check_commit(directory, result):
    recorded = read_json(directory / "provenance.json")
    if recorded is None:
        raise UserError("{} has no provenance.json: it is not known which commit made it".format(directory))
    if result.get("fingerprint") is None or result.get("commit") in (None, "unknown"):
        raise UserError("{} names no fingerprint or commit".format(directory / "result.json"))
    for part in [recorded] + recorded.get("resumed", []):
        if part.get("commit") in (None, "unknown"):
            raise UserError("{} was made from an unknown commit: run it from a git checkout".format(directory))
        # A commit baked into an image comes without git's word on dirtiness
        # unless it says 'dirty' itself; git's own silence is a failure of git.
        if part.get("dirty") or (part.get("dirty") is None and part.get("commit_from") == "git"):
            files = ", ".join(part.get("changed", [])) or "which files is not known"
            raise UserError("{} was made from a dirty commit ({}): commit, and run it again".format(directory, files))


def _excluded(name):
    return (name in ("checkpoints", "lock") or name.startswith("events.out.tfevents")
            or (name.startswith(".") and name.endswith(".tmp")))


def _replace(source, target):
    """Puts a copy of `source` in the place of `target`; a kill leaves the old or the new one. Raises OSError."""
    new, old = _beside(target, "new"), _beside(target, "old")
    shutil.rmtree(str(new), ignore_errors=True)
    try:
        for folder, folders, files in os.walk(str(source)):
            folders[:] = [name for name in folders if not _excluded(name)]
            for name in files:
                if not _excluded(name):
                    copy = new / os.path.relpath(os.path.join(folder, name), str(source))
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(os.path.join(folder, name), str(copy))
        facts = shareable(read_json(source / "provenance.json"))
        atomic_write(new / "provenance.json", json_text(facts) + "\n")
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:
        shutil.rmtree(str(new), ignore_errors=True)
        _put_back(target)
        raise
    fsync_directory(target.parent)
    shutil.rmtree(str(old), ignore_errors=True)


def _put_back(target):
    """Undoes the first half of a replacement that was cut off between its two renames."""
    old = _beside(target, "old")
    if old.exists() and not target.exists():
        old.rename(target)
    shutil.rmtree(str(old), ignore_errors=True)


def _beside(target, ending):
    return target.parent / ".{}.{}.tmp".format(target.name, ending)


def main(arguments=None):
    """The command; returns its exit status: 0, or 2 after one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m runs.publish", description=__doc__.split(":")[0] + ".")
    parser.add_argument("directory", metavar="DIR", help="the folder of a finished run")
    parser.add_argument("--results", default=RESULTS, help="the results' folder (default: runs/results)")
    parser.add_argument("--force", action="store_true", help="replace a published run that has another fingerprint")
    given = parser.parse_args(arguments)
    try:
        print(publish(given.directory, given.results, given.force))
    except UserError as error:
        print("error: {}".format(error), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
