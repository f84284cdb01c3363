"""Table 8 and figure 3: what distilled policies score, beside their teachers and a random policy."""

import pathlib

from runs import drawings, summary
from runs.claims import full_size
from runs.plots import PLACES, style

RESAMPLES = 10000  # of the bootstrap
MUJOCO = ("halfcheetah", "humanoid", "standup")  # where methods differ
WIDTH, HEIGHT = 9.0, 3.6  # inches
FONT = 9
PATIENCE_SECONDS = 120.  # appendix A.2.1: without a better score until a run ends
#: A method's place; unknown ones come after.
FIRST = ("student_kd", "dafl", "gas", "gas_normalised", "reset_only", "noise", "noise_correlated", "noise_moments",
         "gas_normalised_full_width", "noise_full_width")

LEGEND = (
    "A student's score is that of the one that was kept, over {episodes} fresh episodes: true rewards, likeliest actions, "
    "gym's limits. ± is the standard deviation over seeds (ddof 1). IQM: the mean without the lowest and the highest "
    "quarter of the seeds (of five: one each), with its 95 % interval by bootstrap. Ratio: to the teacher; the bars above, "
    "where a dashed line is the teacher and what has no bar was not run. Normalised: (student − random) / (teacher − random), "
    "random being uniform actions. "
    "By the loss: on the same fresh episodes, the student of the least `L_distill` until the scores ended the run, a choice "
    "that needs no simulator, and in brackets what it changes: the mean over seeds of its score less the kept one's.")
RUNS_LEGEND = (
    "Score: as in README, of the student that was kept, on fresh episodes. Random: uniform actions. Best seen: in the "
    "evaluations that chose it, the paper's protocol; the first of equals is kept. Methods named `by_loss` end by the loss "
    "too. Updates: of the student, as a mean; in 120 s, the paper's patience: on the machine named, evaluations included, "
    "but often with other work beside it, so that they are only indicative; our patience is 20,000 updates on any machine. "
    "Hours: without collecting the observations of `student_kd` and `noise_moments`. \\*: with a smaller budget or settings "
    "changed on the command line.")
ACROSS_LEGEND = (
    "IQM of the normalised scores over the environments named, with its 95 % interval, seeds drawn anew within each "
    "environment (stratified bootstrap, {resamples} draws): first over all, where the easy ones fill much of the middle, then "
    "over MuJoCo's. Methods that lack one of the environments are left out.")


def policies_path(results):
    return pathlib.Path(results) / "plots" / "policies.png"


def distilled(groups):
    """The groups of distilled policies, by environment, methods in their places."""
    return sorted((group for group in groups if group.metric == "score" and not group.trains_teacher
                   and all("fresh" in run.result for run in group.runs)),
                  key=lambda group: (group.experiment, _place(group)))


def iqm(values):
    """The interquartile mean: without the lowest and the highest quarter of the values, rounded down."""
    values = sorted(values)
    cut = len(values) // 4
    return summary.mean(values[cut:len(values) - cut])


def interval(strata):
    """(2.5 %, 97.5 %) of the IQM of all values, drawn anew with replacement within each stratum; a list of lists."""
    import numpy as np
    random = np.random.RandomState(0)
    drawn = np.concatenate([np.asarray(values)[random.randint(len(values), size=(RESAMPLES, len(values)))]
                            for values in strata], axis=1)
    drawn.sort(axis=1)
    cut = drawn.shape[1] // 4
    means = drawn[:, cut:drawn.shape[1] - cut].mean(axis=1)
    return tuple(float(bound) for bound in np.percentile(means, [2.5, 97.5]))


def normalised(group):
    """Each seed's (student − random) / (teacher − random); [] where the teacher is no better than random."""
    pairs = [(run.result["fresh"]["score"] - run.result["random"]["score"],
              run.result["teacher"] - run.result["random"]["score"]) for run in group.runs]
    return [student / teacher for student, teacher in pairs] if all(teacher > 0 for _, teacher in pairs) else []


def _place(group):
    return (FIRST.index(group.method) if group.method in FIRST else len(FIRST), group.name, len(group.overrides))


def score_rows(groups):
    """(head, rows) of table 8: the methods of figure 3, as they are named; groups: as `distilled` gives them."""
    head = ["environment", "method", "n", "teacher", "score", "IQM [95 %]", "ratio (%)", "normalised (%)", "paper",
            "by the loss"]
    found = []
    for group in current(groups):
        if group.method in FIRST:
            fresh, teacher, shares = group.values("fresh"), summary.mean(group.values("teacher")), normalised(group)
            found.append(_named(group) + [
                summary.number(teacher, "score"), summary.mean_std(fresh, "score"), _iqm(fresh),
                "{:.1f}".format(100 * summary.mean(fresh) / teacher) if teacher > 0 else summary.DASH,
                summary.signed("{:.1f}".format(100 * summary.mean(shares))) if shares else summary.DASH,
                summary.number(group.values("paper")[0], "score"), _by_loss(group)])
    return head, found


def run_rows(groups):
    """(head, rows) of everything recorded, and how; groups: as `distilled` gives them."""
    head = ["environment", "method", "n", "score", "random", "best seen", "last", "by the loss", "updates",
            "updates in 120 s", "hours per seed", "machine", "command", "commit"]
    return head, [_named(group) + [
        summary.mean_std(group.values("fresh"), "score"),
        summary.number(summary.mean([run.result["random"]["score"] for run in group.runs]), "score"),
        summary.mean_std(group.values("best"), "score"), summary.mean_std(group.values("last"), "score"), _by_loss(group),
        "{:,.0f}".format(summary.mean(group.values("student_steps"))),
        _two_digits(PATIENCE_SECONDS * sum(group.values("student_steps")) / sum(group.values("wall_seconds"))),
        summary.hours(group.hours()), "<br>".join(group.machines()),
        "<br>".join("`{}`".format(line) for line in group.commands()), "<br>".join(group.commits())] for group in groups]


def _named(group):
    return ["`{}`".format(group.experiment), "`{}`{}".format(group.name, " *" if group.overrides else ""), len(group.runs)]


def _two_digits(value):
    """'22,000' of 21,703; '3' of 3."""
    return "{:,.0f}".format(float("{:.1e}".format(value)))


def _by_loss(group):
    """'12.0 ± 1.0 (−3.0)': scores of the students that the loss chose, and their mean less the kept ones'."""
    scores = [run.result["by_loss"]["score"] for run in group.runs]
    change = summary.mean(scores) - summary.mean(group.values("fresh"))
    return "{} ({})".format(summary.mean_std(scores, "score"), summary.signed("{:+.2f}".format(change)))


def _iqm(values):
    """'4.0 [1.0, 7.0]'; a dash for fewer than three values, whose interval would say nothing."""
    if len(values) < 3:
        return summary.DASH
    return "{} [{}, {}]".format(*[summary.number(value, "score") for value in (iqm(values),) + interval([values])])


def current(groups):
    """Those that stand for their experiment and method: see `claims.full_size`."""
    return [group for group in groups if full_size(
        [other for other in groups if (other.method, other.experiment) == (group.method, group.experiment)]) is group]


def _by_method(groups):
    """{method: {environment: its full-size group}}, methods and environments in their places."""
    found = {}
    for group in sorted(current(groups), key=lambda group: (_place(group), group.experiment)):
        found.setdefault(group.method, {})[group.experiment] = group
    return found


def across(groups):
    """(head, rows): methods over the environments of the one that has been run in most, and over MuJoCo's of these."""
    methods = {method: {name: normalised(group) for name, group in mine.items() if normalised(group)}
               for method, mine in _by_method(groups).items()}
    environments = max((sorted(mine) for mine in methods.values()), key=len, default=[])
    hard = [name for name in environments if name in MUJOCO]
    found = []
    for names in [environments] + [hard] * (hard != environments):
        for method, mine in methods.items():
            if names and set(names) <= set(mine):
                strata = [mine[name] for name in names]
                values = (iqm([value for values in strata for value in values]),) + interval(strata)
                found.append(["`{}`".format(method), ", ".join(names), sum(len(values) for values in strata)] + [
                    summary.signed("{:.1f}".format(100 * value)) for value in values])
    return ["method", "environments", "runs", "IQM of normalised scores (%)", "from", "to"], found


def bars(groups):
    """(environments, {method: {environment: (mean, deviation) of score / teacher}}) of full-size groups, without ablations."""
    found = {}
    for method, mine in _by_method([group for group in groups if group.method in FIRST]).items():
        for environment, group in mine.items():
            shares = [run.result["fresh"]["score"] / run.result["teacher"] for run in group.runs
                      if run.result["teacher"]]
            if shares:
                found.setdefault(method, {})[environment] = (
                    summary.mean(shares), summary.std(shares) if len(shares) > 1 else 0.)
    return sorted({name for mine in found.values() for name in mine}), found


def is_current(path, groups):
    """Whether the picture at `path` was drawn from these groups by this code."""
    return drawings.holds(path, _name(groups))


def _name(groups):
    here = pathlib.Path(__file__)
    return drawings.name_of([here, here.with_name("plots.py")], bars(groups))


def draw(path, groups):
    """Writes figure 3: a bar for each method and environment, relative to the teacher."""
    drawings.write(path, _name(groups), (WIDTH, HEIGHT), FONT, lambda figure: _fill(figure, *bars(groups)))


def _fill(figure, environments, methods):
    panel = figure.subplots()
    width = 0.8 / max(len(methods), 1)
    for i, (method, mine) in enumerate(methods.items()):
        places = [environments.index(name) - 0.4 + (i + 0.5) * width for name in mine]
        means, deviations = zip(*mine.values())
        panel.bar(places, means, 0.9 * width, yerr=deviations, color=style(PLACES[method])[0], label=method,
                  error_kw={"linewidth": 1, "capsize": 2})
    panel.axhline(1, color="black", linewidth=1, dashes=(6, 3))
    panel.axhline(0, color="black", linewidth=0.8)
    panel.set_xticks(range(len(environments)))
    panel.set_xticklabels(environments)
    panel.set_ylabel("score relative to the teacher")
    panel.legend(frameon=False, ncol=5, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.tight_layout()
