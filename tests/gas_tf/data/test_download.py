"""Downloads from a local mirror that fails in every way it can."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from gas_tf.data import download
from gas_tf.data.errors import DataError
from local_mirror import BODY, FILE, local_mirror

ROOT = pathlib.Path(__file__).resolve().parents[3]
FETCH = '''
import signal, sys
from gas_tf.data.download import fetch
from gas_tf.data.sources import OfficialFile
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell has it ignored
fetch(OfficialFile(sys.argv[1], int(sys.argv[2]), sys.argv[3]), [sys.argv[4]], sys.argv[5])
'''


@pytest.fixture
def mirror():
    with local_mirror() as server:
        yield server


def fetch(mirror, behaviours, folder, **timeouts):
    return download.fetch(FILE, [mirror.url(behaviour) for behaviour in behaviours], str(folder), **timeouts)


def start(mirror, behaviour, folder):
    """The same fetch in a process of its own."""
    arguments = [FILE.name, str(FILE.size), FILE.md5, mirror.url(behaviour), str(folder)]
    return subprocess.Popen([sys.executable, '-c', FETCH, *arguments], cwd=str(ROOT), stderr=subprocess.DEVNULL)


def wait_for_part(folder):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        parts = [part for part in folder.glob('*.part') if part.stat().st_size]
        if parts:
            return parts[0]
        time.sleep(0.01)
    raise AssertionError('no download began')


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_whole_file_arrives_under_its_name_alone(mirror, tmp_path):
    path = fetch(mirror, ['whole'], tmp_path / 'new' / 'mnist')
    assert pathlib.Path(path).read_bytes() == BODY
    assert names(tmp_path / 'new' / 'mnist') == [FILE.name]


@pytest.mark.parametrize('behaviour, reason', [
    ('missing', 'HTTP 404'),
    ('truncated', 'sent 524288 bytes, expected 1048576'),
    ('unannounced', 'sent 524288 bytes, expected 1048576'),
    ('page', 'sent 26 bytes, expected 1048576'),
    ('wrong', 'sent md5 '),
    ('stalled', 'stalled for 0.2 s'),
    ('dripping', 'not done after 0.5 s'),
])
def test_each_failure_is_named_leaves_nothing_and_falls_to_the_next_mirror(mirror, tmp_path, behaviour, reason):
    timeouts = dict(stall_seconds=0.2, total_seconds=0.5 if behaviour == 'dripping' else 30)
    with pytest.raises(DataError) as caught:
        fetch(mirror, [behaviour], tmp_path, **timeouts)
    message = str(caught.value)
    assert reason in message and FILE.name in message and '\n' not in message
    assert names(tmp_path) == []

    path = fetch(mirror, [behaviour, 'whole'], tmp_path, **timeouts)
    assert pathlib.Path(path).read_bytes() == BODY
    assert names(tmp_path) == [FILE.name]
    assert mirror.requests == [behaviour, behaviour, 'whole']


def test_all_mirrors_are_listed_when_all_fail(tmp_path):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))  # bound but not listening: connections are refused
        port = unused.getsockname()[1]
        with pytest.raises(DataError, match=f'127.0.0.1:{port}: .*refused.*; 127.0.0.1:{port}: .*refused'):
            download.fetch(FILE, [f'http://127.0.0.1:{port}/'] * 2, str(tmp_path))


def test_folder_that_cannot_be_written(mirror, tmp_path):
    (tmp_path / 'file').write_text('in the way')
    with pytest.raises(DataError, match='cannot be written'):
        fetch(mirror, ['whole'], tmp_path / 'file' / 'mnist')
    assert mirror.requests == []


def test_full_disk_is_no_fault_of_the_mirror(mirror, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(download.os, 'fsync', full)
    with pytest.raises(DataError, match='cannot be written .No space left'):
        fetch(mirror, ['whole', 'whole'], tmp_path)
    assert mirror.requests == ['whole']
    assert names(tmp_path) == []


def test_keyboard_interrupt_leaves_nothing(mirror, tmp_path):
    process = start(mirror, 'stalled', tmp_path)
    wait_for_part(tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) != 0
    assert names(tmp_path) == []


def test_killed_download_is_cleared_and_repeated(mirror, tmp_path):
    process = start(mirror, 'stalled', tmp_path)
    part = wait_for_part(tmp_path)
    process.kill()
    process.wait(10)
    assert names(tmp_path) == [part.name]  # never under the official name
    fetch(mirror, ['whole'], tmp_path)
    assert names(tmp_path) == [FILE.name]


def test_two_processes_at_once_do_not_meet(mirror, tmp_path):
    processes = [start(mirror, 'slow', tmp_path) for _ in range(2)]
    assert [process.wait(20) for process in processes] == [0, 0]
    assert mirror.requests == ['slow', 'slow']
    assert (tmp_path / FILE.name).read_bytes() == BODY
    assert names(tmp_path) == [FILE.name]


def test_running_download_of_another_process_is_left_alone(mirror, tmp_path):
    process = start(mirror, 'stalled', tmp_path)
    try:
        part = wait_for_part(tmp_path)
        fetch(mirror, ['whole'], tmp_path)
        assert sorted(names(tmp_path)) == sorted([FILE.name, part.name])
    finally:
        process.kill()
        process.wait(10)


def test_temporary_of_another_host_goes_when_abandoned(mirror, tmp_path):
    fresh, old = (tmp_path / f'{FILE.name}.elsewhere.{pid}.part' for pid in (1, 2))
    for part in (fresh, old):
        part.write_bytes(b'half')
    long_ago = time.time() - 2 * download.ABANDONED_SECONDS
    os.utime(str(old), (long_ago, long_ago))
    fetch(mirror, ['whole'], tmp_path)
    assert sorted(names(tmp_path)) == sorted([FILE.name, fresh.name])
