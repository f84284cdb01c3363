"""Whether what policies were distilled on looks like what they see: moments of observations, KL on real ones."""

import math
import pathlib

from runs import summary
from runs.errors import UserError
from runs.files import read_json
from runs.markdown import code, table
from runs.policy_scores import normalised

LEGEND = (
    "At the student that was kept, means over seeds. `kl_real`: KL(teacher ‖ student) on the teacher's own observations, drawn "
    "apart, from which no student learns; `L_distill`: the same on what it learned from, since the evaluation before. Then "
    "mean and deviation of what the generators draw at that moment, as old as they are then (`gas`: about to be replaced), "
    "and of the teacher's own observations: the root mean square of the means of all dimensions, and the mean of their "
    "deviations ± how those differ. The normaliser gives mean 0 and deviation 1 over all of the teacher's training; its own "
    "episodes keep to other states than that, and dimensions that never vary are 0. `noise` is N(0, 1). `H_mean` below its "
    "most: over the generators' updates since the evaluation before. The most is ln K over K actions; of equation 5, which is "
    "there when the means of a batch of b are all out of each other's reach, `H_each` + ln b − (1 − ln 2) d/2 for actions of d "
    "numbers. Near 0 it has nothing left to gain. Normalised: (student − random) / "
    "(teacher − random).")
TEACHERS = pathlib.Path(__file__).resolve().parent / "teachers"


def block(groups):
    """Markdown of a row per environment and method; groups: as `policy_scores.distilled` gives them."""
    found = [(group, [kept(run) for run in group.runs]) for group in groups]
    found = [(group, rows) for group, rows in found if all("real_mean" in row for row in rows)]
    if not found:
        return "No distilled policy of vectors is recorded yet."
    head = ["environment", "method", "n", "normalised (%)", "`kl_real` (nats)", "`L_distill` (nats)", "mean", "deviation",
            "of real ones: mean", "deviation", "`H_mean` below its most (nats)"]
    actions = _actions()
    cells = [_cells(group, rows) + [_room(group, rows, actions)] for group, rows in found]
    return "{}\n\n{}".format(table(head, cells), LEGEND)


def _actions():
    """{fingerprint: [kind, number of actions or of an action's numbers]} of the committed teachers of policies."""
    found = [read_json(path) for path in sorted(TEACHERS.glob("*/teacher.json"))]
    return {one["fingerprint"]: one["actions"] for one in found if "actions" in one}


def _room(group, rows, actions):
    """How far H_mean is below the most that it can be, a mean over seeds; a dash where nothing is generated."""
    fields = group.runs[0].fields
    kind, size = actions.get(fields["teacher.fingerprint"]["value"], (None, 0))
    if kind is None or not all("H_mean" in row for row in rows):
        return summary.DASH
    batch = fields["schedule.batch_size"]["value"]
    room = summary.mean([most(kind, size, row["H_each"], batch) - row["H_mean"] for row in rows])
    return summary.signed("{:.2f}".format(round(room, 2) + 0.))  # no −0.00


def most(kind, size, each, batch):
    """The most that H_mean can be, in nats.

    kind, size: 'categorical' and the number of actions, or 'gaussian' and the
    numbers of one; each: H_each, nats; batch: of how many it is the mean.
    Equation 5 cannot exceed what it is where only each one's own component
    counts: −ln (N(0; 0, 2σ²) / b), a mean over the batch.
    """
    return math.log(size) if kind == "categorical" else each + math.log(batch) - (1. - math.log(2.)) * size / 2.


def kept(run):
    """The line of the log at the student that was kept. Raises UserError where there is none."""
    for row in run.rows:
        if row["student_step"] == run.result["best_step"]:
            return row
    raise UserError("{}: no line is of best_step {}".format(run.folder / "metrics.jsonl", run.result["best_step"]))


def _cells(group, rows):
    shares = normalised(group)
    return [code(group.experiment), code(group.name) + (" *" if group.overrides else ""), len(rows),
            summary.signed("{:.1f}".format(100 * summary.mean(shares))) if shares else summary.DASH] + [
                amount(rows, key) for key in ("kl_real", "L_distill", "input_mean")] + [
                    _deviation(rows, "input"), amount(rows, "real_mean"), _deviation(rows, "real")]


def _deviation(rows, name):
    """'0.98 ± 0.26': the mean over the dimensions, and their deviation."""
    spread = amount(rows, name + "_std_spread")
    return summary.DASH if spread == summary.DASH else "{} ± {}".format(amount(rows, name + "_std"), spread)


def amount(rows, key):
    """The mean over seeds; a dash where one has none."""
    values = [row[key] for row in rows if row.get(key) is not None]
    return "{:.2f}".format(summary.mean(values)) if len(values) == len(rows) else summary.DASH
