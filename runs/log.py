"""The log of a run: one JSON object a line, cut back to a checkpoint's position on resuming."""

import json
import os

from runs.errors import UserError
from runs.files import json_text, user_errors


class Log:
    """Appends rows to a file of JSON lines.

    A torn last line, left by a kill in the middle of a write, is cut off when
    the log is opened. Raises UserError where the file cannot be read or written.
    """

    def __init__(self, path):
        self._path = os.fspath(path)
        with self._reported():
            # Unbuffered: a forked child has nothing of ours to write a second time.
            self._file = open(self._path, "a+b", buffering=0)
            self._end = _end_of_last_line(self._file)
            os.ftruncate(self._file.fileno(), self._end)

    def _reported(self):
        return user_errors("cannot write {}".format(self._path))

    def append(self, row):
        """Writes a dict as one line; readers of the file see it when this returns.

        NumPy numbers are written as numbers. Raises ValueError, naming the key,
        on NaN and infinities. When the disk is full the line is taken back
        whole and UserError is raised.
        """
        data = (_line(row) + "\n").encode("utf-8")
        with self._reported():
            try:
                written = 0
                while written < len(data):
                    written += self._file.write(data[written:])
            except BaseException:
                os.ftruncate(self._file.fileno(), self._end)
                raise
        self._end += len(data)

    def position(self):
        """Bytes of the log so far; they are on disk when this returns.

        So a checkpoint that holds the position never knows of more than the log
        has, not even after the machine itself went down.
        """
        with self._reported():
            os.fsync(self._file.fileno())
        return self._end

    def rewind(self, position):
        """Cuts the log off at a position that `position()` gave, in bytes.

        Raises UserError where the log does not reach that far or has no line's
        end there: it is then not the log that the checkpoint belongs to.
        """
        if not 0 <= position <= self._end:
            raise UserError("{} has {} bytes, but its checkpoint was made at byte {}: the log was shortened; restore "
                            "it, or remove the run's folder to start it anew".format(self._path, self._end, position))
        with self._reported():
            if position and os.pread(self._file.fileno(), 1, position - 1) != b"\n":
                raise UserError("{} has no end of a line at byte {}, where its checkpoint was made: the log was "
                                "changed; remove the run's folder to start it anew".format(self._path, position))
            os.ftruncate(self._file.fileno(), position)
            os.fsync(self._file.fileno())
        self._end = position

    def rows(self):
        """The rows so far, as a list of dicts. Raises UserError, naming the line, where one is damaged."""
        with self._reported():
            content = os.pread(self._file.fileno(), self._end, 0)
        return parse_rows(content, self._path)

    def close(self):
        self._file.close()


def read_rows(path):
    """The rows of a log that another process may be writing: a torn last line is left out.

    Raises UserError where the file cannot be read or a line of it is damaged.
    """
    with user_errors("cannot read {}".format(path)):
        with open(os.fspath(path), "rb") as file:
            content = file.read()
    return parse_rows(content[:content.rfind(b"\n") + 1], path)


def parse_rows(content, path):
    """Bytes of whole JSON lines as a list of dicts; path: for the message of the UserError."""
    rows = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            rows.append(json.loads(line.decode("utf-8")))
        except ValueError as error:
            raise UserError("{} line {} is damaged: it is not JSON".format(path, number)) from error
    return rows


def _line(row):
    for key, value in row.items():
        try:
            json_text(value, indent=None)
        except ValueError as error:
            raise ValueError("{} is {!r}, which JSON has no number for".format(key, value)) from error
    return json_text(row, indent=None)


def _end_of_last_line(file):
    """The position after the last newline, reading backwards, as logs can be long."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65536)
        newline = os.pread(file.fileno(), end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
