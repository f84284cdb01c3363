"""Provenance: the commit as git tells it, and nothing private."""

import json
import os
import shutil
import subprocess
import sys

import numpy
import pytest

from runs.provenance import provenance
from runs.record import Record
from runs.source import source_commit

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def git(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@example.org"]
                          + list(arguments), env=environment, check=True, stdout=subprocess.PIPE).stdout.decode()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.delenv("GAS_TF_COMMIT", raising=False)
    if shutil.which("git") is None:
        pytest.skip("no git")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("ignored\n")
    (folder / "code.py").write_text("1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_commit(repository):
    (repository / "ignored").write_text("")
    head = git(repository, "rev-parse", "HEAD").strip()
    assert len(head) == 40
    assert source_commit(repository) == {"commit": head, "commit_from": "git", "dirty": False, "changed": []}


def test_changed_untracked_and_renamed_files_are_dirty(repository):
    (repository / "new.py").write_text("")
    assert source_commit(repository)["changed"] == ["new.py"]
    (repository / "new.py").unlink()
    (repository / "code.py").write_text("2\n")
    assert source_commit(repository)["dirty"] is True
    git(repository, "checkout", "-q", "code.py")
    git(repository, "mv", "code.py", "a name.py")
    assert source_commit(repository)["changed"] == ["a name.py"]


def test_the_environment_of_a_hook_does_not_mislead(repository, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(repository / "nowhere"))
    assert source_commit(repository)["commit_from"] == "git"


def test_a_commit_baked_into_an_image(tmp_path, monkeypatch):
    monkeypatch.delenv("GAS_TF_COMMIT", raising=False)
    assert source_commit(tmp_path)["commit"] == "unknown"
    assert source_commit(tmp_path)["dirty"] is None
    (tmp_path / "COMMIT").write_text("abc\n")
    assert source_commit(tmp_path) == {"commit": "abc", "commit_from": "COMMIT", "dirty": None, "changed": []}
    monkeypatch.setenv("GAS_TF_COMMIT", "def-dirty")
    assert source_commit(tmp_path) == {"commit": "def", "commit_from": "GAS_TF_COMMIT", "dirty": True, "changed": []}


def test_a_repository_around_the_installation_is_not_ours(repository):
    inner = repository / "venv"
    inner.mkdir()
    assert source_commit(inner)["commit"] == "unknown"


def test_the_facts(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("CUDA_CACHE_PATH", "/home/somebody/data:/home/somebodyelse")
    monkeypatch.setenv("GAS_DATA", "/home/somebody/data")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/home/somebody/.terraformrc")
    monkeypatch.setenv("TF_VAR_password", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "5")
    facts = provenance({"teacher_hash": "x"}, devices=["CPU:0"])
    json.dumps(facts, allow_nan=False)
    assert facts["packages"]["numpy"] == numpy.__version__
    assert facts["environment"]["CUDA_CACHE_PATH"] == "~/data:/home/somebodyelse"
    assert not {"GAS_DATA", "TF_CLI_CONFIG_FILE"} & set(facts["environment"])
    assert facts["environment"]["OMP_NUM_THREADS"] == "3"
    assert "TF_VAR_password" not in facts["environment"] and "HOME" not in facts["environment"]
    assert facts["devices"] == ["CPU:0"] and facts["teacher_hash"] == "x"
    assert facts["inter_op_threads"] == 5
    assert facts["argv"] == sys.argv
    assert facts["python"] == sys.version.split()[0]
    assert len(facts["load_average"]) == 3
    with open("/proc/cpuinfo") as file:
        assert facts["cpu"]["flags"] is None or facts["cpu"]["flags"] in file.read()
    assert os.uname().nodename not in facts["system"].split()


def test_a_resumed_run_keeps_its_first_provenance(tmp_path):
    for part in ("first", "second", "third"):
        with Record(tmp_path, {}) as record:
            assert record.write_provenance({"part": part})["part"] == part
    written = json.loads((tmp_path / "provenance.json").read_text())
    assert written["part"] == "first"
    assert [part["part"] for part in written["resumed"]] == ["second", "third"]


def test_neither_the_record_nor_provenance_load_tensorflow():
    script = ("import sys; import runs.record, runs.checkpoint, runs.publish, runs.provenance as p; p.provenance();"
              "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'mpi4py', 'gym'}))")
    done = subprocess.run([sys.executable, "-c", script], env=dict(os.environ, PYTHONPATH=ROOT), check=True,
                          stdout=subprocess.PIPE)
    assert done.stdout.decode().strip() == "[]"
