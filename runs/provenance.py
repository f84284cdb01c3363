"""Where a run comes from: the code, the packages, the machine. No host name, no secrets."""

import os
import platform
import re
import sys
import time

from runs import cuda
from runs.source import source_commit
from runs.threads import thread_counts, usable_cores

PACKAGES = {"numpy", "scipy", "gym", "atari-py", "baselines", "mpi4py", "mpich", "mujoco-py", "free-mujoco-py",
            "opencv-python", "opencv-python-headless", "h5py", "protobuf", "scikit-learn", "tyro", "rich",
            "matplotlib", "framework-reproducibility", "keras"}
PACKAGE_PREFIXES = ("tensorflow", "intel-tensorflow", "tf-", "nvidia-")
VARIABLE_PREFIXES = ("GAS_TF_IMAGE", "TF_", "CUDA_", "NVIDIA_", "XLA_", "OMP_", "MKL_", "KMP_")
# Terraform's variables begin with TF_ too, and hold secrets.
PRIVATE_VARIABLE = re.compile("TF_VAR_|TF_TOKEN_|TF_CLI_|TOKEN|SECRET|PASSWORD|API_KEY")


def provenance(extra=None, devices=None):
    """A dict of facts that JSON can hold.

    extra: further keys (hashes of data and teacher, ...), which go before the
    facts found here. devices: the session's devices as a list of strings, from
    the caller: asking TensorFlow for them here would create the process's first
    session and fix its thread pools. None: not known.
    """
    intra_op, inter_op = thread_counts()
    facts = source_commit()
    facts.update({
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "argv": list(sys.argv),
        "module": _main_module(),
        "python": platform.python_version(),
        "system": "{} {} {}".format(platform.system(), platform.release(), platform.machine()),
        "packages": package_versions(),
        "cpu": cpu(),
        "cores": usable_cores(),
        "intra_op_threads": intra_op,
        "inter_op_threads": inter_op,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "devices": devices,
        "cuda_libraries": [without_home(path) for path in cuda.loaded_libraries()],
        "cuda_versions": cuda.loaded_versions(),
        "environment": environment(),
    })
    facts.update(extra or {})
    return facts


def _main_module():
    """The name after `python -m`, or None: sys.argv has only the file that it stands for."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is None:
        return None
    return spec.name[:-len(".__main__")] if spec.name.endswith(".__main__") else spec.name


def package_versions():
    """{distribution: version} of the installed ones that can change a run's numbers."""
    try:
        from importlib import metadata  # CPython 3.8 and later
        installed = [(found.metadata["Name"], found.version) for found in metadata.distributions()]
    except ImportError:
        import pkg_resources
        installed = [(found.project_name, found.version) for found in pkg_resources.working_set]
    named = [((name or "").lower().replace("_", "-"), version) for name, version in installed]
    return {name: version for name, version in sorted(named)
            if name in PACKAGES or name.startswith(PACKAGE_PREFIXES)}


def cpu():
    """{"model", "flags"}: what decides which kernels run, and so the last bits; None where not known."""
    found = {"model": None, "flags": None}
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read().splitlines()
    except OSError:
        return found
    for line in lines:
        key, _, value = line.partition(":")
        name = {"model name": "model", "flags": "flags", "Features": "flags"}.get(key.strip())
        if name and found[name] is None:
            found[name] = value.strip()
    return found


def environment():
    """The environment variables that can change a run, without those that look private."""
    return {name: without_home(value) for name, value in sorted(os.environ.items()) if _is_recorded(name)}


def _is_recorded(variable):
    return variable.startswith(VARIABLE_PREFIXES) and not PRIVATE_VARIABLE.search(variable)


def shareable(facts):
    """`facts` (of `provenance`, with those of resumed parts) without the folders of their machine.

    Absolute paths of the command line keep their last part; `argv` begins with the module.
    """
    facts = dict(facts)
    if "argv" in facts:
        arguments = [re.sub(r"(^|=)(?:/[^/]*)*/(?=[^/])", r"\1", str(argument)) for argument in facts["argv"]]
        facts["argv"] = [facts.get("module") or arguments[0]] + arguments[1:]
    if "environment" in facts:
        facts["environment"] = {name: value for name, value in facts["environment"].items() if _is_recorded(name)}
    if "resumed" in facts:
        facts["resumed"] = [shareable(part) for part in facts["resumed"]]
    return facts


def without_home(text):
    """`text` with the user's home directory as '~'."""
    home = os.path.expanduser("~").rstrip("/")
    if not home.startswith("/"):
        return text
    return re.sub(re.escape(home) + r"(?=$|[/:])", "~", text)
