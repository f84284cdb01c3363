"""What a person sees: a progress bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn)
from rich.table import Table


def duration(seconds):
    """'42 s', '7 min' or '2 h 5 min'."""
    if seconds < 90:
        return '%.0f s' % seconds
    if seconds < 5400:
        return '%.0f min' % (seconds / 60)
    return '%d h %d min' % (seconds // 3600, seconds % 3600 // 60)


class Display:
    """Writes to standard output; a bar only where a person watches."""

    def __init__(self, file=None):
        file = file or sys.stdout
        if file.isatty():
            self.console = Console(file=file, highlight=False)
        else:
            # Wide enough that no line of a log file is folded.
            self.console = Console(file=file, highlight=False, width=160)

    def line(self, text):
        """One line, never folded."""
        self.console.print(text, soft_wrap=True, markup=False)

    @contextlib.contextmanager
    def progress(self, title, done, total):
        """A bar that goes from `done` to `total` steps; gives a `_Bar`."""
        if not self.console.is_terminal:
            yield _Lines(self, title, done, total)
            return
        narrow = self.console.width < 90
        columns = [TextColumn('{task.description}'),
                   BarColumn(bar_width=10 if narrow else 30),
                   MofNCompleteColumn()]
        if not narrow:
            columns += [TextColumn('{task.fields[rate]}'),
                        TimeRemainingColumn(compact=True)]
        columns.append(TextColumn('{task.fields[note]}'))
        with Progress(*columns, console=self.console,
                      refresh_per_second=4) as progress:
            task = progress.add_task(
                title, total=total, completed=done, note='', rate='')
            yield _Bar(progress, task, done)

    def table(self, title, columns, rows, notes=()):
        """A table, then lines that are not folded (paths)."""
        table = Table(title=title, title_justify='left')
        for column in columns:
            table.add_column(
                column, justify='left' if column == columns[0] else 'right')
        for row in rows:
            table.add_row(*row)
        self.console.print(table)
        for note in notes:
            self.line(note)


class _Bar:
    def __init__(self, progress, task, done):
        self._progress, self._task = progress, task
        self._first, self._started = done, time.time()

    def update(self, step, row=None):
        """Shows `step`; the accuracy too when there is a row of the log."""
        elapsed = max(time.time() - self._started, 1e-9)
        fields = {'rate': '%.1f steps/s' % ((step - self._first) / elapsed)}
        if row:
            fields['note'] = 'accuracy %.4f' % row['accuracy']
        self._progress.update(self._task, completed=step, **fields)


class _Lines:
    QUIET = 5.  # seconds between lines, so that short epochs do not fill a log

    def __init__(self, display, title, done, total):
        self._display, self._title, self._total = display, title, total
        self._first, self._started = done, time.time()
        self._said = 0.

    def update(self, step, row=None):
        """A line for an evaluation, unless one has just been written."""
        now = time.time()
        if not row or (now - self._said < self.QUIET and step < self._total):
            return
        self._said = now
        rate = (step - self._first) / max(time.time() - self._started, 1e-9)
        left = (self._total - step) / max(rate, 1e-9)
        self._display.line(
            '%s: %d/%d steps, accuracy %.4f, %.1f steps/s, %s left' % (
                self._title, step, self._total, row['accuracy'], rate,
                duration(left)))
