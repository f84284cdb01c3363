"""What single choices are worth: methods that change something in another, beside it, on the validation images."""

from runs.markdown import code, table
from runs.summary import ABLATION, BASE, DASH, TRIALS, hours, mean, mean_std, signed, span, varying

LEGEND = (
    "Chosen by the accuracy on the validation images; the test images are not looked at here. In brackets: the "
    "difference from the first row, in points, over the seeds that both have, where they share any. The rest are the "
    "last line of the log: `L_distill` says how far the student is from the teacher on the generated images, `H_each` how "
    "unsure the teacher is of them, `class_entropy` whether all classes are drawn. ±: over seeds (of the sample, ddof 1); "
    "n: seeds. Rows of one seed that differ by less than twice what seeds differ by decide nothing.")

#: What settings of policies that older records do not know were before there was a name for them.
BEFORE = {"generator.first_rms": 0., "noise.correlation": 0., "noise.moments": "standard", "student.share": 0.5}


def block(experiment, groups):
    """Markdown of a table for each budget at which something was changed, those for ablations first."""
    budgets = sorted({group.budget for group in groups if group.is_ablation},
                     key=lambda budget: (budget not in TRIALS, budget))
    parts = [_table([group for group in groups if group.budget == budget and (
        group.is_ablation or group.method == BASE)]) for budget in budgets]
    return "\n\n".join(parts + [LEGEND]) if parts else "No ablation of {} is recorded yet.".format(code(experiment))


def _table(groups):
    """One experiment's ablations at one budget, the base first and then from the best to the worst."""
    bases = [group for group in groups if group.method == BASE and not group.overrides]
    base = bases[0] if bases else None

    def accuracy(group):
        return mean(group.last_of_log("validation_accuracy"))

    rows = []
    for group in sorted(groups, key=lambda group: (group is not base, -accuracy(group))):
        shown = mean_std(group.last_of_log("validation_accuracy"), "accuracy")
        if base and group is not base:
            shown += " ({})".format(signed("{:+.2f}".format(100 * _difference(group, base))))
        rows.append([code(group.method), _changes(group, base), len(group.runs), shown] + [
            "{:.3f}".format(mean(group.last_of_log(key))) if group.last_of_log(key) else DASH
            for key in ("L_distill", "H_each", "class_entropy")] + [
                hours(group.hours()), "<br>".join(group.commits())])
    head = ["method", "change", "n", "validation accuracy (%)", "`L_distill` (nats)", "`H_each` (nats)",
            "`class_entropy`", "hours", "commit"]
    steps = span([step for group in groups for step in group.values("student_steps")], "{:,}".format)
    return "{} with what stands under change, {} student steps:\n\n{}".format(
        code(groups[0].experiment + " " + BASE), steps, table(head, rows))


def _difference(group, base):
    """Mean of the last validation accuracy less the base's, over the seeds that both have, or all where none is."""
    shared = {run.seed for run in group.runs} & {run.seed for run in base.runs}

    def accuracy(one):
        return mean([run.rows[-1]["validation_accuracy"] for run in one.runs if run.seed in shared or not shared])
    return accuracy(group) - accuracy(base)


def _changes(group, base):
    """The settings in which a group differs from the base, in words."""
    if base is None or group is base:
        return DASH
    return ", ".join("{} {}".format(code(name), short(value)) for name, value in changed(group, base))


def changed(group, base):
    """[(setting, value)] in which a group differs from the base, or what its command line changed."""
    before = {name: [value] for name, value in BEFORE.items() if name not in base.runs[0].fields}
    for run in base.runs:  # older ones of which know fewer settings
        for name, field in run.fields.items():
            before.setdefault(name, []).append(field["value"])
    return [(name, field["value"]) for name, field in sorted(group.runs[0].fields.items())
            if (field["value"] not in before[name] and name not in varying(group.runs[0]) if name in before
                else field["source"] == ABLATION or group.was_base)]


def short(value):
    """A setting as a person writes it: '0.5', '2.171'."""
    return "{:.4g}".format(value) if isinstance(value, float) and len(repr(value)) > 6 else value
