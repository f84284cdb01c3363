"""Table 8 and figure 3 from synthetic records, by hand."""

import json

import numpy as np
import pytest
from synthetic_records import block, cells, groups_of, make_run, run_report

from runs import claims, policy_inputs, policy_scores
from runs.errors import UserError


def student(results, environment, method, scores, teacher=100., random=20., first=0, **changes):
    """A record for each score, seeds from `first` on."""
    changes["fields"] = dict({"teacher.fingerprint": {"value": "of {}".format(teacher), "source": "its weights"}},
                             **changes.get("fields", {}))
    for seed, score in enumerate(scores, first):
        folder = make_run(results, method, seed, (1., 2., 3.), metric="score", experiment=environment, best_by="score",
                          teacher=teacher, paper=99., fresh={"score": score, "score_std": 1., "episodes": 20},
                          random={"score": random, "score_std": 1., "episodes": 20},
                          by_loss={"step": 100, "score": score - 1.}, **changes)
        name = folder.parent.name
        moved = results / environment / name / folder.name
        moved.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(moved)
        rows = [dict(json.loads(line)) for line in (moved / "metrics.jsonl").read_text().splitlines()]
        for row in rows:
            row["score"] = row.pop("accuracy")
        (moved / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_the_interquartile_mean_by_hand():
    assert policy_scores.iqm([7.]) == 7. and policy_scores.iqm([1., 2., 9.]) == 4.
    assert policy_scores.iqm([100., 2., 3., -50., 4.]) == 3.  # one from each end of five
    assert policy_scores.iqm(list(range(8))) == 3.5  # two from each end of eight


def test_the_interval_equals_a_slow_bootstrap():
    strata = [[1., 2., 3., 4., 10.], [0., 0., 5., 6., 7.]]
    random = np.random.RandomState(5)
    means = []
    for _ in range(4000):
        drawn = [random.choice(values) for values in strata for _ in values]
        means.append(policy_scores.iqm(drawn))
    expected = np.percentile(means, [2.5, 97.5])
    np.testing.assert_allclose(policy_scores.interval(strata), expected, atol=.25)
    assert policy_scores.interval([[3., 3.]]) == (3., 3.)


def test_a_row_by_hand(results):  # noqa: F811
    student(results, "humanoid", "gas", [60., 80., 100., 20., 90.])
    student(results, "humanoid", "gas_first_rms_1", [60.])
    row = cells(block(results, "policies"), "`humanoid`")
    assert (row["n"], row["teacher"], row["paper"]) == ("5", "100.00", "99.00")
    assert row["score"] == "70.00 ± 31.62" and row["IQM [95 %]"].startswith("76.67 [")
    assert row["ratio (%)"] == "70.0" and row["normalised (%)"] == "62.5"  # 50 of 80
    assert row["by the loss"] == "69.00 ± 31.62 (−1.00)"

    head, (row, ablation) = policy_scores.run_rows(policy_scores.distilled(groups_of(results)))
    row = dict(zip(head, row))
    assert ablation[1] == "`gas_first_rms_1`"
    assert (row["random"], row["best seen"], row["updates"]) == ("20.00", "3.00 ± 0.00", "300")
    assert (row["hours per seed"], row["updates in 120 s"]) == ("3.00", "3")  # 300 in three hours
    assert block(results, "policy-runs").count("`humanoid`") == 2


@pytest.mark.parametrize("scores, expected", [
    ([49., 49.4], "reproduced (−0.53 %)"), ([45., 45.], "partly (−8.93 %)"), ([30., 30.], "not (−38.93 %)")])
def test_a_student_is_judged_as_a_share_of_its_teacher(results, scores, expected):
    """The paper's has 98.93 % of its teacher; ours has a teacher of 50."""
    student(results, "humanoid", "gas", scores, teacher=50.)
    claim = {"method": "gas", "paper": 5833., "spread": 78.4, "judged": "fresh", "metric": "score", "unit": 5896.}
    assert claims.verdict(groups_of(results), claim, {"spread": .01, "partly": .1}) == expected


@pytest.mark.parametrize("teacher, said", [(0., "0.00"), (-5., "−5.00")])
def test_a_student_of_a_teacher_that_scores_nothing_is_not_judged(results, teacher, said):
    student(results, "humanoid", "gas", [3.], teacher=teacher)
    claim = {"method": "gas", "paper": 5833., "spread": 78.4, "judged": "fresh", "metric": "score", "unit": 5896.}
    assert claims.verdict(groups_of(results), claim, {"spread": .01, "partly": .1}) == "not judged: its teacher scores " + said


def test_students_of_different_teachers_are_not_averaged(results):
    student(results, "humanoid", "gas", [60., 80.])
    student(results, "humanoid", "gas", [500.], teacher=600., first=2)
    assert sorted((len(group.runs), group.runs[0].result["teacher"]) for group in groups_of(results)) == [
        (1, 600.), (2, 100.)]


def test_the_block_and_its_picture(results, tmp_path):  # noqa: F811
    assert block(results, "policies") == "No distilled policy is recorded yet."
    student(results, "humanoid", "gas", [90., 90.])
    student(results, "cartpole", "gas", [60., 60.])
    student(results, "humanoid", "noise", [100., 100.])
    student(results, "humanoid", "dafl", [1., 1.], budget="quick")
    text = block(results, "policies")
    # Over both environments only gas: ((90 - 20) + (60 - 20)) / 2 / 80.
    across = [line for line in text.splitlines() if line.startswith("| `gas` | cartpole, humanoid | 4 |")]
    assert len(across) == 1 and "| 68.8 |" in across[0] and "\n| `noise` | cartpole, humanoid" not in text
    assert "`dafl" not in text and "20 fresh episodes" in text
    assert "`dafl@quick`" in block(results, "policy-runs")
    names, methods = policy_scores.bars(policy_scores.distilled(groups_of(results)))
    assert names == ["cartpole", "humanoid"] and sorted(methods) == ["gas", "noise"]
    assert methods["gas"]["cartpole"] == (pytest.approx(.6), pytest.approx(0.))
    path = policy_scores.policies_path(results)
    assert run_report(tmp_path) == 0 and path.stat().st_size > 5000
    first = path.read_bytes()
    path.touch()
    assert run_report(tmp_path) == 0 and path.read_bytes() == first
    student(results, "cartpole", "noise", [10.])
    assert run_report(tmp_path) == 0 and path.read_bytes() != first


def test_what_policies_were_distilled_on(results):
    assert block(results, "policy-inputs") == "No distilled policy of vectors is recorded yet."
    real = {"L_distill": .25, "real_mean": .1, "real_std": .5, "real_std_spread": .125}
    student(results, "humanoid", "noise", [60.], log=dict(real, kl_real=1.5))
    student(results, "pong48", "gas", [3.], log={"L_distill": .25, "kl_real": 1.})  # frames have no moments
    drawn = {"input_mean": .2, "input_std": .75, "input_std_spread": .05}
    student(results, "humanoid", "gas", [60., 80.], log=dict(real, kl_real=2., **drawn))
    # The student that was kept is the third of the log.
    log = results / "humanoid/gas/seed-1/metrics.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    rows[0]["kl_real"], rows[2]["kl_real"] = 100., 4.
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [line for line in block(results, "policy-inputs").splitlines() if line.startswith("| `")]
    assert lines == ["| `humanoid` | `gas` | 2 | 62.5 | 3.00 | 0.25 | 0.20 | 0.75 ± 0.05 | 0.10 | 0.50 ± 0.12 | – |",
                     "| `humanoid` | `noise` | 1 | 50.0 | 1.50 | 0.25 | – | – | 0.10 | 0.50 ± 0.12 | – |"]

    result = json.loads((results / "humanoid/gas/seed-1/result.json").read_text())
    (results / "humanoid/gas/seed-1/result.json").write_text(json.dumps(dict(result, best_step=150)))
    with pytest.raises(UserError, match="gas/seed-1/metrics.jsonl: no line is of best_step 150"):
        block(results, "policy-inputs")


@pytest.mark.parametrize("environment, most", [
    ("humanoid", 3. + np.log(512) - 17 / 2. * (1. - np.log(2.))), ("cartpole", np.log(2.))])
def test_how_far_the_entropy_of_the_mean_is_below_its_most(results, environment, most):
    """Of equation 5 with means out of each other's reach: -ln N(0; 0, 2 sigma^2) / b beside the entropy of one."""
    teacher = json.loads((policy_inputs.TEACHERS / environment / "teacher.json").read_text())["fingerprint"]
    student(results, environment, "gas", [60.], log={"L_distill": 1., "kl_real": 1., "real_mean": .1, "real_std": .5,
                                                     "H_each": 3., "H_mean": most - .25},
            fields={"schedule.batch_size": {"value": 512, "source": "x"},
                    "teacher.fingerprint": {"value": teacher, "source": "its weights"}})
    assert cells(block(results, "policy-inputs"), "`%s`" % environment)["`H_mean` below its most (nats)"] == "0.25"


def test_what_a_single_change_is_worth_by_hand(results):
    def fields(gamma, inputs="generated", **more):
        return dict({"objective.gamma": {"value": gamma, "source": "x"}, "inputs": {"value": inputs, "source": "x"}}, **more)
    student(results, "humanoid", "gas", [60., 80., 30.], fields=fields(.4), log={"kl_real": 2.})
    student(results, "humanoid", "reset_only", [70., 84.], fields=fields(0.), log={"kl_real": 1.5})
    student(results, "humanoid", "noise", [50.], fields=fields(.4, "noise"), log={"kl_real": 3.})
    student(results, "humanoid", "dafl", [50.], fields=fields(0., "real"), log={"kl_real": 3.})
    text = block(results, "ablations:humanoid")
    base, row = cells(text, "`gas`"), cells(text, "`reset_only`")
    assert (base["change"], base["difference (points)"], base["normalised (%)"]) == ("–", "–", "45.83 ± 31.46")
    assert (row["change"], row["n"], row["normalised (%)"]) == ("`objective.gamma` 0.0", "2", "71.25 ± 12.37")
    # (70 − 60) / 80 and (84 − 80) / 80; the third seed of `gas` has no partner.
    assert (row["difference (points)"], row["`kl_real` (nats)"]) == ("8.75 ± 5.30", "1.50")
    assert "`dafl`" not in text  # changes two things in `gas` and in `noise`
    assert "`noise`" not in text  # nothing is changed in it
    # A setting that the base's record does not know stands for what was there before it.
    student(results, "humanoid", "noise_moments", [70.], fields=fields(.4, "noise", **{
        "noise.moments": {"value": "real", "source": "x"}, "noise.correlation": {"value": 0., "source": "x"}}),
            log={"kl_real": 1.})
    text = block(results, "ablations:humanoid")
    assert cells(text, "`noise_moments`")["change"] == "`noise.moments` real" and text.count("`noise_moments`") == 1
    assert cells(text, "`noise`")["change"] == "–"
    assert block(results, "ablations:cartpole") == "No ablation of `cartpole` is recorded yet."


def test_methods_are_compared_on_the_same_environments(results):  # noqa: F811
    for environment, method in (("cartpole", "gas"), ("humanoid", "gas"), ("halfcheetah", "noise"), ("standup", "noise")):
        student(results, environment, method, [90.])
    assert [row[:2] for row in policy_scores.across(groups_of(results))[1]] == [
        ["`gas`", "cartpole, humanoid"], ["`gas`", "humanoid"]]
    student(results, "cartpole", "noise", [50.])
    student(results, "humanoid", "noise", [50.])
    assert [row[:2] for row in policy_scores.across(groups_of(results))[1]] == [
        ["`noise`", "cartpole, halfcheetah, humanoid, standup"], ["`noise`", "halfcheetah, humanoid, standup"]]
    student(results, "halfcheetah", "gas", [20.])
    student(results, "standup", "gas", [36.])
    rows = {(row[0], row[1]): row[2:4] for row in policy_scores.across(groups_of(results))[1]}
    assert rows["`gas`", "cartpole, halfcheetah, humanoid, standup"] == [4, "53.8"]  # 20 and 87.5, without 0 and 87.5
    assert rows["`gas`", "halfcheetah, humanoid, standup"] == [3, "35.8"]  # of 0, 20 and 87.5


def test_of_two_configurations_the_later_is_shown(results):  # noqa: F811
    student(results, "cartpole", "gas", [90.])
    make = dict(fields={"schedule.n_student": {"value": 7, "source": "section 4.1"}},
                provenance={"started": "2025-01-01"})
    folder = results / "cartpole" / "gas" / "seed-0"
    folder.rename(results / "kept")
    student(results, "cartpole", "gas", [60.], **make)
    (results / "cartpole" / "gas" / "seed-0").rename(results / "cartpole" / "gas" / "seed-1")
    result = results / "cartpole" / "gas" / "seed-1" / "result.json"
    result.write_text(result.read_text().replace('"seed": 0', '"seed": 1'))
    (results / "kept").rename(folder)
    groups = groups_of(results)
    assert len(groups) == 2 and policy_scores.bars(groups)[1]["gas"]["cartpole"][0] == pytest.approx(.6)
    assert policy_scores.across(groups)[1][0][1:3] == ["cartpole", 1]
    row, = policy_scores.score_rows(groups)[1]
    assert row[4].startswith("60.00")


def test_a_teacher_that_is_no_better_than_chance(results):  # noqa: F811
    student(results, "cartpole", "gas", [90.] * 3, teacher=20.)
    head, rows = policy_scores.score_rows(groups_of(results))
    assert dict(zip(head, rows[0]))["normalised (%)"] == "–" and policy_scores.across(groups_of(results))[1] == []


def test_a_claim_on_a_student_is_judged_on_fresh_episodes(results):  # noqa: F811
    student(results, "humanoid", "gas", [5800., 5840.], teacher=5900.)
    claim = {"method": "gas", "paper": 5833., "spread": 78.4, "judged": "fresh", "metric": "score", "unit": 5896.}
    assert claims.verdict(groups_of(results), claim, {"spread": 0.01, "partly": 0.1}) == "reproduced (−0.29 %)"
    part, = [part for part in block(results, "claims").split("\n\n") if "| GAS, Humanoid" in part]
    row = cells(part, "GAS, Humanoid (table 8)")
    assert row["ours, fresh episodes"] == "5820.00 ± 28.28 (n 2)" and row["verdict"] == "reproduced (−0.29 %)"
    assert row["command"] == "`python -m gas_tf.run humanoid --method gas --budget paper --seeds 0 1`"
