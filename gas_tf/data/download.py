"""One official file from the first mirror that serves it whole.

The bytes go to a temporary file beside the target, which takes its name only when
length and md5 are right. A temporary is named after its host and process, so that
processes which download at once do not meet; what a killed one left is removed by
the next download of that file.
"""

import contextlib
import glob
import hashlib
import http.client
import logging
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

from gas_tf.data.errors import DataError

STALL_SECONDS = 30.0     # without a byte from a mirror
TOTAL_SECONDS = 900.0    # for one file from one mirror
ABANDONED_SECONDS = 3600.0  # without a write to a temporary of another host

_log = logging.getLogger(__name__)


class _MirrorError(Exception):
    """This mirror did not serve the file; the message says why."""


def fetch(file, mirrors, folder, stall_seconds=STALL_SECONDS, total_seconds=TOTAL_SECONDS):
    """Downloads an OfficialFile into `folder` and returns its path.

    `mirrors` are URL prefixes ending in '/', tried in order; the next one is tried
    after an HTTP or network error, a stall, a wrong length or a wrong md5.
    Raises DataError when none serves the file or the folder cannot be written.
    Whatever is raised, KeyboardInterrupt included, no part of the file stays behind.
    """
    target = os.path.join(folder, file.name)
    owner = f'{target}.{socket.gethostname()}'
    temporary = f'{owner}.{os.getpid()}.part'
    failures = []
    try:
        os.makedirs(folder, exist_ok=True)
        _remove_abandoned(target, owner)
        for mirror in mirrors:
            _log.info('downloading %s', mirror + file.name)
            try:
                _save(_receive(mirror + file.name, file.size, stall_seconds, total_seconds), file, temporary)
            except _MirrorError as error:
                failures.append(f'{urllib.parse.urlsplit(mirror).netloc}: {error}')
            else:
                os.replace(temporary, target)
                return target
    except OSError as error:
        raise DataError(f'{target}: cannot be written ({error.strerror}): '
                        'mend that or give --data-dir a folder that has the file') from error
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)
    raise DataError(f'{target}: download failed ({"; ".join(failures)}): put the file there, or in '
                    f'{os.path.basename(folder)}/ of a folder given by --data-dir')


def _save(blocks, file, path):
    """Writes the blocks to disk; raises _MirrorError unless they are the file."""
    digest, size = hashlib.md5(), 0
    with open(path, 'wb') as stream:
        for block in blocks:
            stream.write(block)
            digest.update(block)
            size += len(block)
        stream.flush()
        os.fsync(stream.fileno())
    if size != file.size:
        raise _MirrorError(f'sent {size} bytes, expected {file.size}')
    if digest.hexdigest() != file.md5:
        raise _MirrorError(f'sent md5 {digest.hexdigest()}, expected {file.md5}')


def _receive(url, size, stall_seconds, total_seconds):
    """Yields the body in blocks, at most `size` bytes in all; every failure is a _MirrorError."""
    deadline = time.monotonic() + total_seconds
    received = 0
    try:
        with urllib.request.urlopen(url, timeout=stall_seconds) as response:
            while received < size:
                block = response.read1(min(1 << 16, size - received))
                if not block:
                    return
                yield block
                received += len(block)
                if time.monotonic() > deadline:
                    raise _MirrorError(f'not done after {total_seconds:g} s')
    except socket.timeout:
        raise _MirrorError(f'stalled for {stall_seconds:g} s') from None
    except urllib.error.HTTPError as error:
        raise _MirrorError(f'HTTP {error.code}') from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, 'reason', error)
        raise _MirrorError(' '.join(str(reason).split()) or type(error).__name__) from error


def _remove_abandoned(target, owner):
    """Removes temporaries whose process on this host is dead, or that nobody writes to any more."""
    for path in glob.glob(f'{glob.escape(target)}.*.part'):
        path_owner, pid, _ = path.rsplit('.', 2)
        with contextlib.suppress(OSError):
            dead = path_owner == owner and pid.isdigit() and not _is_running(int(pid))
            if dead or time.time() - os.path.getmtime(path) > ABANDONED_SECONDS:
                os.remove(path)


def _is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
