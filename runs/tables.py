"""The generated blocks of README.md and CLAIMS.md: a function from records to Markdown for each."""

import os

from runs import ablations, disagreement_table, learning_curves, policy_ablations, policy_inputs, policy_scores, summary
from runs.claims import claims_table
from runs.errors import UserError
from runs.markdown import code, table
from runs.plots import plot_path
from runs.published import read_benchmarks, read_runs
from runs.summary import TRIALS

NAMES = ("results", "results:EXPERIMENT", "everything", "claims", "plots", "plots:EXPERIMENT", "samples", "samples:EXPERIMENT",
         "ablations:EXPERIMENT", "disagreements:EXPERIMENT", "teachers", "policies", "policy-runs", "policy-inputs",
         "benchmarks", "commands")
KINDS = ("results", "plots", "samples", "ablations", "disagreements")  # of which there is one for an experiment too

LEGEND = (
    "last: at the last evaluation; best: at the evaluation with the highest {best_by}; ±: the standard deviation over "
    "seeds (of the sample, ddof 1); n: seeds; hours: by the clock, as a mean over seeds. Teachers' numbers are "
    "those of their own training. commit as name: what made it knows these settings by that name.")

PLOT_LEGEND = (
    "Thick lines: the mean over seeds, as far as all of them ran; bands: from the lowest to the highest; thin lines: "
    "each seed. The legend has the mean of the seeds' last evaluations")
TEACHERS_LEGEND = (
    "An evaluation is the mean score of 10 episodes: true rewards, likeliest actions, gym's limits, normaliser frozen. "
    "The best policy by it is the teacher; its score on fresh episodes, mean ± standard deviation over them (of last and "
    "best: over seeds), is free of that choice's bias. The dashed lines are the paper's. \\*: with a smaller budget or "
    "settings changed on the command line.")


class Blocks:
    """What every block's name stands for.

    results: folder of the records; root: folder of the pages, from which links start.
    """

    def __init__(self, results, root):
        self.results, self.root = results, root
        groups = summary.grouped(read_runs(results))
        self.groups = [group for group in groups if group.budget not in TRIALS]
        self.all_groups = groups
        self.benchmarks = read_benchmarks(results)

    def experiments(self):
        return sorted({group.experiment for group in self.groups})

    def of(self, experiment, everything=False):
        """An experiment's methods; without everything: not those that only try what a choice is worth."""
        return [group for group in self.groups
                if group.experiment == experiment and (everything or not group.is_ablation)]

    def render(self, name):
        """The Markdown of a block. Raises UserError, one line, for an unknown name."""
        kind, colon, experiment = name.partition(":")
        if name not in NAMES and not (kind in KINDS and experiment) or experiment == "EXPERIMENT":
            raise UserError("no block is called {!r}; known are {}".format(name, ", ".join(NAMES)))
        whole = {"claims": lambda: claims_table(self.groups), "benchmarks": self._benchmarks, "teachers": self._teachers,
                 "policies": self._policies, "policy-runs": self._policy_runs, "policy-inputs": self._policy_inputs}
        if name in whole:
            return whole[name]()
        if kind == "ablations":
            return self._ablations(experiment)
        if kind == "disagreements":
            return disagreement_table.block(experiment, self.of(experiment, everything=True))
        if colon:
            if not self.of(experiment):
                return "No run of {} is recorded yet.".format(code(experiment))
            return self._of_experiment(kind, self.of(experiment))
        found = {one: self.of(one, everything=kind in ("everything", "commands")) for one in self.experiments()}
        found = {one: groups for one, groups in found.items() if groups}
        if not found:
            return "No run is recorded yet."
        if kind == "commands":
            return commands(self.groups)
        if kind in ("results", "everything"):  # scores have tables of their own
            found = {one: groups for one, groups in found.items() if groups[0].metric != "score"} or found
        parts = [self._of_experiment(kind, groups) for groups in found.values()]
        if kind != "plots":
            parts = ["**{}**\n\n{}".format(one, part) for one, part in zip(found, parts)]
        return "\n\n".join(parts)

    def _of_experiment(self, kind, groups):
        return {"results": results_table, "everything": results_table, "plots": self._plot,
                "samples": self._samples}[kind](groups)

    def _samples(self, groups):
        """What the generators of each method draw at the end of its first seed."""
        shown = [(group, group.runs[0].folder / "samples.png") for group in groups]
        parts = ["{} (seed {}, after {:,} student steps):\n\n![{} of {}]({})".format(
            code(group.name), group.runs[0].seed, group.runs[0].result["student_steps"], "Generated images",
            group.name, self._link(path)) for group, path in shown if path.exists()]
        return "\n\n".join(parts) or "No generated image is recorded yet."

    def _link(self, path):
        return os.path.relpath(str(path), str(self.root)).replace(os.sep, "/")

    def _plot(self, groups):
        experiment = groups[0].experiment
        path = plot_path(self.results, experiment)
        if path is None or all(group.trains_teacher for group in groups):
            return "No distillation of {} is recorded yet.".format(code(experiment))
        return "![{}: test {} against student steps]({})\n\n{}".format(
            experiment, groups[0].metric, self._link(path), PLOT_LEGEND + (
                ", not the score of the student that was kept." if groups[0].metric == "score" else "."))

    def _teachers(self):
        groups = learning_curves.policies(self.groups)
        if not groups:
            return "No teacher of a policy is recorded yet."
        return "{}\n\n{}\n\n![Scores of the policies' teachers against transitions]({})".format(
            table(*learning_curves.rows(groups)), TEACHERS_LEGEND,
            self._link(learning_curves.teachers_path(self.results)))

    def _policies(self):
        groups = policy_scores.distilled(self.groups)
        if not groups:
            return "No distilled policy is recorded yet."
        episodes = {one["episodes"] for group in groups for one in [run.result["fresh"] for run in group.runs]}
        parts = ["![Scores of distilled policies relative to their teachers]({})".format(
            self._link(policy_scores.policies_path(self.results))),
                 table(*policy_scores.score_rows(groups)),
                 policy_scores.LEGEND.format(episodes=" or ".join(str(one) for one in sorted(episodes)))]
        head, rows = policy_scores.across(groups)
        if rows:
            parts += [table(head, rows), policy_scores.ACROSS_LEGEND.format(
                resamples="{:,}".format(policy_scores.RESAMPLES))]
        return "\n\n".join(parts)

    def _policy_runs(self):
        groups = policy_scores.distilled(self.groups)
        if not groups:
            return "No distilled policy is recorded yet."
        return "{}\n\n{}".format(table(*policy_scores.run_rows(groups)), policy_scores.RUNS_LEGEND)

    def _policy_inputs(self):
        return policy_inputs.block(policy_scores.distilled(self.groups))

    def _ablations(self, experiment):
        groups = [group for group in self.all_groups if group.experiment == experiment]
        policies = policy_scores.distilled(groups)
        return policy_ablations.block(experiment, policies) if policies else ablations.block(
            experiment, [group for group in groups if group.metric == "accuracy"])

    def _benchmarks(self):
        if not self.benchmarks:
            return "No benchmark is recorded yet."
        return "\n\n".join(benchmark_table(name, content) for name, content in self.benchmarks.items())


def results_table(groups):
    """One experiment's runs, a row per method, budget and configuration."""
    metric = groups[0].metric
    unit = " (%)" if metric == "accuracy" else ""
    head = ["method", "budget (student steps)", "n", "teacher" + unit, "last" + unit, "best" + unit,
            "mean of last 10" + unit, "last / teacher (%)", "paper" + unit, "hours per seed", "machine", "command",
            "commit"]
    rows = []
    for group in groups:
        teachers = [] if group.trains_teacher else group.values("teacher")
        rows.append([
            code(group.method), "{} ({})".format(group.budget, summary.span(group.values("student_steps"), "{:,}".format)),
            len(group.runs), summary.span(teachers, lambda value: summary.number(value, metric)),
            summary.mean_std(group.values("last"), metric), summary.mean_std(group.values("best"), metric),
            summary.mean_std(group.values("mean_last_10"), metric), summary.mean_std(group.ratios(), "accuracy"),
            summary.span(group.values("paper"), lambda value: summary.number(value, metric)), summary.hours(group.hours()),
            "<br>".join(group.machines()), "<br>".join(code(line) for line in group.commands()),
            "<br>".join(group.commits())])
    best_by = sorted({str(run.result.get("best_by", metric)).replace("_", " ")
                      for group in groups for run in group.runs})
    return table(head, rows) + "\n\n" + LEGEND.format(best_by=" or ".join(best_by))


def commands(groups):
    """Every command that made what is recorded, by experiment."""
    lines = []
    for group in groups:
        title = "# {} {}, {} seed{}, {} h each".format(
            group.experiment, group.name, len(group.runs), "" if len(group.runs) == 1 else "s", summary.hours(group.hours()))
        lines += [title] + group.commands()
    return "```sh\n" + "\n".join(lines) + "\n```"


def benchmark_table(name, content):
    """One benchmark's rows and where they were measured."""
    columns = [("work", lambda row: row["work"]), ("ours", lambda row: _amount(row["ours"])),
               ("peer", lambda row: _amount(row["peer"])), ("peer's name", lambda row: row["peer_name"] or summary.DASH),
               ("unit", lambda row: row["unit"]), ("ratio", _ratio)]
    columns += [(title, lambda row, key=key, form=form: form(row.get(key))) for title, key, form in (
        ("aim", "target", _aim), ("ours, of sgemm", "share_of_sgemm", _share),
        ("peer, of sgemm", "peer_share_of_sgemm", _share), ("ours, of the simulator", "of_simulator", _share),
        ("rank 0's time", "rank_0", _shares),
        ("our peak (MiB)", "peak_mib", _amount),
        ("peer's peak (MiB)", "peer_peak_mib", _amount)) if any(row.get(key) is not None for row in content["rows"])]
    head, rows = [title for title, _ in columns], [[form(row) for _, form in columns] for row in content["rows"]]
    gflops, commit = content["sgemm_gflops"], content["commit"]
    commit, dirty = ((commit.get("commit"), commit.get("dirty")) if isinstance(commit, dict)
                     else (commit, content.get("dirty")))
    commit = str(commit)[:10] + ("-dirty" if dirty else "")
    said = "{}; {}load before {}; commit {}. {}A ratio above 1 means that ours is faster.".format(
        _machine(content["machine"]), "" if gflops is None else "sgemm {} Gflop/s; ".format(_amount(gflops)),
        _words(content["load_before"]), code(commit),
        "Other work was running: these timings are only indicative. " if content.get("busy") else "")
    return "**{}**: {}\n\n{}".format(name, said, table(head, rows))


def _machine(machine):
    """The machine of a benchmark, which gives it as text or as {"cpu", "cores", ...}."""
    if not isinstance(machine, dict) or "cpu" not in machine:
        return _words(machine)
    rest = {key: value for key, value in machine.items() if key not in ("cpu", "cores")}
    text = summary.machine(dict(machine, cpu={"model": machine["cpu"]}))
    return text + (", " + _words(rest) if rest else "")


def _ratio(row):
    """'2.50', or '2.50 (2.41 to 2.62)' where blocks of steps were timed."""
    if row["ratio"] is None:
        return summary.DASH
    blocks = row.get("ratio_of_blocks")
    return "{:.2f}".format(row["ratio"]) + (" ({:.2f} to {:.2f})".format(*blocks) if blocks else "")


def _aim(value):
    return summary.DASH if value is None else "≥ {:.1f}".format(value)


def _share(value):
    return summary.DASH if value is None else "{:.0f} %".format(100 * value)


def _shares(value):
    """'inference 12 %, waiting 50 %' of {"inference": 0.12, "waiting": 0.5}."""
    return summary.DASH if value is None else ", ".join("{} {}".format(name, _share(one)) for name, one in value.items())


def _amount(value):
    """Four digits, e.g. '1,234', '0.01234'; a dash for None."""
    if not isinstance(value, (int, float)):
        return _words(value)
    return "{:.4g}".format(value) if abs(value) < 1000 else "{:,.0f}".format(value)


def _words(value):
    """A fact of any JSON type in words."""
    if isinstance(value, dict):
        return ", ".join("{} {}".format(key, _words(one)) for key, one in sorted(value.items()))
    if isinstance(value, float):
        return _amount(value)
    if isinstance(value, list):
        return " ".join(_words(one) for one in value)
    return summary.DASH if value is None else str(value)
