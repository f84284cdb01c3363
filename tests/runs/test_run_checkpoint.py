"""What is saved comes back; damage is noticed; the fingerprint is the documented one."""

import hashlib
import json
import logging
import math
import os
import struct

import numpy as np
import pytest

from runs import checkpoint
from runs.errors import UserError


def arrays_of(step):
    return {"student/dense/kernel:0": np.full([3, 4], step, np.float32), "counter": np.int64(step),
            "empty": np.zeros([0, 2], np.float64), "mask": np.array([True, False])}


def same(left, right):
    return set(left) == set(right) and all(
        left[name].dtype == right[name].dtype and np.array_equal(left[name], right[name])
        and left[name].shape == right[name].shape for name in left)


def damage(path):
    with open(str(path), "r+b") as file:
        file.seek(-30, os.SEEK_END)
        file.write(b"x")


def archives(folder):
    return sorted(path for path in folder.iterdir() if path.suffix == ".npz")


def test_fingerprint_by_hand():
    content = (b"a" + b"()" + struct.pack("<q", 5)
               + b"a/b" + b"(2, 1)" + struct.pack("<ff", 1.5, -2.0)
               + "\u00e9".encode("utf-8") + b"(3,)" + struct.pack("<hhh", 1, 2, 256))
    arrays = {"\u00e9": np.array([1, 2, 256], ">i2"), "a/b:0": np.array([[1.5], [-2.0]], np.float32),
              "a:0": np.int64(5)}
    assert checkpoint.fingerprint(arrays) == hashlib.sha256(content).hexdigest()


def test_fingerprint_ignores_memory_order_and_sees_shape_and_name():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert checkpoint.fingerprint({"w": array}) == checkpoint.fingerprint({"w:0": np.asfortranarray(array)})
    assert checkpoint.fingerprint({"w": array}) != checkpoint.fingerprint({"w": array.reshape(3, 2)})
    assert checkpoint.fingerprint({"w": array}) != checkpoint.fingerprint({"v": array})
    with pytest.raises(ValueError):
        checkpoint.fingerprint({"w": array, "w:0": array})
    with pytest.raises(TypeError):
        checkpoint.fingerprint({"w": np.array(["text"])})


def test_nothing_saved_loads_as_none(tmp_path):
    assert checkpoint.load(tmp_path / "missing") is None
    assert checkpoint.load(tmp_path) is None


def test_a_checkpoint_comes_back(tmp_path):
    folder = tmp_path / "run" / "checkpoints"
    extra = {"log_position": 2 ** 40, "best": -math.inf, "steps": np.int64(3), "names": ["a", None]}
    checkpoint.save(folder, 7, arrays_of(7), extra)
    loaded = checkpoint.load(folder)
    assert loaded.step == 7
    assert same(loaded.arrays, {name: np.asarray(array) for name, array in arrays_of(7).items()})
    assert loaded.extra == {"log_position": 2 ** 40, "best": -math.inf, "steps": 3, "names": ["a", None]}
    path, = archives(folder)
    with np.load(str(path)) as plainly:
        np.testing.assert_array_equal(plainly["student/dense/kernel:0"], np.full([3, 4], 7, np.float32))


def test_the_sentinel_names_files_with_their_hashes(tmp_path):
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, arrays_of(step), {})
    listed = json.loads((tmp_path / "checkpoint.json").read_text())["checkpoints"]
    assert [entry["step"] for entry in listed] == [3, 2]
    for entry in listed:
        assert hashlib.sha256((tmp_path / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.json"} | {entry["file"] for entry in listed}


def test_a_damaged_checkpoint_falls_back_with_one_line(tmp_path, caplog):
    for step in (1, 2):
        checkpoint.save(tmp_path, step, arrays_of(step), {})
    damage(archives(tmp_path)[1])
    with caplog.at_level(logging.WARNING):
        assert checkpoint.load(tmp_path).step == 1
    assert len(caplog.records) == 1
    assert "step 1" in caplog.messages[0] and "\n" not in caplog.messages[0]
    # The run goes on from step 1: the damaged one must not push it out.
    checkpoint.save(tmp_path, 2, arrays_of(2), {})
    damage(archives(tmp_path)[1])
    assert checkpoint.load(tmp_path).step == 1


def test_no_sound_checkpoint_is_one_line(tmp_path):
    for step in (1, 2):
        checkpoint.save(tmp_path, step, arrays_of(step), {})
    first, second = archives(tmp_path)
    damage(first)
    second.unlink()
    with pytest.raises(UserError) as caught:
        checkpoint.load(tmp_path)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "{\"checkpoints\": [1]}"])
def test_a_damaged_sentinel_is_one_line(tmp_path, content):
    checkpoint.save(tmp_path, 1, arrays_of(1), {})
    (tmp_path / "checkpoint.json").write_text(content)
    for action in (lambda: checkpoint.load(tmp_path), lambda: checkpoint.save(tmp_path, 2, arrays_of(2), {})):
        with pytest.raises(UserError, match="damaged"):
            action()
    assert len(archives(tmp_path)) == 1


def test_the_same_step_again_and_equal_content(tmp_path):
    checkpoint.save(tmp_path, 1, arrays_of(1), {})
    for content in (5, 6, 6):
        checkpoint.save(tmp_path, 2, arrays_of(content), {})
    assert checkpoint.load(tmp_path).arrays["counter"] == 6
    damage(archives(tmp_path)[1])
    assert checkpoint.load(tmp_path).step == 1


def test_what_a_kill_left_is_removed(tmp_path):
    checkpoint.save(tmp_path, 1, arrays_of(1), {})
    (tmp_path / ".unfinished.tmp").write_bytes(b"part")
    (tmp_path / "step-000000009-abc.npz").write_bytes(b"never listed")
    assert checkpoint.load(tmp_path).step == 1
    checkpoint.save(tmp_path, 2, arrays_of(2), {})
    assert len(list(tmp_path.iterdir())) == 3
