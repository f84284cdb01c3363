"""Which commit of these packages is running, and whether files differ from it."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent  # what holds the packages
SHOWN = 10  # paths of changed files that are recorded


def source_commit(root=ROOT):
    """{"commit", "commit_from", "dirty", "changed"} of the packages in `root`.

    commit: from git; in an image without .git from the environment variable
    GAS_TF_COMMIT or the file COMMIT beside the packages, baked in when the image
    was built; else 'unknown'. commit_from: 'git', 'GAS_TF_COMMIT', 'COMMIT' or None.
    dirty: whether a tracked file is changed or a file is neither tracked nor
    ignored; a baked commit may say so by the ending '-dirty', and otherwise it
    is None: not known. changed: up to ten of those files, relative paths.
    """
    root = pathlib.Path(root)
    top = _git(root, "rev-parse", "--show-toplevel")
    # Installed into a directory inside someone else's repository, git would
    # answer for that one.
    if top is not None and pathlib.Path(top.strip()).resolve() == root.resolve():
        head = _git(root, "rev-parse", "--verify", "HEAD")
        status = _git(root, "status", "--porcelain", "-z", "--untracked-files=all")
        if head is not None:
            changed = None if status is None else _changed(status)
            return {"commit": head.strip(), "commit_from": "git",
                    "dirty": None if changed is None else bool(changed), "changed": (changed or [])[:SHOWN]}
    for origin, text in (("GAS_TF_COMMIT", os.environ.get("GAS_TF_COMMIT", "")), ("COMMIT", _content(root / "COMMIT"))):
        commit = text.strip()
        if commit and commit != "unknown":
            dirty = commit.endswith("-dirty")
            return {"commit": commit[:-len("-dirty")] if dirty else commit, "commit_from": origin,
                    "dirty": dirty or None, "changed": []}
    return {"commit": "unknown", "commit_from": None, "dirty": None, "changed": []}


def _changed(status):
    """The paths in the output of `git status --porcelain -z`."""
    fields = iter(status.split("\0"))
    paths = []
    for field in fields:
        if field:
            paths.append(field[3:])
            if field[0] in "RC":
                next(fields)  # the name before the renaming
    return paths


def _content(path):
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _git(root, *arguments):
    """What git prints, or None where it fails or is not there."""
    # In a hook these variables point git at the repository of the hook.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    clean["GIT_OPTIONAL_LOCKS"] = "0"  # a run must not get in the way of a commit made meanwhile
    try:
        done = subprocess.run(["git", "-C", str(root)] + list(arguments), env=clean, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout) if done.returncode == 0 else None
