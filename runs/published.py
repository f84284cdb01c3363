"""The committed records, read and checked: runs and benchmarks under a results' folder."""

import collections
import math
import pathlib
import re

from runs.config import recorded_fields
from runs.errors import UserError
from runs.files import read_json, user_errors
from runs.log import parse_rows
from runs.record import RESULT_KEYS

NUMBERS = ("last", "best", "best_step", "mean_last_10", "student_steps", "generator_steps", "wall_seconds")
METRICS = ("accuracy", "score")
POLICY_TEACHERS = ("ppo", "ppo_epochs", "ppo_newest", "ppo_narrow", "ppo_light")
TEACHERS = ("teacher",) + POLICY_TEACHERS  # methods that train a teacher and distil nothing
NOT_EXPERIMENTS = ("benchmarks", "plots")

#: One run. fields: of config.json, {name: {"value", "source"}}; provenance and result: those files' content;
#: rows: of metrics.jsonl; folder: where they were read. Accuracies are fractions, scores are returns.
Run = collections.namedtuple("Run", "experiment method budget seed fields provenance rows result folder")


def read_runs(results):
    """Every run in <results>/<experiment>/<method>[@<budget>]/seed-<n>, in the order of these names.

    results: a folder; [] where it is not there. Failed, collapsed and negative
    runs are runs like any other. Raises UserError, one line naming the file,
    where a file is missing or damaged, or says another name than its folder.
    """
    runs = []
    for experiment in _folders(pathlib.Path(results)):
        if experiment.name in NOT_EXPERIMENTS:
            continue
        for method in _folders(experiment):
            for folder in _folders(method):
                if folder.name.startswith("seed-"):
                    runs.append(_read_run(folder))
    return sorted(runs, key=lambda run: (run.experiment, run.method, run.budget, run.seed))


def _folders(parent):
    """The folders in `parent`, by name, without hidden ones (publish's temporaries)."""
    if not parent.exists():
        return []
    with user_errors("cannot read {}".format(parent)):
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read_run(folder):
    fields = recorded_fields(folder)
    if fields is None:
        raise UserError("{} is missing".format(folder / "config.json"))
    provenance = _object(folder / "provenance.json")
    result = _checked_result(folder)
    rows = _checked_rows(folder / "metrics.jsonl", result)
    return Run(result["experiment"], result["method"], result["budget"], result["seed"], fields, provenance, rows,
               result, folder)


def _object(path):
    """The dict in a JSON file."""
    content = read_json(path)
    if content is None:
        raise UserError("{} is missing".format(path))
    if not isinstance(content, dict):
        raise UserError("{} is damaged: it holds no JSON object".format(path))
    return content


def _checked_result(folder):
    path = folder / "result.json"
    result = _object(path)
    missing = [key for key in RESULT_KEYS if key not in result]
    if missing:
        raise UserError("{} lacks {}".format(path, ", ".join(missing)))
    for key in NUMBERS:
        _check_number(path, result, key)
    for key in ("teacher", "paper"):
        if result[key] is not None:
            _check_number(path, result, key)
    if result["metric"] not in METRICS:
        raise UserError("{}: metric is {!r}: {} is known".format(path, result["metric"], " or ".join(METRICS)))
    budget = result["budget"]
    method = "{}".format(result["method"]) if budget == "paper" else "{}@{}".format(result["method"], budget)
    named = ("{}".format(result["experiment"]), method, "seed-{}".format(result["seed"]))
    if named != folder.parts[-3:] or not re.match(r"seed-\d+$", folder.name):
        raise UserError("{} belongs in {}".format(path, "/".join(named)))
    return result


def _checked_rows(path, result):
    with user_errors("cannot read {}".format(path)):
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise UserError("{} is missing".format(path)) from error
    rows = parse_rows(content, path)
    if not rows:
        raise UserError("{} is damaged: it holds no evaluation".format(path))
    needed = () if result["method"] in TEACHERS else ("student_step", result["metric"])
    for number, row in enumerate(rows, start=1):
        where = "{} line {}".format(path, number)
        if not isinstance(row, dict):
            raise UserError("{} is damaged: it is no JSON object".format(where))
        for key in needed + (("resets",) if "resets" in row else ()):
            _check_number(where, row, key)
        if needed and number > 1 and row["student_step"] <= rows[number - 2]["student_step"]:
            raise UserError("{} is damaged: student_step does not grow".format(where))
    return rows


def read_benchmarks(results):
    """{script's name: content} of <results>/benchmarks/*.json; {} where there are none.

    Content: machine, load_before, sgemm_gflops, commit and rows, a list of
    {work, ours, peer, peer_name, unit, ratio} and perhaps share_of_sgemm and
    peer_share_of_sgemm (fractions), ratio_of_blocks (least, greatest), target
    (the ratio aimed at), peak_mib and peer_peak_mib (memory); a
    ratio above 1 means that ours is faster. peer, peer_name and ratio are None
    where a row has no peer. Raises UserError as `read_runs` does.
    """
    found = {}
    for path in sorted((pathlib.Path(results) / "benchmarks").glob("*.json")):
        content = _object(path)
        missing = [key for key in ("machine", "load_before", "sgemm_gflops", "commit", "rows") if key not in content]
        if missing:
            raise UserError("{} lacks {}".format(path, ", ".join(missing)))
        if not isinstance(content["rows"], list):
            raise UserError("{} is damaged: rows is no list".format(path))
        for number, row in enumerate(content["rows"], start=1):
            _check_benchmark_row("{} row {}".format(path, number), row)
        found[path.stem] = content
    return found


def _check_benchmark_row(where, row):
    if not isinstance(row, dict):
        raise UserError("{} is damaged: it is no JSON object".format(where))
    missing = [key for key in ("work", "ours", "peer", "peer_name", "unit", "ratio") if key not in row]
    if missing:
        raise UserError("{} lacks {}".format(where, ", ".join(missing)))
    for key in ("ours", "peer", "ratio", "share_of_sgemm", "peer_share_of_sgemm", "target", "peak_mib", "peer_peak_mib",
                "of_simulator"):
        if key == "ours" or row.get(key) is not None:
            _check_number(where, row, key)
    blocks = row.get("ratio_of_blocks")
    if blocks is not None:
        if not isinstance(blocks, list) or len(blocks) != 2:
            raise UserError("{}: ratio_of_blocks is no pair".format(where))
        for i in range(2):
            _check_number(where + ": ratio_of_blocks", dict(enumerate(blocks)), i)


def _check_number(where, values, key):
    """Raises UserError unless values[key] is a finite number."""
    if key not in values:
        raise UserError("{} lacks {}".format(where, key))
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UserError("{}: {} is {!r}, which is no number".format(where, key, value))
