"""Tables and plots from the committed records: python -m runs.report [--check] [--results DIR] [--only NAME]."""

import argparse
import pathlib
import sys

from runs import learning_curves, policy_scores
from runs.errors import UserError
from runs.files import atomic_write, exists, user_errors
from runs.markers import rewritten
from runs.plots import draw, is_current, plot_path
from runs.publish import RESULTS
from runs.tables import NAMES, Blocks

PAGES = ("README.md", "CLAIMS.md")
ROOT = pathlib.Path(__file__).resolve().parent.parent
DRAWINGS = "drawings"  # what --only calls the plots' files


def report(results=RESULTS, root=ROOT, only=None):
    """What has to change for the pages and plots to be what the records give.

    results: folder of the records. root: folder of README.md and CLAIMS.md,
    either of which may be missing. only: the name of one block, or 'drawings'
    for the plots' files; None: everything.

    Returns ([(page's path, new text, names of changed blocks)], [(plot's path,
    its groups)]); nothing is written. Raises UserError, one line, for a damaged
    record or a wrong marker.
    """
    blocks = Blocks(results, root)
    if only not in (None, DRAWINGS):
        blocks.render(only)  # a wrong name is an error even where no page has it
    pages = []
    for path in (pathlib.Path(root) / name for name in PAGES):
        if only != DRAWINGS and exists(path):
            text, changed = rewritten(_text(path), path.name, blocks.render, only)
            if changed:
                pages.append((path, text, changed))
    plots = []
    for experiment in blocks.experiments() if only in (None, DRAWINGS) else []:
        groups, path = blocks.of(experiment), plot_path(results, experiment)
        if not all(group.trains_teacher for group in groups) and not is_current(path, groups):
            plots.append((path, groups))
    for module, groups, path in (
            (learning_curves, learning_curves.policies(blocks.groups), learning_curves.teachers_path(results)),
            (policy_scores, policy_scores.distilled(blocks.groups), policy_scores.policies_path(results))):
        if only in (None, DRAWINGS) and groups and not module.is_current(path, groups):
            plots.append((path, groups))
    return pages, plots


def _text(path):
    """A page's text with its own line ends."""
    with user_errors("cannot read {}".format(path)):
        content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except ValueError as error:
        raise UserError("{} is not UTF-8".format(path)) from error


def _write(pages, plots, root):
    """Writes what `report` returned; returns a line for each file."""
    lines = []
    for path, groups in plots:
        {"teachers": learning_curves.draw, "policies": policy_scores.draw}.get(path.stem, draw)(path, groups)
        lines.append("{}: drawn".format(_short(path, root)))
    for path, text, changed in pages:
        with user_errors("cannot write {}".format(path)):
            atomic_write(path, text)
        lines.append("{}: {}".format(path.name, _names(changed)))
    return lines or ["nothing to change"]


def _short(path, root):
    try:
        return path.resolve().relative_to(pathlib.Path(root).resolve())
    except ValueError:
        return path


def _names(changed):
    return ", ".join(sorted(set(changed)))


def main(arguments=None):
    """The command; returns its exit status.

    0: done, or --check found nothing; 1: --check found something, told in one
    line; 2: the user's error, one line on stderr.
    """
    parser = argparse.ArgumentParser(
        prog="python -m runs.report",
        description="Rewrites the generated blocks of README.md and CLAIMS.md, and draws the plots, from the records.",
        epilog="A block stands between the lines <!-- report:NAME --> and <!-- /report -->; NAME is one of: {}."
               .format(", ".join(NAMES)))
    parser.add_argument("--results", default=RESULTS, type=pathlib.Path, metavar="DIR",
                        help="the records' folder (default: runs/results)")
    parser.add_argument("--root", default=ROOT, type=pathlib.Path, metavar="DIR",
                        help="the folder of README.md and CLAIMS.md (default: that of the packages)")
    parser.add_argument("--only", metavar="NAME", help="only the block of this name, or '{}': only the plots' files"
                        .format(DRAWINGS))
    parser.add_argument("--check", action="store_true",
                        help="write nothing; exit 1 with one line where something is not what the records give")
    given = parser.parse_args(arguments)
    try:
        if given.results != RESULTS and not (exists(given.results) and given.results.is_dir()):
            raise UserError("{} is not a folder: give that of published records".format(given.results))
        pages, plots = report(given.results, given.root, given.only)
        if given.check:
            stale = ["{} ({})".format(path.name, _names(changed)) for path, _, changed in pages]
            stale += [str(_short(path, given.root)) for path, _ in plots]
            if stale:
                print("not what the records give: {}: run python -m runs.report".format("; ".join(stale)),
                      file=sys.stderr)
            return 1 if stale else 0
        print("\n".join(_write(pages, plots, given.root)))
    except UserError as error:
        print("error: {}".format(error), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
