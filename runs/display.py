"""What a person sees: a progress bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

UNFOLDED = 1000  # columns of a log file: more than any line has
NARROW = 90      # columns of a terminal on which not everything fits a line,
TINY = 70        # and on which nothing does but name, count and time


def duration(seconds):
    """'42 s', '7 min' or '2 h 5 min'."""
    if seconds < 90:
        return '%.0f s' % seconds
    if seconds < 5400:
        return '%.0f min' % (seconds / 60)
    return '%d h %d min' % (seconds // 3600, seconds % 3600 // 60)


class _Console(Console):
    def on_broken_pipe(self):
        raise BrokenPipeError  # not rich's SystemExit(1)


class Display:
    """Writes to standard output; a bar only where a person watches."""

    def __init__(self, file=None):
        file = file or sys.stdout
        terminal = file.isatty()
        self.console = _Console(
            file=file, highlight=False, markup=False, emoji=False,
            force_terminal=terminal, width=None if terminal else UNFOLDED)

    def line(self, text):
        """One line, never folded."""
        self.console.print(text, soft_wrap=True)

    @contextlib.contextmanager
    def progress(self, title, done, total):
        """Shows work that goes from `done` to `total` steps.

        Yields an object with `update(step, note=None)`, which shows a note
        such as 'accuracy 0.9750' with the step.
        """
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            yield _Lines(self, title, done, total)
            return
        width = self.console.width
        columns = [TextColumn('{task.description}', markup=False),
                   MofNCompleteColumn(),
                   TimeRemainingColumn(compact=True, elapsed_when_finished=True)]
        if width >= TINY:
            columns.insert(2, TextColumn('{task.fields[rate]}'))
            columns.insert(1, BarColumn(bar_width=5 if width < NARROW else 30))
        if width >= NARROW:
            columns.append(TextColumn('{task.fields[note]}'))
        with Progress(*columns, console=self.console,
                      refresh_per_second=4) as progress:
            task = progress.add_task(
                title, total=total, completed=done, note='', rate='')
            yield _Bar(progress, task, done)

    def table(self, title, columns, rows, notes=(), left=1):
        """A table whose first `left` columns are text, then lines (paths)."""
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False,
                      padding=(0, 1, 0, 0))
        for i, column in enumerate(columns):
            table.add_column(column, justify='left' if i < left else 'right')
        for row in rows:
            table.add_row(*row)
        self.line(title)
        self.console.print(table)
        for note in notes:
            self.line(note)


class _Bar:
    def __init__(self, progress, task, done):
        self._progress, self._task = progress, task
        self._first, self._started = done, time.time()

    def update(self, step, note=None):
        """Shows `step`, and the note until the next one."""
        elapsed = max(time.time() - self._started, 1e-9)
        fields = {'rate': '%.1f/s' % ((step - self._first) / elapsed)}
        if note:
            fields['note'] = note
        self._progress.update(self._task, completed=step, **fields)


class _Lines:
    QUIET = 5.  # seconds between lines, so that short epochs do not fill a log
    PATIENCE = 60.  # seconds after which a line is due without news,
    FIRST = 10.     # and the first one

    def __init__(self, display, title, done, total):
        self._display, self._title, self._total = display, title, total
        self._first, self._started = done, time.time()
        self._said, self._last = 0., time.time() - self.PATIENCE + self.FIRST

    def update(self, step, note=None):
        """A line for a note, unless one has just been written, and where none is due for long."""
        now = time.time()
        if note:
            due = now - self._said >= self.QUIET or step >= self._total
            self._said = now if due else self._said
        else:
            due = now - self._last >= self.PATIENCE
        if not due:
            return
        self._last = now
        rate = (step - self._first) / max(now - self._started, 1e-9)
        left = (self._total - step) / max(rate, 1e-9)
        self._display.line(
            '%s: %d/%d steps, %s%.1f steps/s, %s left' % (
                self._title, step, self._total, note + ', ' if note else '',
                rate, duration(left)))
