"""The report: tables, verdicts and plots are what the records say, and nothing else is touched."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from runs import claims, curves, markers, plots, published, report, summary, tables
from runs.errors import UserError
from runs.plots import plot_path
from runs.published import read_runs

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = "# Title\n\nbefore\n<!-- report:{} -->\nold\n<!-- /report -->\nafter\n"


def make_run(results, method="gas", seed=0, accuracies=(0.5, 0.9, 0.98), budget="paper", resets=None, fields=None,
             provenance=None, log=None, **changes):
    """A synthetic record; evaluations every 100 student steps, an hour each; log: more keys of its lines."""
    folder = results / "mnist" / (method if budget == "paper" else method + "@" + budget) / "seed-{}".format(seed)
    folder.mkdir(parents=True)
    resets = resets or [1] * len(accuracies)
    rows = [{"student_step": 100 * (i + 1), "generator_step": 20 * (i + 1), "resets": resets[i], "accuracy": accuracy,
             "wall_seconds": 3600. * (i + 1), **(log or {})} for i, accuracy in enumerate(accuracies)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    best = max(accuracies)
    result = {"experiment": "mnist", "method": method, "seed": seed, "budget": budget, "metric": "accuracy",
              "last": accuracies[-1], "best": best, "best_by": "validation_accuracy",
              "best_step": 100 * (accuracies.index(best) + 1), "mean_last_10": sum(accuracies) / len(accuracies),
              "teacher": 0.99, "student_steps": rows[-1]["student_step"], "generator_steps": 60,
              "wall_seconds": rows[-1]["wall_seconds"], "paper": 0.9879, "fingerprint": "f" * 64,
              "commit": "0123456789abcdef"}
    result.update(changes)
    (folder / "result.json").write_text(json.dumps(result))
    fields = dict({"schedule.n_student": {"value": 100, "source": "section 4.1"},
                   "teacher.fingerprint": {"value": "seed's own {}".format(seed), "source": "its weights"}},
                  **(fields or {}))
    (folder / "config.json").write_text(json.dumps({"hash": "h", "fields": fields}))
    (folder / "provenance.json").write_text(json.dumps(dict({
        "commit": result["commit"], "module": "gas_tf.run", "argv": ["run.py"], "cores": 4, "devices": ["CPU:0"],
        "cpu": {"model": "Intel(R) Xeon(R) CPU @ 2.20GHz", "flags": ""}, "started": "2024-01-01"},
        **(provenance or {}))))
    return folder


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def run_report(tmp_path, *arguments):
    return report.main(["--root", str(tmp_path), "--results", str(tmp_path / "results")] + list(arguments))


def cells(markdown, first):
    """{column: cell} of the row whose first cell is `first`."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in markdown.splitlines()
             if line.startswith("|")]
    row, = [line for line in lines[2:] if line[0] == first]
    return dict(zip(lines[0], row))


def groups_of(results):
    return summary.grouped(read_runs(results))


def block(results, name):
    return tables.Blocks(results, results.parent).render(name)


# Numbers.

def test_a_row_of_the_results(results):
    for seed, last in enumerate((0.980, 0.984, 0.988)):
        make_run(results, seed=seed, accuracies=(0.5, 0.99, last))
    row = cells(block(results, "results"), "`gas`")
    # Deviations -0.4, 0 and 0.4 points: sqrt(0.32 / 2) = 0.4.
    assert row["last (%)"] == "98.40 ± 0.40"
    assert row["best (%)"] == "99.00 ± 0.00"
    # (0.5 + 0.99 + last) / 3 = 0.82333, 0.82467, 0.826.
    assert row["mean of last 10 (%)"] == "82.47 ± 0.13"
    # 0.98 / 0.99, 0.984 / 0.99, 0.988 / 0.99.
    assert row["last / teacher (%)"] == "99.39 ± 0.40"
    assert row["teacher (%)"] == "99.00" and row["paper (%)"] == "98.79"
    assert row["n"] == "3" and row["budget (student steps)"] == "paper (300)"
    assert row["hours per seed"] == "3.00"
    assert row["machine"] == "Intel Xeon, 4 cores"
    assert row["command"] == "`python -m gas_tf.run mnist --method gas --budget paper --seeds 0 1 2`"
    assert row["commit"] == "`0123456789`"


def test_one_seed_has_no_spread(results):
    make_run(results, paper=None)
    row = cells(block(results, "results:mnist"), "`gas`")
    assert row["last (%)"] == "98.00" and row["paper (%)"] == "–"


def test_collapsed_runs_stay_in(results):
    make_run(results, seed=0, accuracies=(0.9, 0.98))
    make_run(results, seed=1, accuracies=(0.9, 0.10))
    # Mean 54, deviations of 44: sqrt(2 * 44 ** 2) = 62.23.
    assert cells(block(results, "results"), "`gas`")["last (%)"] == "54.00 ± 62.23"


def test_the_sample_standard_deviation():
    assert summary.std([1., 2., 3., 6.]) == pytest.approx((14. / 3.) ** .5)
    assert summary.mean_std([-20.6, -20.2], "score") == "−20.40 ± 0.28"


@pytest.mark.parametrize("value, text", [(2.3333, "2.33"), (0.1, "0.10"), (0.0123, "0.012")])
def test_hours(value, text):
    assert tables.hours(value) == text


def test_budgets_and_settings_are_not_mixed(results):
    make_run(results, seed=0, accuracies=(0.97,))
    make_run(results, seed=0, accuracies=(0.90,), budget="quick")
    make_run(results, seed=1, accuracies=(0.50,),
             fields={"schedule.n_student": {"value": 50, "source": "command line"}})
    assert [(group.name, len(group.runs), group.is_full_size) for group in groups_of(results)] == [
        ("gas", 1, True), ("gas", 1, False), ("gas@quick", 1, False)]


# Commands.

def test_a_command_repeats_what_was_given_by_hand(results):
    given = {"student.widths": [3, 8, 60, 42], "objective.gamma": 0.25, "generator.output": "linear",
             "schedule.reset_slots": False}
    make_run(results, seed=2, budget="quick",
             fields={name: {"value": value, "source": "command line"} for name, value in given.items()})
    line, = groups_of(results)[0].commands()
    assert line == ("python -m gas_tf.run mnist --method gas --budget quick --seeds 2 --generator.output linear "
                    "--objective.gamma 0.25 --schedule.no-reset-slots --student.widths 3 8 60 42")
    command, settings = pytest.importorskip("gas_tf.command"), pytest.importorskip("runs.settings")
    # Those values that differ from the defaults come back from the command line.
    options, sources = command.parse(shlex.split(line)[3:])
    values = settings.flatten(options.settings)
    assert {name: json.loads(json.dumps(values[name])) for name in given} == given
    assert sources["objective.gamma"] == sources["schedule.reset_slots"] == "command line"


def test_a_teachers_command(results):
    make_run(results, "teacher", seed=1, teacher=0.98,
             fields={"teacher.seed": {"value": 1, "source": "command line"}})
    markdown = block(results, "results")
    row = cells(markdown, "`teacher`")
    assert row["command"] == "`python -m gas_tf.run mnist --method teacher --seeds 1`"
    assert row["teacher (%)"] == row["last / teacher (%)"] == "–"


def test_another_commands_record_keeps_its_line_without_folders(results):
    make_run(results, "ppo", provenance={"module": "ppo.train", "argv": [
        "/home/someone/train.py", "cartpole", "--out", "/mnt/x", "--data-dir=/mnt/y", "--seed", "3"]})
    assert groups_of(results)[0].commands() == ["python -m ppo.train cartpole --seed 3"]


def test_machines_and_commits_of_all_parts(results):
    make_run(results, provenance={"resumed": [
        {"commit": "fedcba9876543210", "cpu": {"model": "AMD EPYC 7B13 64-Core Processor"}, "cores": 8,
         "devices": ["CPU:0", "GPU:0", "XLA_GPU:0"]}]})
    group, = groups_of(results)
    assert group.machines() == ["AMD EPYC 7B13, 8 cores, 1 GPU", "Intel Xeon, 4 cores"]
    assert group.commits() == ["0123456789", "fedcba9876"]


# Claims.

RULE = {"spread": 0.001, "partly": 0.01}


@pytest.mark.parametrize("lasts, spread, expected", [
    ((0.98, 0.98), 0.002, "reproduced (+0.00)"),
    ((0.977, 0.979), 0.002, "reproduced (−0.20)"),  # exactly at the edge
    ((0.979, 0.979), None, "reproduced (−0.10)"),   # 0.1 points where none is given
    ((0.9789, 0.9789), None, "partly (−0.11)"),
    ((0.969, 0.969), None, "partly (−1.10)"),
    ((0.9689, 0.9689), None, "not (−1.11)"),
    ((0.99, 0.99), 0.002, "reproduced, above (+1.00)"),
    ((0.98, 0.10), 0.002, "not (−44.00)")])
def test_verdicts(results, lasts, spread, expected):
    for seed, last in enumerate(lasts):
        make_run(results, seed=seed, accuracies=(last,))
    assert claims.verdict(groups_of(results), {"paper": 0.98, "spread": spread, "judged": "last"}, RULE) == expected


def test_a_teacher_is_judged_by_its_kept_checkpoint(results):
    make_run(results, "teacher", accuracies=(0.9935, 0.90))
    row = cells(block(results, "claims"), "LeNet-5 teacher on MNIST (table 1)")
    assert row["verdict"] == "reproduced (+0.00)" and row["ours, last (%)"] == "90.00 (n 1)"


def test_only_full_sizes_are_judged(results):
    make_run(results, accuracies=(0.9901,), budget="quick")
    make_run(results, accuracies=(0.9902,), fields={"objective.gamma": {"value": 0, "source": "command line"}})
    row = cells(block(results, "claims"), "GAS (table 1)")
    assert row["verdict"] == "not run at full size; `quick`: reproduced, above (+0.22)"
    assert row["ours, last (%)"] == "`paper --objective.gamma 0`: 99.02 (n 1)<br>`quick`: 99.01 (n 1)"
    assert row["command"] == "`python -m gas_tf.run mnist --method gas --budget paper --seeds 0 1 2`"
    assert row["paper (%)"] == "98.79 ± 0.075"


def test_of_smaller_sizes_the_longest_is_weighed(results):
    make_run(results, accuracies=(0.9799,), budget="quick")
    for seed, last in enumerate((0.9829, 0.9849)):
        make_run(results, seed=seed, accuracies=(0.5,) * 9 + (last,), budget="long")
    make_run(results, accuracies=(0.9902,) * 12, budget="paper",
             fields={"objective.gamma": {"value": 0, "source": "command line"}})
    row = cells(block(results, "claims"), "GAS (table 1)")
    assert row["verdict"] == "not run at full size; `long`: partly (−0.40)"


def test_claims_without_records_say_so(results):
    markdown = block(results, "claims")
    assert markdown.startswith("No run of these is recorded yet")
    assert cells(markdown, "GAS (table 1)")["verdict"] == "not run yet"
    assert cells(markdown, "GAS (table 1)")["ours, last (%)"] == "–"
    for name in ("results", "results:mnist", "commands", "plots"):
        assert re.match("No run (of `mnist` )?is recorded yet", block(results, name))


def test_the_papers_numbers_agree_with_the_experiments():
    accuracies = pytest.importorskip("gas_tf.experiments").images.PAPER_ACCURACY
    scores = pytest.importorskip("ppo.experiments").PAPER_SCORE
    policies = pytest.importorskip("gas_tf.experiments").policies.PAPER_SCORE
    for claim in claims.read_claims()[0]:
        if claim["metric"] == "score":
            table = dict(policies, ppo=scores, ppo_epochs=scores)
            assert table[claim["method"]][claim["experiment"]] == claim["paper"]
        else:
            assert accuracies[claim["experiment"], claim["method"]] == claim["paper"]


def test_damaged_claims(tmp_path):
    (tmp_path / "claims.json").write_text('{"rule": {"spread": 0.001, "partly": 0.01}, "claims": [{"claim": "x"}]}')
    with pytest.raises(UserError, match="claims.json"):
        claims.read_claims(tmp_path / "claims.json")


def test_samples(results, tmp_path):
    (make_run(results, seed=1) / "samples.png").write_bytes(b"")
    (make_run(results, seed=0) / "samples.png").write_bytes(b"")
    (make_run(results, "reset_only", budget="quick") / "samples.png").write_bytes(b"")
    make_run(results, "student_kd")
    assert tables.Blocks(results, tmp_path).render("samples:mnist") == (
        "`gas` (seed 0, after 300 student steps):\n\n"
        "![Generated images of gas](results/mnist/gas/seed-0/samples.png)\n\n"
        "`reset_only@quick` (seed 0, after 300 student steps):\n\n"
        "![Generated images of reset_only@quick](results/mnist/reset_only@quick/seed-0/samples.png)")
    assert tables.Blocks(results, tmp_path).render("samples").startswith("**mnist**\n\n`gas` ")


def test_methods_are_told_apart_by_colour(results):
    from gas_tf.experiments import images as experiments
    methods = set(experiments.METHODS) - set(experiments.ABLATIONS) - {"teacher"}
    for method in methods:
        make_run(results, method)
    colours = [colour for colour, _ in plots._styles(curves.curves(groups_of(results))).values()]
    assert len(colours) == len(set(colours)) >= len(methods)


# Ablations.

def ablation(results, method, validation, seed=0, fields=None):
    make_run(results, method, seed, budget="ablation", fields={
        name: {"value": value, "source": "ablation"}
        for name, value in {"objective.gamma": 2.0, "objective.alpha": 0.5, **(fields or {})}.items()},
             log={"validation_accuracy": validation, "L_distill": 0.25, "H_each": 0.5, "class_entropy": 0.75})


def test_an_ablation_is_told_by_its_change_and_its_validation_accuracy(results):
    for seed, validation in enumerate((0.97, 0.98)):
        ablation(results, "gas", validation, seed)
    make_run(results, "gas", accuracies=(0.1, 0.2))  # of the full budget
    ablation(results, "gas_worse", 0.961, fields={"objective.gamma": 0.4})
    ablation(results, "gas_better", 0.979, fields={"objective.alpha": 0.0})
    text = block(results, "ablations:mnist")
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert [line[0] for line in lines[2:]] == ["| `gas`", "| `gas_better`", "| `gas_worse`"]
    row = cells(text, "`gas`")
    # Deviations of half a point: sqrt(2 * 0.5 ** 2) = 0.71.
    assert row["validation accuracy (%)"] == "97.50 ± 0.71" and row["change"] == "–" and row["n"] == "2"
    row = cells(text, "`gas_worse`")
    assert row["validation accuracy (%)"] == "96.10 (−1.40)" and row["change"] == "`objective.gamma` 0.4"
    assert (row["`L_distill` (nats)"], row["`H_each` (nats)"], row["`class_entropy`"]) == ("0.250", "0.500", "0.750")
    assert cells(text, "`gas_better`")["change"] == "`objective.alpha` 0.0"
    assert "300 student steps" in text and "98.00" not in text  # the test images' accuracy


def test_no_other_block_shows_an_ablation(results):
    ablation(results, "gas", 0.97)
    assert block(results, "results") == "No run is recorded yet."
    make_run(results, "gas")
    for name in ("results", "claims", "plots", "samples", "commands"):
        assert "ablation" not in block(results, name)
    assert block(results, "ablations:digits") == "No ablation of `digits` is recorded yet."
    with pytest.raises(UserError, match="ablations"):
        block(results, "ablations")


# Teachers of policies.

def policy(results, experiment="humanoid", seed=0, scores=(100., 5000., 4000.), teacher=4876.5, **provenance):
    folder = make_run(results, "ppo", seed, accuracies=scores, metric="score", experiment=experiment, paper=5896.0, teacher=teacher,
                      best_by="score", fresh={"score": 4876.5, "score_std": 48.3, "episodes": 20},
                      provenance=dict({"module": "ppo.train", "argv": ["train.py", experiment, "--out", "/tmp/x"]},
                                      **provenance))
    moved = results / experiment / "ppo" / "seed-{}".format(seed)
    moved.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(moved)
    rows = [{"transitions": 100 * (i + 1), "score": score, "wall_seconds": 1.} for i, score in enumerate(scores)]
    (moved / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_teachers_of_policies(results):
    assert block(results, "teachers") == "No teacher of a policy is recorded yet."
    policy(results, mpi={"ranks": 3})
    policy(results, "halfcheetah", scores=(-5., 10.))
    row = cells(block(results, "teachers"), "`humanoid`")
    assert (row["last"], row["best"], row["paper"]) == ("4000.00", "5000.00", "5896.00")
    assert row["best policy, fresh episodes"] == "4876.50 ± 48.30" and row["transitions"] == "300"
    assert row["command"] == "`mpirun -n 3 python -m ppo.train humanoid`"
    assert cells(block(results, "teachers"), "`halfcheetah`")["command"] == "`python -m ppo.train halfcheetah`"
    assert "(results/plots/teachers.png)" in block(results, "teachers")


@pytest.mark.parametrize("fresh, paper, spread, expected", [
    (5700., 5896., 48.3, "partly (\u22123.32 %)"), (5840., 5896., 48.3, "reproduced (\u22120.95 %)"),
    (5000., 5896., 48.3, "not (\u221215.20 %)"), (6000., 5896., 48.3, "reproduced, above (+1.76 %)"),
    (93., 94.3, 2.0, "reproduced (\u22121.38 %)"), (200., 200., 0., "reproduced (+0.00 %)")])
def test_the_verdict_on_a_score_is_in_shares_of_the_papers(results, fresh, paper, spread, expected):
    policy(results, teacher=fresh)
    claim = {"paper": paper, "spread": spread, "judged": "teacher", "metric": "score"}
    assert claims.verdict(groups_of(results), claim, {"spread": 0.01, "partly": 0.1}) == expected


def test_learning_curves_are_drawn_once(results, tmp_path):
    policy(results)
    assert run_report(tmp_path) == 0
    path = results / "plots" / "teachers.png"
    before = path.read_bytes()
    assert before.startswith(b"\x89PNG") and not (results / "plots" / "humanoid.png").exists()
    assert run_report(tmp_path, "--check") == 0
    policy(results, "halfcheetah")
    assert run_report(tmp_path, "--check") == 1
    assert run_report(tmp_path) == 0 and path.read_bytes() != before


# Benchmarks and commands.

def test_benchmarks(results):
    (results / "benchmarks").mkdir()
    row = {"work": "student step", "ours": 42.5, "peer": 17.0, "peer_name": "PyTorch", "unit": "steps/s", "ratio": 2.5}
    alone = {"work": "matrix | product", "ours": 1234.4, "peer": None, "peer_name": None, "unit": "Gflop/s",
             "ratio": None, "share_of_sgemm": 0.614}
    content = {"machine": "AMD EPYC, 2 cores", "load_before": [0.1, 0.2, 0.3], "sgemm_gflops": 81.25,
               "commit": "0123456789abcdef", "rows": [row, alone]}
    (results / "benchmarks" / "steps.json").write_text(json.dumps(content))
    markdown = block(results, "benchmarks")
    assert "| student step | 42.5 | 17 | PyTorch | steps/s | 2.50 | – |" in markdown
    assert "| matrix \\| product | 1,234 | – | – | Gflop/s | – | 61 % |" in markdown
    assert ("**steps**: AMD EPYC, 2 cores; sgemm 81.25 Gflop/s; load before 0.1 0.2 0.3; commit `0123456789`. A ratio"
            in markdown)
    content.update(machine={"cpu": "AMD EPYC", "cores": 2}, busy=True, commit={"commit": "a" * 40, "dirty": True})
    row.update(ratio_of_blocks=[2.25, 2.75], peer_share_of_sgemm=0.2, target=1.3, peak_mib=812.25)
    markdown = tables.benchmark_table("steps", content)
    assert "AMD EPYC, 2 cores; " in markdown and "`aaaaaaaaaa-dirty`. Other work was running" in markdown
    assert "| ratio | aim | ours, of sgemm | peer, of sgemm | our peak (MiB) |" in markdown
    assert "| 2.50 (2.25 to 2.75) | ≥ 1.3 | – | 20 % | 812.2 |" in markdown
    assert "| – | – | 61 % | – | – |" in markdown
    del row["ratio"]
    (results / "benchmarks" / "steps.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="steps.json row 1 lacks ratio"):
        published.read_benchmarks(results)


def test_commands(results):
    make_run(results, seed=0)
    make_run(results, seed=4)
    assert block(results, "commands") == (
        "```sh\n# mnist gas, 2 seeds, 3.00 h each\n"
        "python -m gas_tf.run mnist --method gas --budget paper --seeds 0 4\n```")


# Damaged records.

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


# Pages.

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


# Plots.

def test_re_initialisations_are_marked_where_the_counter_grows(results):
    for seed, dip in enumerate((0.0, 0.02)):
        make_run(results, seed=seed, accuracies=(0.90, 0.94 - dip, 0.96, 0.97), resets=[1, 1, 2, 3])
    make_run(results, "teacher", accuracies=(0.99,))
    curve, = curves.curves(groups_of(results))
    assert curve.steps == [100, 200, 300, 400]
    assert curve.mean == pytest.approx([0.90, 0.93, 0.96, 0.97])
    assert (curve.low[1], curve.high[1]) == (pytest.approx(0.92), pytest.approx(0.94))
    assert curve.resets == [(200, pytest.approx(0.93)), (300, pytest.approx(0.96))]
    assert curve.label == "gas: 97.00 ± 0.00 (n 2)"


def test_a_plot_shows_its_lines(results, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    for seed in range(2):
        make_run(results, seed=seed, accuracies=(0.5, 0.9, 0.97 + 0.01 * seed), resets=[1, 2, 3])
    make_run(results, "noise", accuracies=(0.3, 0.4, 0.5))
    assert run_report(tmp_path) == 0
    path = plot_path(results, "mnist")
    pixels = image.imread(str(path))
    assert pixels.shape[1] == 1440 and pixels.std() > 0.05
    # Both methods' colours are there, in both panels for gas.
    for colour, halves in (((0, 0x72, 0xB2), (0, 1)), ((0x66, 0x66, 0x66), (0,))):
        close = (abs(pixels[:, :, :3] - [level / 255. for level in colour]) < 0.02).all(axis=2)
        assert all(close[:580, 720 * half:720 * (half + 1)].sum() > 100 for half in halves)
    first = path.read_bytes()
    path.unlink()
    assert run_report(tmp_path) == 0 and path.read_bytes() == first
    make_run(results, seed=2)
    assert run_report(tmp_path) == 0 and path.read_bytes() != first


def test_a_plots_link_starts_at_the_page(results, tmp_path):
    make_run(results)
    (tmp_path / "README.md").write_text(PAGE.format("plots:mnist"))
    assert run_report(tmp_path) == 0
    link = re.search(r"\]\((.*)\)", (tmp_path / "README.md").read_text()).group(1)
    assert link == "results/plots/mnist.png" and (tmp_path / link).exists()


def test_scores_are_drawn_too(results, tmp_path):
    folder = make_run(results, "gas")
    for name in ("metrics.jsonl", "result.json"):
        text = (folder / name).read_text().replace('"accuracy"', '"score"')
        (folder / name).write_text(text.replace("0.98", "-200.5"))
    assert run_report(tmp_path) == 0 and plot_path(results, "mnist").stat().st_size > 10000
    assert cells(block(results, "results"), "`gas`")["last"] == "−200.50"


# The command.

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
