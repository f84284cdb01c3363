"""Keys of random streams, without TensorFlow: see `runs.determinism`."""

import hashlib
import operator

import numpy as np


def _digest(stream, *numbers):
    # Decimal numbers end at a NUL and the name comes last, so that no two
    # different keys give the same bytes.
    head = "".join("{}\0".format(operator.index(number)) for number in numbers)
    return hashlib.sha256((head + stream).encode("utf-8")).digest()


def stream_key(seed, stream):
    """A number of 63 bits (0 <= key < 2**63) for (seed, stream), from SHA-256."""
    return int.from_bytes(_digest(stream, seed)[:8], "little") >> 1


def random_state(seed, stream, step=0):
    """np.random.RandomState for one step of a stream, at its beginning.

    The key is the SHA-256 of (seed, step, stream) as eight 32-bit words.
    """
    return np.random.RandomState(np.frombuffer(_digest(stream, seed, step), dtype="<u4"))
