"""The scores of policies' teachers against transitions, a panel for each environment."""

import pathlib

from runs import drawings, summary

COLOUR = "#0072B2"
WIDTH, HEIGHT, COLUMNS = 3.0, 2.3, 3  # inches of a panel; panels in a row
FONT = 8.5


def teachers_path(results):
    return pathlib.Path(results) / "plots" / "teachers.png"


def curves(groups):
    """[(name, paper or None, [(transitions, scores) of each seed])] of the groups that train policies."""
    return [(group.experiment + ("" if group.is_full_size else " *"), group.values("paper")[0],
             [([row["transitions"] for row in run.rows], [row["score"] for row in run.rows]) for run in group.runs])
            for group in groups]


def policies(groups):
    """The groups of policies' teachers."""
    return [group for group in groups if group.method == "ppo"]


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
    drawings.write(path, _name(groups), (WIDTH * columns, HEIGHT * rows), FONT,
                   lambda figure: _fill(figure, shown, rows, columns))


def _fill(figure, shown, rows, columns):
    from matplotlib.ticker import EngFormatter, MaxNLocator
    axes = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for panel, (name, paper, seeds) in zip(axes, shown):
        for transitions, scores in seeds:
            panel.plot(transitions, scores, color=COLOUR, linewidth=1.2, alpha=1. if len(seeds) == 1 else 0.6)
        if paper is not None:
            panel.axhline(paper, color="black", linewidth=1., dashes=(6, 3))
        panel.set_title(name, fontsize="medium", loc="left", fontweight="bold")
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
        panel.grid(axis="y", color="0.9", linewidth=0.8)
        panel.set_xlabel("transitions")
    for panel in axes[len(shown):]:
        panel.set_axis_off()
    axes[0].set_ylabel("score (mean of an evaluation)")
    figure.tight_layout()


def rows(groups):
    """(head, rows) of the table of policies' teachers."""
    head = ["environment", "n", "last", "best", "best policy, fresh episodes", "paper", "transitions", "hours per seed",
            "machine", "command", "commit"]
    found = []
    for group in groups:
        fresh = [run.result["fresh"] for run in group.runs if "fresh" in run.result]
        kept = "<br>".join("{} ± {}".format(summary.number(one["score"], "score"),
                                            summary.number(one["score_std"], "score")) for one in fresh)
        paper = group.values("paper")[0]
        found.append([
            "`{}`".format(group.experiment), len(group.runs), summary.mean_std(group.values("last"), "score"),
            summary.mean_std(group.values("best"), "score"), kept or summary.DASH, summary.number(paper, "score"),
            "{:,}".format(max(group.values("student_steps"))), "{:.2f}".format(group.hours()),
            "<br>".join(group.machines()), "<br>".join("`{}`".format(line) for line in group.commands()),
            "<br>".join("`{}`".format(commit) for commit in group.commits())])
    return head, found
