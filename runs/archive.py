"""Named arrays and a dict in one uncompressed npz file, hashed while it is written."""

import hashlib
import io
import json
import os
import zipfile

import numpy as np

from runs.files import plain

EXTRA = "extra.json"


def numeric(name, array):
    """`array` as np.ndarray; raises TypeError when it holds anything but numbers."""
    array = np.asarray(array)
    if array.dtype.kind not in "biufc":
        raise TypeError("{}: arrays hold numbers, not {}".format(name, array.dtype))
    return array


class _HashingFile:
    """A file that is only written forwards, hashed on its way.

    It keeps the first OSError and drops what comes after it: zipfile, told of
    an error in the middle of a member, raises others of its own on closing.
    """

    def __init__(self, file):
        self._file = file
        self._digest = hashlib.sha256()
        self._error = None

    def write(self, data):
        if self._error is None:
            try:
                self._file.write(data)
                self._digest.update(data)
            except OSError as error:
                self._error = error
        return len(data)

    def flush(self):
        pass

    def hexdigest(self):
        """SHA-256 of all that was written; raises the OSError that stopped it, if any."""
        if self._error is not None:
            raise self._error
        return self._digest.hexdigest()


def write_archive(path, arrays, extra):
    """Writes {name: array} and the dict `extra` (NaN allowed) to disk; returns the file's SHA-256. Raises OSError."""
    with open(path, "wb") as file:
        hashing = _HashingFile(file)
        with zipfile.ZipFile(hashing, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(arrays):
                with archive.open(_member(name + ".npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, numeric(name, arrays[name]), allow_pickle=False)
            with archive.open(_member(EXTRA), "w") as member:
                member.write(json.dumps(extra, sort_keys=True, default=plain).encode("utf-8"))
        sha256 = hashing.hexdigest()
        file.flush()
        os.fsync(file.fileno())
    return sha256


def _member(name):
    # A fixed date: equal content is then an equal file.
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))


def read_archive(path, sha256):
    """(arrays, extra) of an archive whose file has this SHA-256; raises OSError, or ValueError when it has another."""
    with open(path, "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError("its content is not what was written")
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                if name == EXTRA:
                    extra = json.loads(member.read().decode("utf-8"))
                else:
                    arrays[name[:-len(".npy")]] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays, extra
