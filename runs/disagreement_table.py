"""Where students depart from their classifiers, as `python -m gas_tf.disagreement` has measured it."""

import math

from runs.errors import UserError
from runs.files import read_json
from runs.markdown import code, table
from runs.summary import mean

LEGEND = (
    "Validation images on which the best student answers otherwise than the teacher, of how many whose answer the teacher "
    "gives the probability above each column (means over the seeds named, the only ones measured); errors: of "
    "all, those that the teacher and the student label wrongly; KL: the mean KL(teacher ‖ student) of all. `python -m "
    "gas_tf.disagreement RUN` measures it.")
COUNTS = ("images", "disagreements", "teacher_errors", "student_errors")


def block(experiment, groups):
    """Markdown of a row per method and budget that was measured; seeds that were not are left out."""
    found = [(group, {run.seed: rows for run in group.runs for rows in [_measured(run)] if rows}) for group in groups]
    found = [(group, seeds) for group, seeds in found if seeds]
    if not found:
        return "No disagreement of {} is recorded yet.".format(code(experiment))
    edges = [(row["from"], row["to"]) for row in next(iter(found[0][1].values()))]
    for group, seeds in found:
        if any([(row["from"], row["to"]) for row in rows] != edges for rows in seeds.values()):
            raise UserError("{}: disagreement.json of other confidences than the rest".format(group.name))
    head = ["method", "seeds"] + ["{:g} to {:g}".format(*edge) for edge in edges] + [
        "all", "teacher's errors", "student's errors", "KL (nats)"]
    return "{}\n\n{}".format(table(head, [
        [code(group.name), ", ".join(map(str, seeds))] + _cells(list(seeds.values())) for group, seeds in found]), LEGEND)


def summed(rows):
    """{"images", ..., "kl"} of all rows of one student together: sums, and the mean KL over all images."""
    total = {key: sum(row[key] for row in rows) for key in COUNTS}
    total["kl"] = sum(row["kl"] * row["images"] for row in rows if row["images"]) / total["images"]
    return total


def _cells(seeds):
    columns = list(zip(*[rows + [summed(rows)] for rows in seeds]))

    def count(column, key):
        value = mean([row[key] for row in column])
        return "{:,.{}f}".format(value, 0 if value == int(value) else 1)
    last = columns[-1]
    return [count(column, "disagreements") + " of " + count(column, "images") for column in columns] + [
        count(last, "teacher_errors"), count(last, "student_errors"), "{:.4f}".format(mean([row["kl"] for row in last]))]


def _measured(run):
    """The rows of a record's disagreement.json; None without one. Raises UserError where it is damaged."""
    path = run.folder / "disagreement.json"
    content = read_json(path)
    if content is None:
        return None
    rows = content.get("by_confidence") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows or not all(
            isinstance(row, dict) and all(_is_number(row.get(key)) for key in COUNTS + ("from", "to"))
            and (_is_number(row.get("kl")) or not row["images"]) for row in rows) or not any(row["images"] for row in rows):
        raise UserError("{} is damaged: it has no numbers of images by confidence".format(path))
    return rows


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
