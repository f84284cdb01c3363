"""What single choices are worth in distilling policies: methods that change one thing in another, beside it."""

from runs import summary
from runs.ablations import changed, short
from runs.markdown import code, table
from runs.policy_inputs import amount, kept
from runs.policy_scores import current, normalised

BASES = ("student_kd", "gas", "gas_normalised", "noise")  # the methods in which others change one thing

LEGEND = (
    "Methods that change one setting in another, under that. Normalised: (student − random) / (teacher − random), of the "
    "student that was kept, on fresh episodes. Difference: from the method that it changes, over the seeds that both have. "
    "`kl_real`: KL(teacher ‖ student) on the teacher's own observations, from which no student learns, at the kept student. "
    "±: over seeds (of the sample, ddof 1); n: seeds.")


def block(experiment, groups):
    """Markdown of a table; groups: one experiment's, as `policy_scores.distilled` gives them."""
    groups = [group for group in current(groups) if normalised(group)]
    rows = []
    for base in [group for name in BASES for group in groups if group.method == name]:
        variants = [(group, changed(group, base)) for group in groups if group.method not in BASES]
        variants = [(group, changes) for group, changes in variants if len(changes) == 1]
        if variants:
            rows += [_cells(base, base, summary.DASH)] + [
                _cells(group, base, "{} {}".format(code(name), short(value)))
                for group, ((name, value),) in variants]
    if not rows:
        return "No ablation of {} is recorded yet.".format(code(experiment))
    head = ["method", "change", "n", "normalised (%)", "difference (points)", "`kl_real` (nats)", "commit"]
    return "{}\n\n{}".format(table(head, rows), LEGEND)


def _cells(group, base, change):
    shares, before = _by_seed(group), _by_seed(base)
    differences = [shares[seed] - before[seed] for seed in shares if seed in before]
    return [code(group.method), change, len(group.runs), summary.mean_std(list(shares.values()), "accuracy"),
            summary.DASH if group is base else summary.mean_std(differences, "accuracy"),
            amount([kept(run) for run in group.runs], "kl_real"), "<br>".join(group.commits())]


def _by_seed(group):
    return {run.seed: share for run, share in zip(group.runs, normalised(group))}
