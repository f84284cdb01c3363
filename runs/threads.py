"""How many cores and threads a run uses; knows nothing of TensorFlow, so it is cheap to import."""

import os

from runs.errors import UserError

INTRA_OP_VARIABLE = "TF_NUM_INTRAOP_THREADS"
INTER_OP_VARIABLE = "TF_NUM_INTEROP_THREADS"


def usable_cores():
    """The number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_counts(intra_op=1, inter_op=None):
    """(intra_op, inter_op) as a session will have them.

    intra_op: threads inside one op; it decides how sums are split, so it
      changes the bits of a result. inter_op: ops that run side by side; it
      changes none. None: as many as there are usable cores.
    The environment variables TF_NUM_INTRAOP_THREADS and TF_NUM_INTEROP_THREADS
    go before the arguments. Raises UserError when one is not a positive number.
    """
    if inter_op is None:
        inter_op = usable_cores()
    return _from_environment(INTRA_OP_VARIABLE, intra_op), _from_environment(INTER_OP_VARIABLE, inter_op)


def _from_environment(variable, otherwise):
    text = os.environ.get(variable, "").strip()
    if not text:
        return otherwise
    if not text.isdigit() or int(text) < 1:
        raise UserError("{} is {!r}: give a number of threads of at least 1, or unset it".format(variable, text))
    return int(text)
