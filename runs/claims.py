"""The papers' numbers beside ours, each with a verdict that a rule computes.

`claims.json` holds the papers' side: facts and numbers of theirs, none of ours.
"""

import pathlib

from runs import summary
from runs.errors import UserError
from runs.files import read_json
from runs.markdown import code, table
from runs.published import POLICY_TEACHERS

CLAIMS = pathlib.Path(__file__).resolve().with_name("claims.json")
KEYS = ("claim", "source", "experiment", "method", "seeds", "paper", "spread", "judged", "ambiguity", "reading")
JUDGED = ("last", "best", "teacher", "fresh")  # keys of result.json; the last two: a kept policy on fresh episodes

RULE = (
    "Verdicts are computed. Judged is the mean over seeds of a full-budget run without settings changed on its command "
    "line, at its last evaluation (a teacher: at its best, which is what is distilled). *Reproduced*: within the "
    "paper's ±, or within {spread:g} points where it gives none, or above, which of a method that others are compared "
    "with is only called *above*; *partly*: below that by at most {partly:g} {unit} more; *not*: further below. In "
    "brackets, ours minus the paper's, in points. *Not run at full size*: only "
    "smaller or changed runs are recorded; of the longest without changed settings it is said what it would be judged.")
SCORE_RULE = (
    "Judged is the mean over seeds of what the kept policy scored on fresh episodes; of a student, as a share of its "
    "teacher's score, beside the share that the paper's has of its teacher's. *Reproduced*: within the paper's ± "
    "(counted up to {partly:g} % of its teacher's score), or within {spread:g} % of that, or above, which of a method that "
    "others are compared with is only called *above*; *partly*: below that by at most {partly:g} % more; *not*: further "
    "below. In brackets, ours minus the paper's, in per cent of the teacher's score.")
BASELINES = ("student_kd", "dafl", "noise")  # of which more than the paper's is no reproduction


def read_claims(path=CLAIMS):
    """(claims, {metric: rule}): a list of dicts with KEYS, metric and unit; each rule's spread and partly.

    Those of accuracies are fractions; those of scores are shares of `unit`, the
    score of the paper's teacher. Raises UserError, one line, where the file is
    missing or damaged.
    """
    content = read_json(path)
    try:
        rules = {metric: {key: float(content[name][key]) for key in ("spread", "partly")}
                 for metric, name in (("accuracy", "rule"), ("score", "score_rule"))}
        claims = [dict({key: claim[key] for key in KEYS}, metric=claim.get("metric", "accuracy"))
                  for claim in content["claims"]]
        teachers = {claim["experiment"]: claim["paper"] for claim in claims if claim["method"] in POLICY_TEACHERS}
        for claim in claims:
            claim["unit"] = abs(teachers.get(claim["experiment"], claim["paper"]))
            float(claim["paper"])
            float(claim["spread"] or 0)
            if claim["judged"] not in JUDGED or claim["metric"] not in rules:
                raise ValueError("judged is {!r}, metric is {!r}".format(claim["judged"], claim["metric"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("{} is missing or damaged: {!r}".format(path, error)) from error
    return claims, rules


def verdict(groups, claim, rule):
    """One claim's verdict.

    groups: the list of summary.Group of the claim's experiment and method;
    rule: {"spread", "partly"} of the claim's metric.
    """
    group = full_size(groups)
    if group:
        return _judged(group, claim, rule)
    shorter = [group for group in groups if not group.overrides]
    if not shorter:
        return "not run at full size" if groups else "not run yet"
    group = max(shorter, key=lambda group: group.values("student_steps"))
    return "not run at full size; {}: {}".format(code(group.budget), _judged(group, claim, rule))


def _judged(group, claim, rule):
    scored = claim.get("metric") == "score"
    unit = claim["unit"] if scored else 1.
    ours, spread = summary.mean(group.values(claim["judged"])), claim["spread"]
    if scored and not group.trains_teacher:  # a student need not make up for its teacher
        teacher = summary.mean(group.values("teacher"))
        if teacher <= 0:
            return "not judged: its teacher scores {}".format(summary.number(teacher, "score"))
        ours *= unit / teacher
    spread = rule["spread"] if spread is None else spread / unit
    if scored:
        spread = min(max(spread, rule["spread"]), rule["partly"])
    over = round((ours - claim["paper"]) / unit, 7)  # 0.98 - 0.979 is not quite 0.001
    difference = summary.signed("{:+.2f}".format(100 * over)) + (" %" if scored else "")
    if over > spread:
        return "{} ({})".format("above" if claim["method"] in BASELINES else "reproduced, above", difference)
    if over >= -spread:
        return "reproduced ({})".format(difference)
    return "{} ({})".format("partly" if over >= round(-spread - rule["partly"], 7) else "not", difference)


def full_size(groups):
    """The group to judge, or None: the last started, where seeds were run with changed defaults."""
    full = [group for group in groups if group.is_full_size]
    return max(full, key=lambda group: str(group.runs[-1].provenance.get("started"))) if full else None


def claims_table(groups, path=CLAIMS):
    """The Markdown of all claims and of their rules. groups: list of summary.Group, of everything recorded."""
    claims, rules = read_claims(path)
    any_run = any((group.experiment, group.method) == (claim["experiment"], claim["method"])
                  for group in groups for claim in claims)
    parts = [] if any_run else ["No run of these is recorded yet: every row below is still to be run."]
    for metric, said in (("accuracy", RULE), ("score", SCORE_RULE)):
        mine, rule = [claim for claim in claims if claim["metric"] == metric], rules[metric]
        points = 100 * rule["partly"]
        if mine:
            parts += [_table(groups, mine, rule, metric), said.format(
                spread=100 * rule["spread"], partly=points, unit="point" if points == 1 else "points")]
    return "\n\n".join(parts)


def _table(groups, claims, rule, metric):
    """The claims of one metric."""
    rows = []
    for claim in claims:
        mine = [group for group in groups
                if (group.experiment, group.method) == (claim["experiment"], claim["method"])]
        judged = full_size(mine)
        shown = [judged] if judged else mine
        keys = ("last", "best") if metric == "accuracy" else ("last", "best", claim["judged"])
        cells = ["<br>".join(_ours(group, key) for group in shown) or summary.DASH for key in keys]
        rows.append([
            "{} ({})".format(claim["claim"], claim["source"]),
            "{} / {}".format(code(claim["experiment"]), code(claim["method"])),
            "<br>".join(code(line) for line in _commands(claim, judged)), _paper(claim)] + cells + [
                verdict(mine, claim, rule), claim["ambiguity"], claim["reading"]])
    unit = " (%)" if metric == "accuracy" else ""
    head = ["claim", "experiment / method", "command", "paper" + unit, "ours, last" + unit, "ours, best" + unit]
    head += ["ours, fresh episodes"] if metric == "score" else []
    return table(head + ["verdict", "what was ambiguous", "reading taken"], rows)


def _commands(claim, judged):
    if judged:
        return judged.commands()
    if claim["method"] == "teacher":
        return [summary.teacher_command(claim["experiment"], seed) for seed in claim["seeds"]]
    if claim["method"] in POLICY_TEACHERS:
        method = "" if claim["method"] == POLICY_TEACHERS[0] else " --method " + claim["method"]
        return ["mpirun -n 3 python -m ppo.train {}{}".format(claim["experiment"], method)]
    return [summary.command(claim["experiment"], claim["method"], "paper", claim["seeds"])]


def _paper(claim):
    text = summary.number(claim["paper"], claim["metric"])
    if claim["spread"] is None:
        return text
    if claim["metric"] == "score":
        return text + " ± " + summary.number(claim["spread"], "score")
    # As many digits as the paper gives, at least two.
    points = "{:.4f}".format(100 * claim["spread"]).rstrip("0")
    return text + " ± " + max(points, "{:.2f}".format(100 * claim["spread"]), key=len)


def _ours(group, key):
    text = "{} (n {})".format(summary.mean_std(group.values(key), group.metric), len(group.runs))
    if group.is_full_size:
        return text
    changed = " ".join(summary.flag(name, value) for name, value in group.overrides.items())
    return "{}: {}".format(code(group.budget + (" " + changed if changed else "")), text)
