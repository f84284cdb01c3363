"""Records as runs leave them, with numbers that tests choose, and what the report makes of them."""

import json
import os

from runs import report, summary, tables
from runs.published import read_runs


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = "# Title\n\nbefore\n<!-- report:{} -->\nold\n<!-- /report -->\nafter\n"


def make_run(results, method="gas", seed=0, accuracies=(0.5, 0.9, 0.98), budget="paper", resets=None, fields=None,
             provenance=None, log=None, **changes):
    """A synthetic record; evaluations every 100 student steps, an hour each; log: more keys of its lines."""
    folder = results / "mnist" / (method if budget == "paper" else method + "@" + budget) / "seed-{}".format(seed)
    folder.mkdir(parents=True)
    resets = resets or [1] * len(accuracies)
    rows = [{"student_step": 100 * (i + 1), "generator_step": 20 * (i + 1), "resets": resets[i], "accuracy": accuracy,
             "wall_seconds": 3600. * (i + 1), **(log or {})} for i, accuracy in enumerate(accuracies)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    best = max(accuracies)
    result = {"experiment": "mnist", "method": method, "seed": seed, "budget": budget, "metric": "accuracy",
              "last": accuracies[-1], "best": best, "best_by": "validation_accuracy",
              "best_step": 100 * (accuracies.index(best) + 1), "mean_last_10": sum(accuracies) / len(accuracies),
              "teacher": 0.99, "student_steps": rows[-1]["student_step"], "generator_steps": 60,
              "wall_seconds": rows[-1]["wall_seconds"], "paper": 0.9879, "fingerprint": "f" * 64,
              "commit": "0123456789abcdef"}
    result.update(changes)
    (folder / "result.json").write_text(json.dumps(result))
    fields = dict({"schedule.n_student": {"value": 100, "source": "section 4.1"},
                   "teacher.fingerprint": {"value": "seed's own {}".format(seed), "source": "its weights"}},
                  **(fields or {}))
    (folder / "config.json").write_text(json.dumps({"hash": "h", "fields": fields}))
    (folder / "provenance.json").write_text(json.dumps(dict({
        "commit": result["commit"], "module": "gas_tf.run", "argv": ["run.py"], "cores": 4, "devices": ["CPU:0"],
        "cpu": {"model": "Intel(R) Xeon(R) CPU @ 2.20GHz", "flags": ""}, "started": "2024-01-01"},
        **(provenance or {}))))
    return folder


def run_report(tmp_path, *arguments):
    return report.main(["--root", str(tmp_path), "--results", str(tmp_path / "results")] + list(arguments))


def cells(markdown, first):
    """{column: cell} of the row whose first cell is `first`."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in markdown.splitlines()
             if line.startswith("|")]
    row, = [line for line in lines[2:] if line[0] == first]
    return dict(zip(lines[0], row))


def groups_of(results):
    return summary.grouped(read_runs(results))


def block(results, name):
    return tables.Blocks(results, results.parent).render(name)


def policy(results, experiment="humanoid", seed=0, scores=(100., 5000., 4000.), teacher=4876.5, **provenance):
    folder = make_run(results, "ppo", seed, accuracies=scores, metric="score", experiment=experiment, paper=5896.0, teacher=teacher,
                      best_by="score", fresh={"score": 4876.5, "score_std": 48.3, "episodes": 20},
                      provenance=dict({"module": "ppo.train", "argv": ["train.py", experiment, "--out", "/tmp/x"]},
                                      **provenance))
    moved = results / experiment / "ppo" / "seed-{}".format(seed)
    moved.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(moved)
    rows = [{"transitions": 100 * (i + 1), "score": score, "wall_seconds": 1.} for i, score in enumerate(scores)]
    (moved / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
