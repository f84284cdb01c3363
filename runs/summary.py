"""Runs of one configuration, summed up over their seeds."""

import json
import math
import re
import shlex

from runs.markdown import code
from runs.published import TEACHERS

ABLATION = "ablation"  # the source of settings that are tried
TRIALS = ("ablation", "sketch")  # the budgets for them
BASE = "gas"  # the method of which ablations change something

COMMAND_LINE = "command line"  # the source of a setting that was given by hand
DASH = "–"
MINUS = "−"


class Group:
    """The seeds of one experiment, method, budget and configuration.

    runs: list of runs.published.Run, by seed; metric: 'accuracy' (fractions)
    or 'score'; overrides: {field: value} of what the command line changed.
    """

    def __init__(self, runs):
        self.runs = runs
        first = runs[0]
        self.experiment, self.method, self.budget = first.experiment, first.method, first.budget
        self.metric, self.trains_teacher = first.result["metric"], first.method in TEACHERS
        self.overrides = {name: field["value"] for name, field in sorted(first.fields.items())
                          if field["source"] == COMMAND_LINE and name not in varying(first)}

    @property
    def name(self):
        """E.g. 'gas', 'gas@quick'."""
        return self.method if self.budget == "paper" else "{}@{}".format(self.method, self.budget)

    @property
    def is_full_size(self):
        """Whether this is the method as it is named, at its full budget."""
        return self.budget == "paper" and not self.overrides

    @property
    def is_ablation(self):
        """Whether it is a method that changes something in another."""
        return self.budget in TRIALS or self.was_base or self.method != BASE and any(
            field["source"] == ABLATION for run in self.runs for field in run.fields.values())

    @property
    def was_base(self):
        """Whether it was the base itself before that got other settings."""
        return self.method != BASE and any(run.provenance.get("recorded_as") == BASE for run in self.runs)

    def values(self, key):
        """result.json's `key` of every seed; of `fresh` its score."""
        found = [run.result[key] for run in self.runs]
        return [one["score"] for one in found] if key == "fresh" else found

    def last_of_log(self, key):
        """`key` of the last line of every seed's metrics.jsonl that has it."""
        return [run.rows[-1][key] for run in self.runs if key in run.rows[-1]]

    def ratios(self):
        """last / teacher of every seed, [] for teachers themselves."""
        if self.trains_teacher:
            return []
        return [run.result["last"] / run.result["teacher"] for run in self.runs if run.result["teacher"]]

    def hours(self):
        """Mean hours of a seed, by the clock."""
        return mean(self.values("wall_seconds")) / 3600.

    def commits(self):
        """The commits of all parts of all runs, ten digits each, as Markdown; with the name that they know it by."""
        return _different(code(str(part.get("commit", run.result["commit"]))[:10]) + (
            " as " + code(run.provenance["recorded_as"]) if "recorded_as" in run.provenance else "")
                          for run in self.runs for part in _parts(run))

    def machines(self):
        """What the parts ran on, e.g. 'AMD EPYC, 2 cores'."""
        return _different(machine(part) for run in self.runs for part in _parts(run))

    def commands(self):
        """The command lines that repeat these runs; one, unless the seeds need one each."""
        module = self.runs[0].provenance.get("module") or "gas_tf.run"
        if module != "gas_tf.run":
            return _different(_recorded_command(module, run) for run in self.runs)
        if self.method == "teacher":
            return _different(self._teacher_command(run) for run in self.runs)
        seeds = [run.seed for run in self.runs]
        return [command(self.experiment, self.method, self.budget, seeds) + "".join(
            " " + flag(name, value) for name, value in self.overrides.items())]

    def _teacher_command(self, run):
        given = {name: field["value"] for name, field in sorted(run.fields.items())
                 if field["source"] == COMMAND_LINE and name != "teacher.seed"}
        return teacher_command(self.experiment, run.seed) + "".join(
            " " + flag(name, value) for name, value in given.items())


def grouped(runs):
    """List of Group: teachers first, then full budgets, then smaller ones.

    A setting that an older record of a name does not know tells its runs apart
    only where those that know it differ: it has its default in the older one.
    """
    found, groups = {}, {}
    for run in runs:
        found.setdefault((run.experiment, run.method, run.budget), []).append(run)
    for name, of_name in found.items():
        everywhere = set.intersection(*[set(run.fields) for run in of_name])
        apart = {one for run in of_name for one in run.fields if one in everywhere or len({
            json.dumps(other.fields[one]["value"]) for other in of_name if one in other.fields}) > 1}
        for run in of_name:
            own = {one: field for one, field in run.fields.items() if one not in varying(run)}
            values = {one: field["value"] for one, field in own.items() if one in apart}
            given = sorted(one for one, field in own.items() if field["source"] == COMMAND_LINE)
            key = name + (run.result["metric"], json.dumps([values, given], sort_keys=True))
            groups.setdefault(key, []).append(run)
    budgets = {"paper": 0, "quick": 1, "smoke": 2}
    return sorted((Group(runs) for runs in groups.values()), key=lambda group: (
        group.experiment, not group.trains_teacher, budgets.get(group.budget, 3), group.budget, group.method,
        len(group.overrides), group.runs[0].seed))


def varying(run):
    """Fields that may differ between the seeds of one configuration.

    Not the teacher of a policy: scores of teachers are far apart.
    """
    policy = run.result["metric"] == "score" and run.method not in TEACHERS
    return ("seed",) + (() if policy else ("teacher.fingerprint",)) + (
        ("teacher.seed",) if run.method == "teacher" else ())


def command(experiment, method, budget, seeds):
    """The line that runs a method of an experiment."""
    return "python -m gas_tf.run {} --method {} --budget {} --seeds {}".format(
        experiment, method, budget, " ".join(str(seed) for seed in seeds))


def teacher_command(experiment, seed):
    """The line that trains an experiment's teacher anew."""
    return "python -m gas_tf.run {} --method teacher --seeds {}".format(experiment, seed)


def flag(name, value):
    """A setting as gas_tf.run takes it, e.g. '--student.widths 3 8 60 42'."""
    head, _, last = name.rpartition(".")
    option = "--" + (head + "." if head else "").replace("_", "-")
    last = last.replace("_", "-")
    if isinstance(value, bool):
        return option + (last if value else "no-" + last)
    values = value if isinstance(value, list) else [value]
    return " ".join([option + last] + [shlex.quote(str(one)) for one in values])


def _recorded_command(module, run):
    """The run's own command line without the folders of its machine."""
    kept, skip = [], False
    for argument in [str(argument) for argument in run.provenance.get("argv", [])[1:]]:
        folder = argument.split("=")[0].replace("_", "-") in ("--out", "--data-dir")
        if not skip and not folder:
            kept.append(shlex.quote(argument))
        skip = not skip and folder and "=" not in argument
    ranks = (run.provenance.get("mpi") or {}).get("ranks")
    return " ".join((["mpirun -n {}".format(ranks)] if ranks else []) + ["python -m", module] + kept)


def _parts(run):
    """The provenance of each process that worked on a run."""
    resumed = run.provenance.get("resumed", [])
    return [run.provenance] + [part for part in resumed if isinstance(part, dict)]


def machine(facts):
    """E.g. 'Intel Xeon, 4 cores, 1 GPU'. facts: provenance's {"cpu": {"model"}, "cores", "devices"}."""
    model = (facts.get("cpu") or {}).get("model") or "unknown CPU"
    model = re.sub(r"\((R|TM|C)\)|\bCPU\b|\bProcessor\b|@.*$|\d+-Core", " ", model, flags=re.IGNORECASE)
    text = " ".join(model.split())
    if facts.get("cores"):
        text += ", {} core{}".format(facts["cores"], "" if facts["cores"] == 1 else "s")
    gpus = [name for name in facts.get("devices") or [] if str(name).startswith("GPU")]
    return text + (", {} GPU{}".format(len(gpus), "" if len(gpus) == 1 else "s") if gpus else "")


def _different(texts):
    return sorted(set(texts))


def mean(values):
    return math.fsum(values) / len(values)


def std(values):
    """The sample's standard deviation (ddof 1); needs two values."""
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


def number(value, metric):
    """An accuracy in percent or a score, two decimals; a dash for None."""
    if value is None:
        return DASH
    return signed("{:.2f}".format(100 * value if metric == "accuracy" else value))


def signed(text):
    """A formatted number with a true minus."""
    return text.replace("-", MINUS)


def mean_std(values, metric):
    """'98.79 ± 0.08'; without ± for one value, a dash for none."""
    if not values:
        return DASH
    text = number(mean(values), metric)
    return text + " ± " + number(std(values), metric) if len(values) > 1 else text


def span(values, form):
    """One number, or the least to the greatest where they differ; a dash for none."""
    known = [value for value in values if value is not None]
    if not known:
        return DASH
    least, greatest = form(min(known)), form(max(known))
    return least if least == greatest else "{} to {}".format(least, greatest)


def hours(value):
    """Hours as '2.31', '0.012': two decimals, or two digits where that would hide them."""
    return "{:.2f}".format(value) if value >= 0.1 else "{:.2g}".format(value)
