"""The papers' numbers and the verdicts on ours."""

import re

import pytest
from synthetic_records import block, cells, groups_of, make_run, policy

from runs import claims, published
from runs.errors import UserError


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
    assert claims.verdict(groups_of(results), {"method": "gas", "paper": 0.98, "spread": spread, "judged": "last"}, RULE) == expected


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
            table = dict(policies, gas_first_rms_1=policies["gas"], **dict.fromkeys(published.POLICY_TEACHERS, scores))
            assert table[claim["method"]][claim["experiment"]] == claim["paper"]
        else:
            assert accuracies[claim["experiment"], claim["method"]] == claim["paper"]


def test_damaged_claims(tmp_path):
    (tmp_path / "claims.json").write_text('{"rule": {"spread": 0.001, "partly": 0.01}, "claims": [{"claim": "x"}]}')
    with pytest.raises(UserError, match="claims.json"):
        claims.read_claims(tmp_path / "claims.json")


@pytest.mark.parametrize("method, fresh, paper, spread, expected", [
    ("gas", 5700., 5896., 48.3, "partly (\u22123.32 %)"), ("gas", 5840., 5896., 48.3, "reproduced (\u22120.95 %)"),
    ("gas", 5000., 5896., 48.3, "not (\u221215.20 %)"), ("gas", 6000., 5896., 48.3, "reproduced, above (+1.76 %)"),
    ("gas", 5696., 5896., 118., "partly (\u22123.39 %)"),
    # Baselines: more is no reproduction, and a ± as large as the number hides nothing.
    ("student_kd", 5800., 2012., 2101., "above (+64.25 %)"), ("student_kd", 0., 2012., 2101., "not (\u221234.12 %)"),
    ("student_kd", 1500., 2012., 2101., "reproduced (\u22128.68 %)"),
    ("dafl", 5000., -0.387, .21, "above (+84.81 %)"), ("dafl", 0., -0.387, .21, "reproduced (+0.01 %)")])
def test_the_verdict_on_a_score_is_in_shares_of_the_papers_teacher(results, method, fresh, paper, spread, expected):
    policy(results, teacher=fresh)
    claim = {"method": method, "paper": paper, "spread": spread, "judged": "teacher", "metric": "score", "unit": 5896.}
    assert claims.verdict(groups_of(results), claim, {"spread": 0.01, "partly": 0.1}) == expected


def test_the_unit_is_the_score_of_the_papers_teacher():
    units = {(claim["experiment"], claim["method"]): claim["unit"] for claim in claims.read_claims()[0]}
    assert units["halfcheetah", "dafl"] == units["halfcheetah", "ppo"] == 7698.
    assert units["mountaincar", "gas"] == 94.3
