"""A run's folder: one process, one configuration, a log without gaps."""

import hashlib
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from runs import files
from runs.errors import UserError
from runs.record import RESULT_KEYS, Record, config_hash

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def config(**values):
    return {name: {"value": value, "source": "test"} for name, value in values.items()}


def result(**changes):
    values = {key: 1 for key in RESULT_KEYS}
    values.update({"paper": None, "fingerprint": "f" * 64, "commit": "c" * 40}, **changes)
    return values


def test_config_json_and_its_hash(tmp_path):
    fields = config(beta=0.5, alpha=[1, 2])
    with Record(tmp_path / "a" / "b", fields) as record:
        assert not record.resumed
    written = json.loads((tmp_path / "a" / "b" / "config.json").read_text())
    assert written["fields"] == fields
    assert written["hash"] == hashlib.sha256(b'{"alpha": [1, 2], "beta": 0.5}').hexdigest()
    assert written["hash"] == config_hash(fields) == record.config_hash


def test_the_same_values_from_another_source_are_the_same_run(tmp_path):
    Record(tmp_path, {"periods": {"value": (1, 2), "source": "default"}}).close()
    with Record(tmp_path, {"periods": {"value": [1, 2], "source": "command line"}}) as record:
        assert record.resumed
    assert "default" in (tmp_path / "config.json").read_text()


def test_another_configuration_is_refused_in_one_line(tmp_path):
    Record(tmp_path, config(alpha=1.0, beta=2, gamma="x")).close()
    with pytest.raises(UserError) as caught:
        Record(tmp_path, config(alpha=1.5, beta=2, delta=None))
    message = str(caught.value)
    assert "alpha: recorded 1.0, asked 1.5; delta: recorded nothing, asked null; gamma: recorded \"x\"" in message
    assert "beta" not in message and "--out" in message and "\n" not in message
    # The refusal gave the lock back.
    Record(tmp_path, config(alpha=1.0, beta=2, gamma="x")).close()


def test_many_differing_fields_are_counted(tmp_path):
    Record(tmp_path, config(**{"field_{}".format(index): 0 for index in range(9)})).close()
    with pytest.raises(UserError, match="field_5: recorded 0, asked 1 and 3 more"):
        Record(tmp_path, config(**{"field_{}".format(index): 1 for index in range(9)}))


def test_one_and_true_are_different_values(tmp_path):
    Record(tmp_path, config(alpha=1)).close()
    with pytest.raises(UserError):
        Record(tmp_path, config(alpha=True))


def test_a_run_without_its_config_is_refused(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match="no config.json"):
        Record(tmp_path, config(alpha=1))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        Record(tmp_path, config(alpha=1))


HOLDER = """
import os, sys
from runs.record import Record
record = Record(sys.argv[1], {})
# With a child, it is the child that speaks, once it runs: it outlives its parent.
if sys.argv[2] == 'alone' or os.fork() == 0:
    print('locked', flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["alone", "fork"])
def test_the_lock_dies_with_its_process(tmp_path, how):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path), how], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=ROOT))
    try:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(UserError, match="another process is working in"):
            Record(tmp_path, {})
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        Record(tmp_path, {}).close()
    finally:
        holder.kill()
        holder.stdin.close()
        holder.stdout.close()
        holder.wait()


def test_rows_come_back_as_numbers(tmp_path):
    with Record(tmp_path, {}) as record:
        record.append({"step": 1, "loss": np.float32(0.5), "each": np.array([1.0, 2.0]), "text": "a\nb"})
        # On disk at once: another reader sees it while the record is open.
        content = (tmp_path / "metrics.jsonl").read_text()
        assert json.loads(content) == {"step": 1, "loss": 0.5, "each": [1.0, 2.0], "text": "a\nb"}
        assert content.count("\n") == 1
        record.append({"accuracy": 0.1 + 0.2})
        assert record.rows()[1]["accuracy"] == 0.1 + 0.2
        assert record.position() == (tmp_path / "metrics.jsonl").stat().st_size


@pytest.mark.parametrize("value", [float("nan"), np.float32("inf"), [1.0, -np.inf], np.array(np.nan)])
def test_a_row_with_no_number_is_refused(tmp_path, value):
    with Record(tmp_path, {}) as record:
        with pytest.raises(ValueError, match="L_distill"):
            record.append({"step": 1, "L_distill": value})
        assert record.rows() == [] and record.position() == 0


def test_rewinding_leaves_no_gap_and_no_double_line(tmp_path):
    with Record(tmp_path, {}) as record:
        positions = [record.position()]
        for step in range(5):
            record.append({"step": step})
            positions.append(record.position())
    with open(str(tmp_path / "metrics.jsonl"), "ab") as file:
        file.write(b'{"step": 99, "torn')
    with Record(tmp_path, {}) as record:
        assert record.position() == positions[5]  # the torn line is gone
        record.rewind(positions[3])
        assert [row["step"] for row in record.rows()] == [0, 1, 2]
        record.append({"step": 3})
        assert [row["step"] for row in record.rows()] == [0, 1, 2, 3]
        for wrong in (positions[4] + 1, -1):
            with pytest.raises(UserError, match="bytes"):
                record.rewind(wrong)
        with pytest.raises(UserError, match="no end of a line"):
            record.rewind(positions[3] + 1)
        assert len(record.rows()) == 4
        record.rewind(0)
        assert record.rows() == [] and (tmp_path / "metrics.jsonl").read_bytes() == b""


def test_a_torn_line_longer_than_a_block_is_cut(tmp_path):
    Record(tmp_path, {}).close()
    (tmp_path / "metrics.jsonl").write_bytes(b"{}\n" + b"x" * 200000)
    with Record(tmp_path, {}) as record:
        assert record.rows() == [{}]
        record.append({"step": 1})
    assert (tmp_path / "metrics.jsonl").read_bytes() == b'{}\n{"step": 1}\n'
    (tmp_path / "metrics.jsonl").write_bytes(b"x" * 200000)
    with Record(tmp_path, {}) as record:
        assert record.rows() == []


def test_a_damaged_line_is_named(tmp_path):
    Record(tmp_path, {}).close()
    (tmp_path / "metrics.jsonl").write_bytes(b"{}\n{\n{}\n")
    with Record(tmp_path, {}) as record, pytest.raises(UserError, match="line 2"):
        record.rows()


def test_a_result_is_checked_and_comes_back(tmp_path):
    with Record(tmp_path, {}) as record:
        assert record.result() is None
        with pytest.raises(ValueError, match="paper"):
            record.write_result({key: 1 for key in RESULT_KEYS if key != "paper"})
        with pytest.raises(ValueError):
            record.write_result(result(last=float("nan")))
        assert record.result() is None
        record.write_result(result(last=np.float32(0.25), other="kept"))
        assert record.result() == result(last=0.25, other="kept")
    assert not [name for name in os.listdir(str(tmp_path)) if name.startswith(".")]


def test_a_closed_record_writes_nothing(tmp_path):
    record = Record(tmp_path, {})
    record.close()
    record.close()
    for action in (lambda: record.append({}), record.rows, record.position, lambda: record.write_result(result())):
        with pytest.raises(ValueError, match="closed"):
            action()


def test_an_atomic_write_that_fails_keeps_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.atomic_write(path, "old")
    assert path.read_text() == "old"

    def failing(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError):
        files.atomic_write(path, b"new")
    assert path.read_text() == "old"
    assert os.listdir(str(tmp_path)) == ["file"]
