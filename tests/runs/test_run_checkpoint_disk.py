"""A full, limited or unwritable disk is one line, and costs no earlier checkpoint."""

import contextlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from runs import checkpoint
from runs.errors import UserError
from runs.record import Record

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@contextlib.contextmanager
def mounted(path, options):
    """A small file system of its own at `path`, where that is permitted."""
    if shutil.which("mount") is None:
        pytest.skip("there is no mount command")
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(path)], stderr=subprocess.PIPE)
    if done.returncode:
        pytest.skip("mounting is not permitted: {}".format(done.stderr.decode().splitlines()[0]))
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def arrays_of(step, size):
    return {"a": np.full([size], step, np.uint8)}


def listing(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(folder, step, size):
    """Saves, expects one line that names the folder; nothing else may change. Returns the line."""
    before = listing(folder)
    with pytest.raises(UserError) as caught:
        checkpoint.save(folder, step, arrays_of(step, size), {})
    assert listing(folder) == before
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_full_disk(tmp_path):
    with mounted(tmp_path / "disk", "size=1m") as disk:
        folder = disk / "checkpoints"
        checkpoint.save(folder, 1, arrays_of(1, 200000), {})
        assert "No space left on device" in refused(folder, 2, 900000)
        checkpoint.save(folder, 2, arrays_of(2, 200000), {})
        # Room for the archive's last bytes, but not for all of them; then for it, but not for the sentinel.
        for free in (0, 1, 199, 200, 201, 204):
            filler = disk / "filler"
            blocks = os.statvfs(str(disk)).f_bavail * 4 - free
            filler.write_bytes(b"x" * (1024 * max(0, blocks)))
            with contextlib.suppress(UserError):
                checkpoint.save(folder, 3, arrays_of(3, 200000), {})
            assert checkpoint.load(folder).step in (2, 3)
            assert not [name for name in os.listdir(str(folder)) if name.startswith(".")]
            filler.unlink()
        checkpoint.save(folder, 4, arrays_of(4, 200000), {})
        assert checkpoint.load(folder).step == 4


def test_a_full_disk_takes_a_log_line_back_whole(tmp_path):
    with mounted(tmp_path / "disk", "size=64k") as disk:
        with Record(disk / "run", {}) as record:
            with pytest.raises(UserError, match="No space left"):
                for step in range(10 ** 6):
                    record.append({"step": step, "text": "x" * 1000})
            rows = record.rows()
            assert [row["step"] for row in rows] == list(range(len(rows)))
            assert record.position() == os.path.getsize(str(disk / "run" / "metrics.jsonl"))
            with pytest.raises(UserError, match="cannot write .*provenance.json: No space left"):
                record.write_provenance({"filler": "x" * 70000})
            assert not [name for name in os.listdir(str(disk / "run")) if name.endswith(".tmp")]


def test_a_read_only_disk(tmp_path):
    with mounted(tmp_path / "disk", "size=1m") as disk:
        folder = disk / "checkpoints"
        checkpoint.save(folder, 1, arrays_of(1, 10), {})
        if subprocess.run(["mount", "-o", "remount,ro", str(disk)]).returncode:
            pytest.skip("remounting is not permitted")
        assert "Read-only file system" in refused(folder, 2, 10)
        assert checkpoint.load(folder).step == 1
        with pytest.raises(UserError, match="Read-only file system"):
            Record(disk / "run", {})


LIMITED = """
import resource, sys
import numpy as np
from runs import checkpoint
from runs.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
try:
    checkpoint.save(sys.argv[1], 2, {'a': np.zeros([int(sys.argv[2])], np.uint8)}, {})
except UserError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize("size", [99000, 99900, 150000, 5000000])
def test_a_limit_on_the_size_of_files(tmp_path, size):
    folder = tmp_path / "checkpoints"
    checkpoint.save(folder, 1, arrays_of(1, 1000), {})
    before = listing(folder)
    done = subprocess.run([sys.executable, "-c", LIMITED, str(folder), str(size)], stdout=subprocess.PIPE,
                          env=dict(os.environ, PYTHONPATH=ROOT))
    if size == 99000:
        assert done.returncode == 0
        assert checkpoint.load(folder).step == 2
    else:
        assert done.returncode == 2
        assert done.stdout.decode() == "cannot write a checkpoint in {}: File too large\n".format(folder)
        assert listing(folder) == before


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "checkpoints"
    with pytest.raises(UserError, match="cannot write .*Not a directory"):
        checkpoint.save(folder, 1, arrays_of(1, 1), {})
    with pytest.raises(UserError, match="cannot write .*Not a directory"):
        Record(tmp_path / "file" / "run", {})
    with pytest.raises(UserError, match="cannot write .*File exists"):
        Record(tmp_path / "file", {})


@pytest.mark.parametrize("name", ["fsync", "replace", "unlink"])
@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_an_error_at_any_call(tmp_path, monkeypatch, name, call):
    """An OSError at the call-th fsync, replace or unlink: either the save is refused, or nothing was lost."""
    for step in (1, 2):
        checkpoint.save(tmp_path, step, arrays_of(step, 10), {})
    real = getattr(os, name)
    calls = []

    def failing(*arguments, **named):
        calls.append(arguments)
        if len(calls) == call:
            raise OSError(5, "Input/output error")
        return real(*arguments, **named)

    monkeypatch.setattr(os, name, failing)
    try:
        checkpoint.save(tmp_path, 3, arrays_of(3, 10), {})
    except UserError as error:
        assert "Input/output error" in str(error)
    monkeypatch.undo()
    assert checkpoint.load(tmp_path).step in (2, 3)
    checkpoint.save(tmp_path, 4, arrays_of(4, 10), {})
    assert len(os.listdir(str(tmp_path))) == 3
