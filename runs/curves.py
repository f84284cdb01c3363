"""What a plot shows of one experiment: curves over student steps, without any drawing."""

import collections
import math

from runs import summary

NEAR = 0.05  # of accuracy: what the enlarged panel shows lies this close to the best

#: A method's curve. label: with seeds and last mean; method, budget: str; steps: student steps; mean, low, high: of
#: the metric over seeds at these steps; seeds: one (steps, values) per seed; resets: [(step, value)] on the mean curve
#: at the last evaluation before a re-initialisation; paper: the paper's number or None; last: each seed's last.
Curve = collections.namedtuple("Curve", "label method budget steps mean low high seeds resets paper last")


def curves(groups):
    """List of Curve, one for each group that distils. groups: list of summary.Group of one experiment."""
    return [_curve(group) for group in groups if not group.trains_teacher]


def _curve(group):
    by_seed = [{row["student_step"]: row[group.metric] for row in run.rows} for run in group.runs]
    steps = sorted(set.intersection(*[set(values) for values in by_seed]))
    columns = [[values[step] for values in by_seed] for step in steps]
    mean = [summary.mean(column) for column in columns]
    label = "{}: {}{}".format(
        group.name, summary.mean_std(group.values("last"), group.metric),
        " (n {})".format(len(group.runs)) if len(group.runs) > 1 else "")
    if group.overrides:
        label += " *"
    papers = [paper for paper in group.values("paper") if paper is not None]
    return Curve(label, group.method, group.budget, steps, mean, [min(column) for column in columns],
                 [max(column) for column in columns], [sorted(values.items()) for values in by_seed],
                 _resets(group, steps, mean), papers[0] if papers else None, group.values("last"))


def _resets(group, steps, mean):
    """Where the counter grows between two rows; the one before the first row is the run's beginning.

    None where it grows between all rows, as when generators are renewed in turn.
    """
    on_curve, found = dict(zip(steps, mean)), set()
    for run in group.runs:
        for row, following in zip(run.rows, run.rows[1:]):
            if following.get("resets", 0) > row.get("resets", 0) and row["student_step"] in on_curve:
                found.add(row["student_step"])
    everywhere = len(steps) > 2 and found >= set(steps[:-1])  # the last, too, where a seed went on
    return [] if everywhere else [(step, on_curve[step]) for step in sorted(found)]


def teachers(groups):
    """The different results of the teachers that were distilled."""
    return sorted({teacher for group in groups if not group.trains_teacher for teacher in group.values("teacher")
                   if teacher is not None})


def top_range(shown, known_teachers):
    """(low, high) of the panel that tells the best methods apart, for accuracies.

    It holds what comes within five points of the best last result: the later
    half of those curves but for their deepest tenth (dips after a
    re-initialisation), the teachers' and the paper's numbers.
    """
    best = max(summary.mean(curve.last) for curve in shown)
    values = [value for value in known_teachers if value > best - NEAR]
    for curve in shown:
        if summary.mean(curve.last) > best - NEAR:
            later = sorted(curve.mean[len(curve.mean) // 2:])
            values += later[len(later) // 10:] + [max(curve.high)]
        if curve.paper is not None and curve.paper > best - NEAR:
            values.append(curve.paper)
    low, high = min(values), max(values)
    margin = max(0.08 * (high - low), 0.001)
    # Whole half points, so that the same axis serves slightly different runs.
    return math.floor(200 * (low - margin)) / 200., min(math.ceil(200 * (high + margin)) / 200., 1.)
