"""What every command of the project shares: exit codes, one-line errors, settings by name."""

import argparse
import contextlib
import dataclasses
import difflib
import io
import logging
import os
import re
import signal
import sys
import warnings

from runs.errors import UserError


def guarded(run):
    """Runs `run()`, which returns an exit code; returns the process's.

    0: done.  2: the user's error, one line on stderr.  130 and 143: stopped by
    Ctrl-C and SIGTERM, 141: by a reader that went away (`| head`); the same
    command goes on.
    """
    terminated = []

    def terminate(number, frame):
        terminated.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    try:
        try:
            _quieten()
            return run()
        finally:
            sys.stdout.flush()
    except UserError as error:
        print("error: {}".format(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped: the same command goes on from the last checkpoint", file=sys.stderr)
        return 143 if terminated else 130
    except OSError as error:
        if error.filename is not None:  # a file's: a defect of ours
            raise
        # Standard output's.  The interpreter flushes it once more as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 141
        print("error: {}".format(error), file=sys.stderr)
        return 2


def _quieten():
    """Silences what libraries say about themselves; our own lines stay."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only
    warnings.simplefilter("ignore", FutureWarning)  # TensorFlow's NumPy types
    # NaN and overflow: the record says where, in one line.
    warnings.simplefilter("ignore", RuntimeWarning)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # deprecations
    logging.getLogger("gas_tf").setLevel(logging.INFO)  # downloads
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # '±' where it has no code


def rank_and_size(environment):
    """(rank, number of ranks) as mpirun tells its processes; (0, 1) without."""
    for prefix in ('OMPI_COMM_WORLD_', 'PMI_'):  # Open MPI; MPICH, Intel MPI
        try:
            return int(environment[prefix + 'RANK']), int(environment[prefix + 'SIZE'])
        except (KeyError, ValueError):
            pass
    return 0, 1


class Parser(argparse.ArgumentParser):
    """One whose errors are one line."""

    def error(self, message):
        raise UserError("{}; --help lists all settings".format(message))


def nearest(kind, name, names):
    """Raises UserError that proposes the nearest valid name."""
    raise UserError("no {} is called {!r}{}: choose from {}".format(kind, name, meant(name, names), ", ".join(names)))


def meant(name, names, form="{!r}"):
    """' (did you mean ...?)' with the nearest of the names, '' without one."""
    close = difflib.get_close_matches(name, names, 1, 0.4)
    return " (did you mean {}?)".format(form.format(close[0])) if close else ""


def check_flags(arguments, names):
    """Proposes the nearest flag for one that does not exist; names: of the fields, dotted."""
    flags = ["--" + name.replace("_", "-") for name in names]
    for argument in arguments:
        flag = argument.split("=")[0].replace("_", "-")
        if not flag.startswith("--") or flag == "--help":
            continue
        if flag not in flags and flag.replace("--no-", "--", 1).replace(".no-", ".", 1) not in flags:
            raise UserError("there is no {}{}; --help lists all settings".format(
                argument.split("=")[0], meant(flag, flags, "{}")))


def check_seeds(seeds):
    """Raises UserError unless there are some, from 0 on, none twice."""
    if not seeds or min(seeds) < 0:
        raise UserError("--seeds: give one or more numbers from 0 on")
    for seed in seeds:
        if seeds.count(seed) > 1:
            raise UserError("--seeds: {} is given twice".format(seed))


def check_folders(**folders):
    """Raises UserError for an empty name of a folder."""
    for name, folder in folders.items():
        if folder == "":
            raise UserError("--{} is empty: name a folder".format(name.replace("_", "-")))


def parsed(options, arguments, default):
    """tyro's parse of a dataclass, with its boxed errors told in one line."""
    import tyro
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return tyro.cli(options, args=list(arguments), default=default)
    except SystemExit:
        raise UserError(_plain(said.getvalue()))


def _plain(box):
    """The sentence in a box that tyro drew, without its advice."""
    lines = [re.sub(r"^[│|]|[│|]$", "", line.strip()).strip() for line in box.splitlines()]
    text = " ".join(line for line in lines if line and not re.match(r"^[╭╰─┌└+]", line))
    text = re.split(" (?:Argument helptext:|For full helptext)", text)[0]
    choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*?)\)", text)
    return text + (meant(choice.group(1), re.findall(r"'(.*?)'", choice.group(2))) if choice else "")


def show_help(options, arguments, program, config, sources, **values):
    """tyro's help of `options`, a dataclass with a field `settings`, in which each default has its source.

    values: of the fields of `options` without default.  Raises SystemExit when it is shown.
    """
    import tyro
    from typing_extensions import Annotated
    described = _described(config, sources)
    shown = dataclasses.make_dataclass(
        "Options", [("settings", Annotated[described, tyro.conf.arg(name="")], described())], bases=(options,),
        frozen=True)
    shown.__doc__ = options.__doc__
    tyro.cli(shown, args=list(arguments), prog=program, default=shown(**values))


def _described(config, sources, prefix=""):
    """A class like `config`'s with its values as defaults, for the help."""
    import tyro
    from typing_extensions import Annotated
    fields = []
    for field in dataclasses.fields(config):
        name, value = prefix + field.name, getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            kind = _described(value, sources, name + ".")
            value = kind()
        else:
            kind = Annotated[field.type.__origin__, tyro.conf.arg(
                help="{} [{}]".format(field.metadata["text"], sources[name]))]
        fields.append((field.name, kind, value))
    made = dataclasses.make_dataclass(type(config).__name__, fields, frozen=True)
    made.__doc__ = type(config).__doc__
    return made
