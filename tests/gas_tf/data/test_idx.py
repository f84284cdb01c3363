"""The IDX reader accepts exact files only."""

import gzip
import struct

import numpy as np
import pytest

from gas_tf.data import idx
from gas_tf.data.errors import DataError

PIXELS = np.random.RandomState(0).randint(0, 256, [3, 28, 28]).astype(np.uint8)
IMAGES = struct.pack('>IIII', 2051, 3, 28, 28) + PIXELS.tobytes()
LABELS = struct.pack('>II', 2049, 3) + bytes([7, 0, 9])


def write(path, content):
    path.write_bytes(gzip.compress(content))
    return str(path)


def check(path, message, read):
    with pytest.raises(DataError) as caught:
        read(str(path))
    assert message in str(caught.value) and str(path) in str(caught.value) and '\n' not in str(caught.value)


def test_exact_files(tmp_path):
    images, labels = idx.read_pair(write(tmp_path / 'images.gz', IMAGES), write(tmp_path / 'labels.gz', LABELS))
    assert images.dtype == np.uint8 and (images == PIXELS).all()
    assert labels.dtype == np.int32 and labels.tolist() == [7, 0, 9]


@pytest.mark.parametrize('content, message', [
    (LABELS, 'wrong magic number 0x00000801, expected 0x00000803'),
    (b'', 'wrong magic number 0x,'),
    (IMAGES[:15], 'ends inside its header'),
    (IMAGES[:-1], 'holds 2351 bytes of data, its header says 2352'),
    (IMAGES + b'xy', '2 trailing bytes after the 2352'),
    (struct.pack('>IIII', 2051, 4, 28, 28) + IMAGES[16:], 'holds 2352 bytes of data, its header says 3136'),
    (struct.pack('>IIII', 2051, 3, 14, 56) + IMAGES[16:], 'images are 14x56, expected 28x28'),
    (struct.pack('>IIII', 2051, *[2 ** 32 - 1] * 3) + IMAGES[16:], 'its header says 7922816'),
], ids=['labels', 'empty', 'half a header', 'byte short', 'trailing', 'count too high', 'other axes', 'huge'])
def test_damaged_images(tmp_path, content, message):
    check(write(tmp_path / 'images.gz', content), message, idx.read_images)


@pytest.mark.parametrize('content, message', [
    (IMAGES, 'wrong magic number 0x00000803, expected 0x00000801'),
    (LABELS[:-1], 'holds 2 bytes of data, its header says 3'),
    (LABELS[:-1] + bytes([10]), 'label 10 at position 2 is not in 0..9'),
], ids=['images', 'byte short', 'out of range'])
def test_damaged_labels(tmp_path, content, message):
    check(write(tmp_path / 'labels.gz', content), message, idx.read_labels)


def flipped(content, position):
    return content[:position] + bytes([content[position] ^ 0xff]) + content[position + 1:]


@pytest.mark.parametrize('damage', [
    lambda packed: packed[:len(packed) // 2],
    lambda packed: packed[:-4],
    lambda packed: flipped(packed, len(packed) // 2),
    lambda packed: flipped(packed, len(packed) - 8),  # the stored crc
    lambda packed: packed + b'junk',
    lambda packed: IMAGES,
    lambda packed: flipped(packed, 10),
], ids=['half', 'no length', 'flipped byte', 'wrong crc', 'junk after', 'not gzip', 'bad block'])
def test_damaged_gzip(tmp_path, damage):
    path = tmp_path / 'images.gz'
    path.write_bytes(damage(gzip.compress(IMAGES)))
    check(path, 'cannot be read as gzip', idx.read_images)


def test_images_and_labels_of_different_sets(tmp_path):
    images = write(tmp_path / 'images.gz', IMAGES)
    labels = write(tmp_path / 'labels.gz', struct.pack('>II', 2049, 2) + bytes(2))
    check(labels, f'{images} holds 3 images but {labels} holds 2 labels',
          lambda path: idx.read_pair(images, path))
