"""Where the files of a data set lie: searched for in order, then downloaded, always checked."""

import hashlib
import logging
import os

from gas_tf.data import download as downloads
from gas_tf.data.errors import DataError

_log = logging.getLogger(__name__)
_root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def locate(source, data_dir=None, download=True, mirrors=None, **timeouts):
    """Paths of the four files of a Source: a dict, file name -> path, each md5 checked.

    Each file is taken from the first of `places(data_dir)` that has it, and else
    downloaded into the last, the cache. `mirrors` stands in for the source's own;
    `timeouts` are those of `download.fetch`.

    A folder that was asked for but lacks a file is named in a warning and passed over.
    Raises DataError: a file found with another md5, or missing and not to be downloaded.
    """
    found, searched = {}, []
    for asked_by, place in places(data_dir):
        folder = os.path.join(place, source.name)
        searched.append(folder)
        missing = []
        for file in source.files:
            path = os.path.join(folder, file.name)
            if file.name in found:
                continue
            if os.path.isfile(path):
                check(path, file.md5)
                found[file.name] = path
            else:
                missing.append(file)
        if not missing:
            return found
        if asked_by:
            _log.warning('%s: no %s in %s: looking elsewhere',
                         asked_by, ', '.join(file.name for file in missing), folder)

    if not download:
        raise DataError(f'{source.name}: no {", ".join(file.name for file in missing)} in '
                        f'{", ".join(searched)}: put the files in one of these folders or allow the download')
    for file in missing:
        found[file.name] = downloads.fetch(file, mirrors or source.mirrors, folder, **timeouts)
    return found


def places(data_dir=None):
    """Yields (asked_by, folder) in search order; asked_by is None where nobody named the folder.

    --data-dir, $GAS_DATA, ./data, ../shared/data (the last two from the working
    directory and from the repository), ~/.cache/gas_tf.
    """
    if data_dir:
        yield '--data-dir', os.path.expanduser(data_dir)
    if os.environ.get('GAS_DATA'):
        yield '$GAS_DATA', os.path.expanduser(os.environ['GAS_DATA'])
    bases = ['.'] if os.path.samefile('.', _root) else ['.', _root]
    for folder in ('data', os.path.join('..', 'shared', 'data')):
        for base in bases:
            yield None, os.path.normpath(os.path.join(base, folder))
    cache = os.path.expanduser(os.path.join('~', '.cache', 'gas_tf'))
    if not os.path.isabs(cache):
        raise DataError('there is no home folder to keep downloads in: set HOME or give --data-dir')
    yield None, cache


def check(path, md5):
    """Raises DataError unless the file can be read and has that md5."""
    digest = hashlib.md5()
    try:
        with open(path, 'rb') as stream:
            for block in iter(lambda: stream.read(1 << 20), b''):
                digest.update(block)
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror}): '
                        'mend that or give another --data-dir') from error
    if digest.hexdigest() != md5:
        raise DataError(f'{path}: md5 is {digest.hexdigest()}, expected {md5}: '
                        'delete it or give another --data-dir')
