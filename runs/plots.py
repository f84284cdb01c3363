"""Accuracy against student steps, one picture per experiment, drawn from the records."""

import pathlib

from runs import drawings
from runs.curves import curves, teachers, top_range

# Okabe and Ito's colours and three of Tol's, which differ for colour-blind readers too, and a marker for each.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#666666", "#882255",
           "#999933", "#332288")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*", "h")
# A method's place among them is the same in every picture, images' and policies'; others take what is left.
PLACES = {"gas": 0, "gas_literal": 1, "gas_stated": 2, "gas_activation": 3, "gas_normalised": 1, "noise_full_width": 2,
          "gas_normalised_full_width": 3, "reset_only": 4, "student_kd": 5, "dafl": 6, "noise": 7, "noise_correlated": 8,
          "noise_moments": 9}
LINES = {"paper": "-", "quick": (0, (4, 1.2)), "smoke": (0, (1, 1))}
SIZE = (9.0, 4.9)  # inches; shown at 100 pixels an inch, its text is that of the page around it
FONT = 9.5


def plot_path(results, experiment):
    return pathlib.Path(results) / "plots" / "{}.png".format(experiment)


def is_current(path, groups):
    """Whether the picture at `path` was drawn from these groups by this code."""
    return drawings.holds(path, _name(groups))


def draw(path, groups):
    """Writes the picture of one experiment's groups. Raises UserError where the disk refuses."""
    drawings.write(path, _name(groups), SIZE, FONT, lambda figure: _fill(figure, groups))


def _name(groups):
    here = pathlib.Path(__file__)
    return drawings.name_of([here, here.with_name("curves.py")], [curves(groups), teachers(groups)])


def _fill(figure, groups):
    shown, metric = curves(groups), groups[0].metric
    scale = 100. if metric == "accuracy" else 1.
    styles = _styles(shown)
    wide = metric == "accuracy"
    axes = figure.subplots(1, 1 + wide, gridspec_kw={"width_ratios": (2, 3)[:1 + wide]}, squeeze=False)[0]
    for panel in axes:
        _draw_panel(panel, shown, teachers(groups), styles, scale)
    axes[0].set_ylabel("test accuracy (%)" if wide else "score")
    if wide:
        limits = [(0., 1.01), top_range(shown, teachers(groups))]
        for panel, (low, high) in zip(axes, limits):
            panel.set_ylim(100 * low, 100 * high)
        axes[1].set_title("enlarged", fontsize="medium", loc="left")
    pointed = [_draw_pointers(panel, shown, styles, scale) for panel in axes]
    axes[0].set_title(groups[0].experiment, fontsize="medium", loc="left", fontweight="bold")
    handles, labels = _legend(shown, teachers(groups), any(pointed), styles, scale)
    columns = 3 if len(handles) > 4 and max(len(label) for label in labels) <= 36 else 2  # what the width holds
    rows = -(-len(handles) // columns)
    figure.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.04, 0.0), ncol=columns, frameon=False,
                  fontsize=9, handlelength=2.6, columnspacing=1.6)
    figure.tight_layout(rect=(0, (0.2 * rows + 0.08) / SIZE[1], 1, 1), w_pad=2.0)


def _styles(shown):
    """{method: (colour, marker)}; up to ten methods share no colour, no two both."""
    methods = {curve.method for curve in shown}
    taken = {method: PLACES[method] for method in methods if method in PLACES}
    free = [i for i in range(len(PLACES) + len(methods)) if i not in taken.values()]
    taken.update(zip(sorted(methods - set(taken)), free))
    return {method: style(place) for method, place in taken.items()}


def style(place):
    """(colour, marker) of a place, 0 and up."""
    return COLOURS[place % len(COLOURS)], MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]


def _draw_panel(axes, shown, known_teachers, styles, scale):
    from matplotlib.ticker import FuncFormatter, MaxNLocator
    for teacher in known_teachers:
        axes.axhline(scale * teacher, color="black", linewidth=1.1, dashes=(6, 3), zorder=1)
    for curve in shown:
        colour, marker = styles[curve.method]
        line = LINES.get(curve.budget, "-.")
        if len(curve.seeds) > 1:
            axes.fill_between(curve.steps, _scaled(curve.low, scale), _scaled(curve.high, scale), color=colour,
                              alpha=0.15, linewidth=0)
            for seed in curve.seeds:
                axes.plot([step for step, _ in seed], _scaled([value for _, value in seed], scale), color=colour,
                          alpha=0.35, linewidth=0.6)
        axes.plot(curve.steps, _scaled(curve.mean, scale), color=colour, linewidth=1.7, linestyle=line)
        axes.plot(curve.steps[-1:], _scaled(curve.mean[-1:], scale), color=colour, marker=marker, markersize=6,
                  clip_on=True, zorder=4)
        axes.plot([step for step, _ in curve.resets], [scale * value for _, value in curve.resets], color=colour,
                  marker="|", markersize=11, markeredgewidth=1.4, linestyle="none", zorder=3)
    axes.set_xlim(left=0)
    axes.set_xlabel("student steps")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: "{:,.0f}".format(step)))
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def _draw_pointers(axes, shown, styles, scale):
    """The paper's numbers, outside the axes; side by side where they would cover each other. True where one is in range."""
    low, high = axes.get_ylim()
    columns = []
    for method, paper in sorted({(curve.method, scale * curve.paper) for curve in shown if curve.paper is not None}):
        if not low <= paper <= high:
            continue
        free = [i for i, taken in enumerate(columns) if all(abs(paper - other) > 0.035 * (high - low)
                                                            for other in taken)]
        if not free:
            columns.append([])
        place = free[0] if free else len(columns) - 1
        columns[place].append(paper)
        axes.plot([1.02 + 0.026 * place * (1.5 if high - low > 50 else 1)], [paper],
                  transform=axes.get_yaxis_transform(), color=styles[method][0], marker="<", markersize=6,
                  markerfacecolor="white", linestyle="none", clip_on=False)
    return bool(columns)


def _scaled(values, scale):
    return [scale * value for value in values]


def _legend(shown, known_teachers, pointed, styles, scale):
    from matplotlib.lines import Line2D
    handles, labels = [], []
    for curve in shown:
        colour, marker = styles[curve.method]
        handles.append(Line2D([], [], color=colour, linestyle=LINES.get(curve.budget, "-."), marker=marker,
                              linewidth=1.7, markersize=5))
        labels.append(curve.label)
    if known_teachers:
        handles.append(Line2D([], [], color="black", linewidth=1.1, dashes=(6, 3)))
        labels.append("teacher: " + ", ".join("{:.2f}".format(scale * teacher) for teacher in known_teachers))
    if pointed:
        handles.append(Line2D([], [], color="black", marker="<", markerfacecolor="white", linestyle="none"))
        labels.append("the paper's, at the right edge")
    if any(curve.resets for curve in shown):
        handles.append(Line2D([], [], color="black", marker="|", markersize=11, markeredgewidth=1.4, linestyle="none"))
        labels.append("generators re-initialised")
    return handles, labels
