"""Publishing: only finished runs of a known, clean commit, all but checkpoints, all or nothing."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from runs import publish
from runs.errors import UserError
from runs.record import RESULT_KEYS, Record

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLEAN = {"commit": "c" * 40, "commit_from": "git", "dirty": False, "changed": []}


def make_run(folder, provenances=(CLEAN,), finished=True, **changes):
    for extra in provenances:
        with Record(folder, {}) as record:
            record.write_provenance(extra)
            record.append({"student_step": 1})
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "step-1.npz").write_bytes(b"large")
    (folder / "tensorboard").mkdir()
    (folder / "tensorboard" / "events.out.tfevents.1.host").write_bytes(b"large")
    (folder / ".result.json.tmp").write_bytes(b"part")
    (folder / "samples").mkdir()
    (folder / "samples" / "samples.png").write_bytes(b"png")
    if finished:
        values = {key: 1 for key in RESULT_KEYS}
        values.update({"experiment": "toy", "method": "gas", "seed": 3, "budget": "paper", "paper": None,
                       "fingerprint": "f" * 64, "commit": "c" * 40}, **changes)
        with Record(folder, {}) as record:
            record.write_result(values)
    return folder


def files_in(folder):
    return sorted(os.path.relpath(os.path.join(at, name), str(folder)) for at, _, names in os.walk(str(folder))
                  for name in names)


def test_all_but_checkpoints_and_event_files(tmp_path):
    run = make_run(tmp_path / "run")
    target = publish.publish(run, tmp_path / "results")
    assert target == tmp_path / "results" / "toy" / "gas" / "seed-3"
    kept = ["config.json", "metrics.jsonl", "provenance.json", "result.json", "samples/samples.png"]
    assert files_in(tmp_path / "results") == [os.path.join("toy/gas/seed-3", name) for name in kept]
    for name in set(kept) - {"provenance.json"}:
        assert (target / name).read_bytes() == (run / name).read_bytes()


def test_no_folder_of_the_machine_is_published(tmp_path):
    parts = [dict(CLEAN, module="gas_tf.run", argv=["/home/me/gas_tf/run.py", "mnist", "--out", "/home/me/out/",
                                                    "--data-dir=/data/mnist", "--method", "gas", "runs/out", "1/2"],
                  environment={"OMP_NUM_THREADS": "2", "TF_CLI_CONFIG_FILE": "/home/me/x", "GAS_DATA": "/home/me"}),
             dict(CLEAN, module=None, argv=["/home/me/own.py", "/a/b c"])]
    run = make_run(tmp_path / "run", parts)
    published = json.loads((publish.publish(run, tmp_path) / "provenance.json").read_text())
    recorded = json.loads((run / "provenance.json").read_text())
    assert published.pop("argv") == ["gas_tf.run", "mnist", "--out", "out/", "--data-dir=mnist", "--method", "gas",
                                     "runs/out", "1/2"]
    assert published.pop("environment") == {"OMP_NUM_THREADS": "2"}
    (resumed,), (before,) = published.pop("resumed"), recorded.pop("resumed")
    assert resumed.pop("argv") == ["own.py", "b c"]
    assert published == {key: value for key, value in recorded.items() if key not in ("argv", "environment")}
    assert dict(resumed, argv=before["argv"]) == before


def test_a_reduced_budget_is_a_suffix(tmp_path):
    run = make_run(tmp_path / "run", budget="quick")
    assert publish.publish(run, tmp_path).relative_to(tmp_path).parts == ("toy", "gas@quick", "seed-3")


@pytest.mark.parametrize("changes", [{"experiment": "../up"}, {"method": ".."}, {"seed": "x"}, {"experiment": ""}])
def test_names_that_are_no_folder(tmp_path, changes):
    with pytest.raises(UserError):
        publish.publish(make_run(tmp_path / "run", **changes), tmp_path / "results")
    assert not (tmp_path / "results").exists()


def dirty(**changes):
    return dict(CLEAN, **changes)


@pytest.mark.parametrize("provenances, message", [
    ([dirty(dirty=True, changed=["code.py"])], "code.py"),
    ([dirty(dirty=None)], "dirty"),
    ([dirty(commit="unknown", commit_from=None)], "unknown commit"),
    ([CLEAN, dirty(dirty=True)], "dirty"),
    ([CLEAN, CLEAN, dirty(commit="unknown")], "unknown commit")])
def test_a_dirty_or_unknown_commit_is_refused(tmp_path, provenances, message):
    with pytest.raises(UserError, match=message):
        publish.publish(make_run(tmp_path / "run", provenances), tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_commit_baked_into_an_image_is_known(tmp_path):
    run = make_run(tmp_path / "run", [dirty(commit_from="GAS_TF_COMMIT", dirty=None)])
    assert publish.publish(run, tmp_path / "results").is_dir()


def test_unfinished_or_at_work_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a folder"):
        publish.publish(tmp_path / "missing", tmp_path / "results")
    with pytest.raises(UserError, match="not finished"):
        publish.publish(make_run(tmp_path / "run", finished=False), tmp_path / "results")
    run = make_run(tmp_path / "other")
    with Record(run, {}), pytest.raises(UserError, match="another process"):
        publish.publish(run, tmp_path / "results")
    (run / "provenance.json").unlink()
    with pytest.raises(UserError, match="no provenance.json"):
        publish.publish(run, tmp_path / "results")


def test_another_fingerprint_needs_force(tmp_path):
    results = tmp_path / "results"
    target = publish.publish(make_run(tmp_path / "one"), results)
    (target / "left over").write_text("")
    publish.publish(make_run(tmp_path / "same", other=1), results)  # the same fingerprint: replaced whole
    assert not (target / "left over").exists()
    other = make_run(tmp_path / "two", fingerprint="0" * 64)
    with pytest.raises(UserError, match="--force"):
        publish.publish(other, results)
    assert json.loads((target / "result.json").read_text())["other"] == 1
    publish.publish(other, results, force=True)
    assert json.loads((target / "result.json").read_text())["fingerprint"] == "0" * 64
    assert os.listdir(str(target.parent)) == ["seed-3"]


def test_a_failed_copy_leaves_the_published_run(tmp_path, monkeypatch):
    results = tmp_path / "results"
    target = publish.publish(make_run(tmp_path / "one"), results)
    before = files_in(results)

    def failing(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", failing)
    with pytest.raises(UserError, match="No space left"):
        publish.publish(tmp_path / "one", results)
    assert files_in(results) == before
    monkeypatch.undo()
    # Cut off between the two renames: the next call puts the old one back first.
    target.rename(target.parent / ".seed-3.old.tmp")
    with pytest.raises(UserError, match="--force"):
        publish.publish(make_run(tmp_path / "two", fingerprint="0" * 64), results)
    assert files_in(results) == before


def test_the_command(tmp_path):
    run = make_run(tmp_path / "run")
    command = [sys.executable, "-m", "runs.publish"]
    done = subprocess.run(command + [str(run), "--results", str(tmp_path / "results")], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().strip() == str(tmp_path / "results" / "toy" / "gas" / "seed-3")
    done = subprocess.run(command + [str(tmp_path / "missing")], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.decode().count("\n") == 1
