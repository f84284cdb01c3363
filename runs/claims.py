"""The papers' numbers beside ours, each with a verdict that a rule computes.

`claims.json` holds the papers' side: facts and numbers of theirs, none of ours.
"""

import pathlib

from runs import summary
from runs.errors import UserError
from runs.files import read_json
from runs.markdown import code, table

CLAIMS = pathlib.Path(__file__).resolve().with_name("claims.json")
KEYS = ("claim", "source", "experiment", "method", "seeds", "paper", "spread", "judged", "ambiguity", "reading")

RULE = (
    "Verdicts are computed. Judged is the mean over seeds of a full-budget run without settings changed on its command "
    "line, at its last evaluation (a teacher: at its best, which is what is distilled). *Reproduced*: within the "
    "paper's ±, or within {spread:g} points where it gives none, or above; *partly*: below that by at most {partly:g} "
    "{unit} more; *not*: further below. In brackets, ours minus the paper's, in points. *Not run at full size*: only a "
    "smaller or changed run is recorded; what it gave stands there and is not judged.")


def read_claims(path=CLAIMS):
    """(claims, rule): a list of dicts with KEYS; the rule's spread and partly, as fractions.

    Raises UserError, one line, where the file is missing or damaged.
    """
    content = read_json(path)
    try:
        rule = {key: float(content["rule"][key]) for key in ("spread", "partly")}
        claims = [{key: claim[key] for key in KEYS} for claim in content["claims"]]
        for claim in claims:
            float(claim["paper"])
            float(claim["spread"] or 0)
            if claim["judged"] not in ("last", "best"):
                raise ValueError("judged is {!r}".format(claim["judged"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("{} is missing or damaged: {!r}".format(path, error)) from error
    return claims, rule


def verdict(groups, claim, rule):
    """One claim's verdict.

    groups: the list of summary.Group of the claim's experiment and method;
    rule: {"spread", "partly"}, both accuracies as fractions.
    """
    group = full_size(groups)
    if group is None:
        return "not run at full size" if groups else "not run yet"
    ours, spread = summary.mean(group.values(claim["judged"])), claim["spread"]
    spread = rule["spread"] if spread is None else spread
    over = round(ours - claim["paper"], 7)  # 0.98 - 0.979 is not quite 0.001
    difference = summary.signed("{:+.2f}".format(100 * over))
    if over > spread:
        return "reproduced, above ({})".format(difference)
    if over >= -spread:
        return "reproduced ({})".format(difference)
    return "{} ({})".format("partly" if over >= round(-spread - rule["partly"], 7) else "not", difference)


def full_size(groups):
    """The group to judge, or None: the last started, where seeds were run with changed defaults."""
    full = [group for group in groups if group.is_full_size]
    return max(full, key=lambda group: str(group.runs[-1].provenance.get("started"))) if full else None


def claims_table(groups, path=CLAIMS):
    """The Markdown of all claims and of the rule. groups: list of summary.Group, of everything recorded."""
    claims, rule = read_claims(path)
    rows = []
    for claim in claims:
        mine = [group for group in groups
                if (group.experiment, group.method) == (claim["experiment"], claim["method"])]
        judged = full_size(mine)
        shown = [judged] if judged else mine
        rows.append([
            "{} ({})".format(claim["claim"], claim["source"]),
            "{} / {}".format(code(claim["experiment"]), code(claim["method"])),
            "<br>".join(code(line) for line in _commands(claim, judged)),
            _paper(claim),
            "<br>".join(_ours(group, "last") for group in shown) or summary.DASH,
            "<br>".join(_ours(group, "best") for group in shown) or summary.DASH,
            verdict(mine, claim, rule), claim["ambiguity"], claim["reading"]])
    head = ["claim", "experiment / method", "command", "paper (%)", "ours, last (%)", "ours, best (%)", "verdict",
            "what was ambiguous", "reading taken"]
    points = 100 * rule["partly"]
    said = RULE.format(spread=100 * rule["spread"], partly=points, unit="point" if points == 1 else "points")
    nothing = "No run of these is recorded yet: every row below is still to be run.\n\n"
    any_run = any((group.experiment, group.method) == (claim["experiment"], claim["method"])
                  for group in groups for claim in claims)
    return ("" if any_run else nothing) + table(head, rows) + "\n\n" + said


def _commands(claim, judged):
    if judged:
        return judged.commands()
    if claim["method"] == "teacher":
        return [summary.teacher_command(claim["experiment"], seed) for seed in claim["seeds"]]
    return [summary.command(claim["experiment"], claim["method"], "paper", claim["seeds"])]


def _paper(claim):
    text = summary.number(claim["paper"], "accuracy")
    if claim["spread"] is None:
        return text
    # As many digits as the paper gives, at least two.
    points = "{:.4f}".format(100 * claim["spread"]).rstrip("0")
    return text + " ± " + max(points, "{:.2f}".format(100 * claim["spread"]), key=len)


def _ours(group, key):
    text = "{} (n {})".format(summary.mean_std(group.values(key), group.metric), len(group.runs))
    if group.is_full_size:
        return text
    changed = " ".join(summary.flag(name, value) for name, value in group.overrides.items())
    return "{}: {}".format(code(group.budget + (" " + changed if changed else "")), text)
