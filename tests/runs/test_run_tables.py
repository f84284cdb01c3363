"""Tables of results, ablations, teachers, benchmarks and commands say what the records say."""

import json
import shlex

import pytest
from synthetic_records import block, cells, groups_of, make_run, policy

from runs import published, summary, tables
from runs.errors import UserError


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
    assert summary.hours(value) == text


def test_budgets_and_settings_are_not_mixed(results):
    make_run(results, seed=0, accuracies=(0.97,))
    make_run(results, seed=0, accuracies=(0.90,), budget="quick")
    make_run(results, seed=1, accuracies=(0.50,),
             fields={"schedule.n_student": {"value": 50, "source": "command line"}})
    assert [(group.name, len(group.runs), group.is_full_size) for group in groups_of(results)] == [
        ("gas", 1, True), ("gas", 1, False), ("gas@quick", 1, False)]


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
    assert group.commits() == ["`0123456789`", "`fedcba9876`"]


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


def test_an_older_record_that_knows_fewer_settings_is_of_the_same_row(results):
    make_run(results, seed=0)
    make_run(results, seed=1, fields={"student.average": {"value": 0.0, "source": "not stated"}})
    assert [[run.seed for run in group.runs] for group in groups_of(results)] == [[0, 1]]
    make_run(results, seed=2, fields={"student.average": {"value": 0.0, "source": "command line"}})
    assert [[run.seed for run in group.runs] for group in groups_of(results)] == [[0, 1], [2]]
    make_run(results, seed=3, fields={"student.average": {"value": 0.5, "source": "another default"}})
    assert [[run.seed for run in group.runs] for group in groups_of(results)] == [[0], [1], [3], [2]]


def ablation(results, method, validation, seed=0, fields=None, budget="ablation"):
    make_run(results, method, seed, budget=budget, fields={
        name: {"value": value, "source": "ablation"}
        for name, value in {"objective.gamma": 2.0, "objective.alpha": 0.5, **(fields or {})}.items()},
             log={"validation_accuracy": validation, "L_distill": 0.25, "H_each": 0.5, "class_entropy": 0.75})


def test_an_ablation_is_told_by_its_change_and_its_validation_accuracy(results):
    for seed, validation in enumerate((0.97, 0.98)):
        ablation(results, "gas", validation, seed)
    make_run(results, "gas", accuracies=(0.1, 0.2))  # of the full budget
    ablation(results, "gas_worse", 0.961, fields={"objective.gamma": 0.4, "objective.beta": 5 / 2.302585})
    ablation(results, "gas_better", 0.979, 5, fields={"objective.alpha": 0.0})
    text = block(results, "ablations:mnist")
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert [line[0] for line in lines[2:]] == ["| `gas`", "| `gas_better`", "| `gas_worse`"]
    row = cells(text, "`gas`")
    # Deviations of half a point: sqrt(2 * 0.5 ** 2) = 0.71.
    assert row["validation accuracy (%)"] == "97.50 ± 0.71" and row["change"] == "–" and row["n"] == "2"
    row = cells(text, "`gas_worse`")
    # Against seed 0 of the base, 97.0.
    assert row["validation accuracy (%)"] == "96.10 (−0.90)" and row["change"] == (
        "`objective.beta` 2.171, `objective.gamma` 0.4")
    assert (row["`L_distill` (nats)"], row["`H_each` (nats)"], row["`class_entropy`"]) == ("0.250", "0.500", "0.750")
    row = cells(text, "`gas_better`")  # of no seed of the base: against 97.5
    assert row["validation accuracy (%)"] == "97.90 (+0.40)" and row["change"] == "`objective.alpha` 0.0"
    assert "300 student steps" in text and "98.00" not in text  # the test images' accuracy


def test_what_is_changed_at_other_budgets_has_a_table_of_its_own(results):
    log = {"validation_accuracy": 0.96}
    ablation(results, "gas", 0.97)
    make_run(results, "gas", budget="long", log=log)
    make_run(results, "gas", 1, budget="long", log=dict(log, validation_accuracy=0.98))
    make_run(results, "gas_averaged", budget="long", log=log, provenance={"recorded_as": "gas"}, fields={
        "student.average": {"value": 0.5, "source": "chosen"}})
    make_run(results, "gas_old", budget="long", log=dict(log, validation_accuracy=0.95), provenance={"recorded_as": "gas"},
             fields={"student.decay": {"value": "cosine", "source": "ablation"}})
    make_run(results, "reset_only", budget="long", log=log)
    make_run(results, "gas", budget="quick", log=log)  # nothing to compare it with
    text = block(results, "ablations:mnist")
    assert text.count("| method | change |") == 2
    row = cells(text, "`gas_old`")
    assert row["validation accuracy (%)"] == "95.00 (−1.00)" and row["change"] == "`student.decay` cosine"
    assert row["commit"] == "`0123456789` as `gas`" and "reset_only" not in text
    assert cells(text, "`gas_averaged`")["change"] == "`student.average` 0.5"  # which the base's records do not know


@pytest.mark.parametrize("budget", ["ablation", "sketch"])
def test_no_other_block_shows_an_ablation(results, budget):
    ablation(results, "gas", 0.97, budget=budget)
    assert block(results, "results") == "No run is recorded yet."
    make_run(results, "gas")
    for name in ("results", "claims", "plots", "samples", "commands"):
        assert budget not in block(results, name)
    tried = {"student.decay": {"value": "cosine", "source": "ablation"}}
    (results / "mnist/gas/seed-0/samples.png").write_bytes(b"")
    for method, more in (("gas_old", {"fields": tried}), ("gas_older", {"provenance": {"recorded_as": "gas"}})):
        (make_run(results, method, budget="long", **more) / "samples.png").write_bytes(b"")
    for name in ("results", "results:mnist", "samples"):
        assert "gas_old" not in block(results, name) and "`gas`" in block(results, name)
    assert [group.method for group in tables.Blocks(results, results.parent).of("mnist")] == ["gas"]  # what is drawn
    everything = block(results, "everything")
    assert all("`{}`".format(method) in everything for method in ("gas", "gas_old", "gas_older"))
    assert block(results, "commands").count("--method gas_old") == 2
    assert block(results, "ablations:digits") == "No ablation of `digits` is recorded yet."
    with pytest.raises(UserError, match="ablations"):
        block(results, "ablations")


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
    row.update(of_simulator=0.75, rank_0={"waiting": 0.5, "learning": 0.125})
    assert "| 75 % | waiting 50 %, learning 12 % |" in tables.benchmark_table("steps", content).replace("812.2 | ", "")
    content.update(commit="b" * 40)
    assert "`bbbbbbbbbb`" in tables.benchmark_table("steps", content)
    assert "`bbbbbbbbbb-dirty`" in tables.benchmark_table("steps", dict(content, dirty=True))
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
