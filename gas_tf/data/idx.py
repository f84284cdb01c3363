"""A strict reader of gzipped IDX files, the format of the MNIST family.

An IDX file is a big-endian header (two zero bytes, type 8 for unsigned bytes,
the number of axes, then the length of each axis as uint32) and the raw values.
"""

import gzip
import struct
import zlib

import numpy as np

from gas_tf.data.errors import DataError


def read_pair(images_path, labels_path, classes=10, height=28, width=28):
    """Images uint8 [n, height, width] (0..255) and labels int32 [n] (0..classes - 1).

    Raises DataError, naming the file, when either is damaged or the two differ in length.
    """
    images = read_images(images_path, height, width)
    labels = read_labels(labels_path, classes)
    if len(images) != len(labels):
        raise DataError(f'{images_path} holds {len(images)} images but {labels_path} holds '
                        f'{len(labels)} labels: give two files of one set')
    return images, labels


def read_images(path, height=28, width=28):
    """Read-only uint8 [n, height, width], grey levels 0..255.

    Raises DataError when the file is not exactly such an array.
    """
    images = _read(path, axes=3)
    if images.shape[1:] != (height, width):
        raise DataError(f'{path}: images are {images.shape[1]}x{images.shape[2]}, expected '
                        f'{height}x{width}: this is another data set, delete it or give another --data-dir')
    return images


def read_labels(path, classes=10):
    """int32 [n], each 0..classes - 1. Raises DataError when the file is not exactly such an array."""
    labels = _read(path, axes=1)
    wrong = np.flatnonzero(labels >= classes)
    if len(wrong):
        raise DataError(f'{path}: label {labels[wrong[0]]} at position {wrong[0]} is not in '
                        f'0..{classes - 1}: delete the file or give another --data-dir')
    return labels.astype(np.int32)


def _read(path, axes):
    """The array of uint8 that a gzipped IDX file with that many axes holds."""
    mend = 'delete it or give another --data-dir'
    try:
        with gzip.open(path) as stream:
            content = stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f'{path}: cannot be read as gzip ({error}): {mend}') from error

    magic = bytes([0, 0, 8, axes])
    if content[:4] != magic:
        raise DataError(f'{path}: wrong magic number 0x{content[:4].hex()}, expected 0x{magic.hex()}: {mend}')
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f'{path}: ends inside its header: {mend}')
    shape = struct.unpack(f'>{axes}I', content[4:start])

    expected = 1
    for length in shape:
        expected *= length
    held = len(content) - start
    if held < expected:
        raise DataError(f'{path}: holds {held} bytes of data, its header says {expected}: {mend}')
    if held > expected:
        raise DataError(f'{path}: {held - expected} trailing bytes after the {expected} of its header: {mend}')
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
