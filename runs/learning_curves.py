"""The scores of policies' teachers against transitions, a panel for each environment."""

import pathlib

from runs import drawings, summary
from runs.published import POLICY_TEACHERS

COLOURS = dict(zip(POLICY_TEACHERS, ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")))
WIDTH, HEIGHT, COLUMNS = 3.0, 2.3, 3  # inches of a panel; panels in a row
LEGEND = 0.3  # inches above the panels
FONT = 8.5


def teachers_path(results):
    return pathlib.Path(results) / "plots" / "teachers.png"


def curves(groups):
    """[(environment, paper or None, [(method, name, transitions, scores) of each seed])] of what trains policies."""
    found = {}
    for group in groups:
        name = group.method + ("" if group.is_full_size else " *")
        _, lines = found.setdefault(group.experiment, (group.values("paper")[0], []))
        lines += [(group.method, name, [row["transitions"] for row in run.rows], [row["score"] for row in run.rows])
                  for run in group.runs]
    return [(environment,) + panel for environment, panel in sorted(found.items())]


def policies(groups):
    """The groups of policies' teachers."""
    return [group for group in groups if group.method in POLICY_TEACHERS]


def is_current(path, groups):
    """Whether the picture at `path` was drawn from these groups by this code."""
    return drawings.holds(path, _name(groups))


def _name(groups):
    return drawings.name_of([__file__], curves(groups))


def draw(path, groups):
    """Writes the picture. Raises UserError where the disk refuses."""
    shown = curves(groups)
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    drawings.write(path, _name(groups), (WIDTH * columns, HEIGHT * rows + LEGEND), FONT,
                   lambda figure: _fill(figure, shown, rows, columns))


def _fill(figure, shown, rows, columns):
    from matplotlib.ticker import EngFormatter, MaxNLocator
    axes = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    named = {}
    for panel, (environment, paper, lines) in zip(axes, shown):
        for method, name, transitions, scores in lines:
            line, = panel.plot(transitions, scores, color=COLOURS[method], linewidth=1.2,
                               linestyle="-" if name == method else ":")
            named[name] = line
        if paper is not None:
            panel.axhline(paper, color="black", linewidth=1., dashes=(6, 3))
        panel.set_title(environment, fontsize="medium", loc="left", fontweight="bold")
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
        panel.grid(axis="y", color="0.9", linewidth=0.8)
        panel.set_xlabel("transitions")
    for panel in axes[len(shown):]:
        panel.set_axis_off()
    axes[0].set_ylabel("score (mean of an evaluation)")
    figure.legend([named[name] for name in sorted(named)], sorted(named), loc="upper center", ncol=len(named), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 1 - LEGEND / figure.get_figheight()))


def rows(groups):
    """(head, rows) of the table of policies' teachers."""
    head = ["environment", "method", "n", "last", "best", "best policy, fresh episodes", "paper", "transitions", "hours per seed",
            "machine", "command", "commit"]
    found = []
    for group in groups:
        fresh = [run.result["fresh"] for run in group.runs if "fresh" in run.result]
        kept = "<br>".join("{} ± {}".format(summary.number(one["score"], "score"),
                                            summary.number(one["score_std"], "score")) for one in fresh)
        paper = group.values("paper")[0]
        found.append([
            "`{}`".format(group.experiment), "`{}`{}".format(group.method, "" if group.is_full_size else " *"),
            len(group.runs), summary.mean_std(group.values("last"), "score"),
            summary.mean_std(group.values("best"), "score"), kept or summary.DASH, summary.number(paper, "score"),
            "{:,}".format(max(group.values("student_steps"))), "{:.2f}".format(group.hours()),
            "<br>".join(group.machines()), "<br>".join("`{}`".format(line) for line in group.commands()),
            "<br>".join(group.commits())])
    return head, found
