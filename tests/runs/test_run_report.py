"""The report: nothing but its blocks is touched, and damaged records and pages are one line."""

import json
import os
import re
import subprocess
import sys

import pytest
from synthetic_records import PAGE, ROOT, block, make_run, run_report

from runs import markers, report
from runs.errors import UserError
from runs.published import read_runs


@pytest.mark.parametrize("name", ["config.json", "provenance.json", "result.json", "metrics.jsonl"])
@pytest.mark.parametrize("content", [None, "{", "[1]\n", "{}\n"])
def test_a_damaged_file_is_one_line_that_names_it(results, tmp_path, capsys, name, content):
    folder = make_run(results)
    if (name, content) == ("provenance.json", "{}\n"):
        return  # nothing in it is indispensable
    os.remove(str(folder / name))
    if content is not None:
        (folder / name).write_text(content)
    (tmp_path / "README.md").write_text(PAGE.format("results"))
    assert run_report(tmp_path) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(folder / name) in said
    assert (tmp_path / "README.md").read_text() == PAGE.format("results")


@pytest.mark.parametrize("changes, message", [
    ({"last": "0.98"}, "last is '0.98'"), ({"last": float("nan")}, "last is nan"), ({"teacher": True}, "teacher is"),
    ({"paper": "?"}, "paper is"), ({"metric": "loss"}, "metric is 'loss'"),
    ({"seed": 7}, "belongs in mnist/gas/seed-7"),
    ({"budget": "quick"}, "belongs in mnist/gas@quick")])
def test_a_result_that_cannot_be(results, changes, message):
    folder = make_run(results)
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(dict(result, **changes)))
    with pytest.raises(UserError, match=re.escape(str(folder / "result.json")) + ".*" + re.escape(message)):
        read_runs(results)


@pytest.mark.parametrize("rows, message", [
    ([{"student_step": 1}], "line 1 lacks accuracy"),
    ([{"student_step": 1, "accuracy": None}], "line 1: accuracy is None"),
    ([{"student_step": 2, "accuracy": 0.5}, {"student_step": 2, "accuracy": 0.5}], "line 2 is damaged")])
def test_rows_that_cannot_be(results, rows, message):
    (make_run(results) / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match="metrics.jsonl " + message):
        read_runs(results)


def test_only_what_is_between_markers_changes_and_only_once(results, tmp_path, capsys):
    make_run(results)
    for name, content in (("README.md", PAGE.format("results") + PAGE.format("commands")),
                          ("CLAIMS.md", PAGE.format("claims"))):
        (tmp_path / name).write_text(content)
    assert run_report(tmp_path) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["results/plots/mnist.png: drawn", "README.md: commands, results", "CLAIMS.md: claims"]
    text = (tmp_path / "README.md").read_text()
    expected = (PAGE.format("results").replace("old", block(results, "results"))
                + PAGE.format("commands").replace("old", block(results, "commands")))
    assert text == expected
    before = {path: (os.stat(str(path)).st_mtime_ns, path.read_bytes()) for path in tmp_path.rglob("*")
              if path.is_file()}
    assert run_report(tmp_path) == 0 and capsys.readouterr().out == "nothing to change\n"
    assert before == {path: (os.stat(str(path)).st_mtime_ns, path.read_bytes()) for path in tmp_path.rglob("*")
                      if path.is_file()}


def test_check_writes_nothing(results, tmp_path, capsys):
    make_run(results)
    (tmp_path / "README.md").write_text(PAGE.format("results"))
    assert run_report(tmp_path, "--check") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "README.md (results)" in said and "mnist.png" in said
    assert (tmp_path / "README.md").read_text() == PAGE.format("results") and not (results / "plots").exists()
    assert run_report(tmp_path) == 0 and run_report(tmp_path, "--check") == 0
    make_run(results, seed=1)
    assert run_report(tmp_path, "--check") == 1


def test_only_one_block(results, tmp_path):
    make_run(results)
    (tmp_path / "README.md").write_text(PAGE.format("results") + PAGE.format("commands"))
    assert run_report(tmp_path, "--only", "commands") == 0
    text = (tmp_path / "README.md").read_text()
    assert text.startswith(PAGE.format("results")) and "```sh" in text and not (results / "plots").exists()
    assert run_report(tmp_path, "--only", "drawings") == 0
    assert (tmp_path / "README.md").read_text() == text and (results / "plots" / "mnist.png").exists()
    assert run_report(tmp_path, "--only", "result") == 2


@pytest.mark.parametrize("text, message", [
    (PAGE.format("result"), "README.md line 4: no block is called 'result'"),
    (PAGE.format("claims:mnist"), "no block is called"),
    (PAGE.format("results:"), "no block is called"),
    ("a\n<!-- report:results -->\nb\n", "README.md line 2: block results is not closed"),
    ("<!-- report:results -->\n<!-- report:claims -->\n<!-- /report -->\n", "line 1: block results is not closed"),
    ("a\n<!-- /report -->\n", "line 2: <!-- /report --> closes no block"),
    ("see <!-- report:results --> here\n", "line 1: a report marker stands alone")])
def test_wrong_markers(results, tmp_path, capsys, text, message):
    (tmp_path / "README.md").write_text(text)
    assert run_report(tmp_path) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert (tmp_path / "README.md").read_text() == text


def test_markers_in_code_are_text():
    text = "`<!-- report:NAME -->` is\n```md\n<!-- report:NAME -->\n```\n~~~~\n```\n<!-- /report -->\n~~~~\nend"
    assert markers.rewritten(text, "README.md", lambda name: 1 / 0) == (text, [])


def test_line_ends_of_the_page_are_kept():
    text = "a\r\n<!-- report:x -->\r\n<!-- /report -->\r\nb"
    new, changed = markers.rewritten(text, "README.md", lambda name: "1\n2\n")
    assert new == "a\r\n<!-- report:x -->\r\n1\r\n2\r\n<!-- /report -->\r\nb" and changed == ["x"]
    assert markers.rewritten(new, "README.md", lambda name: "1\n2\n") == (new, [])


def test_the_command_in_a_process_of_its_own(tmp_path):
    (tmp_path / "README.md").write_text(PAGE.format("results"))
    done = subprocess.run([sys.executable, "-m", "runs.report", "--root", str(tmp_path), "--results",
                           str(tmp_path / "nowhere")], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 2 and done.stderr.decode().startswith("error: ") and done.stderr.count(b"\n") == 1


def test_the_committed_pages_are_what_the_committed_records_give(capsys):
    assert report.main(["--check"]) == 0, capsys.readouterr().err


def test_nothing_heavy_is_imported():
    code = ("import sys, runs.report\n"
            "print([name for name in ('matplotlib', 'tensorflow', 'gas_tf', 'ppo') if name in sys.modules])")
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT).strip() == b"[]"
