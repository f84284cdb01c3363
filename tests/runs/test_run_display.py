"""A bar on a terminal, plain lines elsewhere; nothing folded that is not a cell."""

import contextlib
import io
import os
import pty
import re
import threading

import pytest

from runs import display
from runs.display import Display, duration

ESCAPE = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]')
NOTE = 'accuracy 0.8750'
TITLE = 'mnist gas_activation seed 10'  # as long as they get


def on_terminal(monkeypatch, columns, show):
    """What `show(display)` writes to a terminal of that width."""
    monkeypatch.setenv('COLUMNS', str(columns))
    monkeypatch.setenv('TERM', 'xterm')
    return written(show)


def written(show):
    """What `show(display)` writes to a terminal, read until it is closed."""
    leader, follower = pty.openpty()
    parts = []

    def read():
        # Reading a terminal that nobody can write to any more is an error.
        with contextlib.suppress(OSError):
            while not parts or parts[-1]:
                parts.append(os.read(leader, 1 << 16))

    reader = threading.Thread(target=read)
    reader.start()
    with open(follower, 'w', encoding='utf-8') as file:
        show(Display(file))
    reader.join()
    os.close(leader)
    return b''.join(parts).decode('utf-8')


def piped(show):
    file = io.StringIO()
    show(Display(file))
    return file.getvalue()


def work(display):
    with display.progress(TITLE, 4000, 120000) as bar:
        bar.update(20000)
        bar.update(120000, NOTE)


def results(display):
    display.table('digits, gas: accuracy', ('', 'last', 'best*', 'ratio**', 'time'), [
        ('teacher', '99.00 %', '', '100.00 %', ''),
        ('student, seed 0', '98.00 %', '98.10 %', '98.99 %', '2 h 59 min'),
        ('mean ± std of 3', '98.00 ± 1.00 %', '', '98.99 %', '')],
        ['record: ' + '/long' * 60, 'with [brackets], :smile: and 12 numbers'])


@pytest.mark.parametrize('columns', [56, 70, 160])
def test_a_bar_on_a_terminal(monkeypatch, columns):
    text = on_terminal(monkeypatch, columns, work)
    assert '\x1b[' in text
    lines = re.split('[\r\n]+', ESCAPE.sub('', text))
    assert all(len(line) <= columns for line in lines)
    last = [line for line in lines if line.strip()][-1]
    bar, rate = ('', '') if columns == 56 else ('━+ ', r'[0-9.]+/s ')
    assert re.match(TITLE + ' ' + bar + '120000/120000 ' + rate + r'\d+:\d\d', last)
    assert ('accuracy 0.8750' in last) == (columns == 160)


@pytest.mark.parametrize('columns', [62, 160])
def test_a_table_on_a_terminal(monkeypatch, columns):
    lines = ESCAPE.sub('', on_terminal(monkeypatch, columns, results)).replace('\r', '').splitlines()
    assert [len(line) <= columns for line in lines] == [True] * 6 + [False, True]
    assert lines[4].split() == ['student,', 'seed', '0', '98.00', '%', '98.10', '%', '98.99', '%', '2', 'h', '59',
                                'min']
    assert lines[-2:] == ['record: ' + '/long' * 60, 'with [brackets], :smile: and 12 numbers']


@pytest.mark.parametrize('variables', [{}, {'FORCE_COLOR': '1', 'COLUMNS': '40', 'TERM': 'xterm-256color'}])
def test_plain_lines_in_a_pipe(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    text = piped(work) + piped(results)
    assert not re.search(r'[\x00-\x09\x0b-\x1f\x7f]', text)
    lines = text.splitlines()
    assert re.fullmatch(r'mnist gas_activation seed 10: 120000/120000 steps, accuracy 0\.8750, [0-9.]+ steps/s, 0 s left', lines[0])
    assert lines[1] == 'digits, gas: accuracy'
    assert lines[-2:] == ['record: ' + '/long' * 60, 'with [brackets], :smile: and 12 numbers']
    assert len(lines) == 9


def test_a_terminal_without_control_sequences(monkeypatch):
    monkeypatch.setenv('TERM', 'dumb')
    text = written(work)
    assert '\x1b' not in text and '120000/120000 steps' in text


def test_a_log_begins_soon_and_goes_on_every_minute(monkeypatch):
    """A step a second, which has nothing to tell."""
    clock = [1000.]
    monkeypatch.setattr(display.time, 'time', lambda: clock[0])

    def show(shown):
        with shown.progress('slow', 0, 1000) as bar:
            for step in range(1, 136):
                clock[0] += 1.
                bar.update(step)
    assert re.findall(r'slow: (\d+)/1000 steps, 1\.0 steps/s', piped(show)) == ['10', '70', '130']


def test_lines_do_not_fill_a_log():
    def show(display):
        with display.progress('short', 0, 1000) as bar:
            for step in range(1, 1001):
                bar.update(step, NOTE)
    lines = piped(show).splitlines()
    assert lines[0].startswith('short: 1/1000 ') and lines[-1].startswith('short: 1000/1000 ')
    assert len(lines) < 10


@pytest.mark.parametrize('seconds, text', [
    (0.4, '0 s'), (89, '89 s'), (120, '2 min'), (5399, '90 min'), (5400, '1 h 30 min'), (7500, '2 h 5 min')])
def test_duration(seconds, text):
    assert duration(seconds) == text
