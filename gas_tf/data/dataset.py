"""A labelled image data set, ready for a network, by name."""

import zlib
from dataclasses import dataclass
from typing import Dict, Tuple, Union

import numpy as np

from gas_tf.data import digits, files, idx
from gas_tf.data.errors import DataError
from gas_tf.data.resize import CHUNK, resize
from gas_tf.data.sources import SOURCES


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images are 32x32 and hold (x / 255 - mean) / std of grey levels x."""

    name: str
    train_images: np.ndarray  # float32 [n, 32, 32, channels]
    train_labels: np.ndarray  # int32 [n], 0..classes - 1
    test_images: np.ndarray   # float32 [m, 32, 32, channels]
    test_labels: np.ndarray   # int32 [m], 0..classes - 1
    classes: int              # how many
    mean: Union[float, Tuple[float, ...]]  # of pixels scaled to 0..1; a tuple has one per channel
    std: Union[float, Tuple[float, ...]]
    md5s: Dict[str, str]      # of what it was read from: file name -> md5


def load(name, data_dir=None, download=True):
    """The Dataset called 'digits', 'mnist' or 'fashion'.

    `data_dir` is searched before the other places (see `files.places`); what is
    nowhere is downloaded into the cache unless `download` is false.
    Raises DataError: unknown name, files missing, damaged or out of reach.
    """
    if name == 'digits':
        return _load_digits()
    if name in SOURCES:
        return _load_idx(SOURCES[name], data_dir, download)
    raise DataError(f"no data set is called '{name}': choose {', '.join(['digits', *SOURCES])}")


def split_validation(dataset, n, seed):
    """Sorted positions in the training set: (train [N - n], validation [n]), disjoint.

    The `n` validation images are a function of (seed, N) alone.
    Raises DataError when the training set has no more than `n` images.
    """
    total = len(dataset.train_labels)
    if not 0 <= n < total:
        raise DataError(f'{dataset.name}: cannot keep {n} of {total} training images for validation: '
                        f'give a number from 0 to {total - 1}')
    random = np.random.RandomState([zlib.crc32(b'data/validation'), seed])
    order = random.permutation(total)
    return np.sort(order[n:]), np.sort(order[:n])


def normalise(images, mean, std):
    """uint8 [n, h, w, channels] -> float32 of the same shape, (x / 255 - mean) / std per channel."""
    levels = np.arange(256)[:, np.newaxis] / 255.0
    table = ((levels - mean) / std * np.ones(images.shape[-1])).astype(np.float32)  # [256, channels]
    normalised = np.empty(images.shape, np.float32)
    for start in range(0, len(images), CHUNK):
        chunk = slice(start, start + CHUNK)
        for channel in range(images.shape[-1]):
            normalised[chunk, ..., channel] = table[images[chunk, ..., channel], channel]
    return normalised


def _load_digits():
    images, labels = digits.read()
    train, test = digits.split(labels)
    images = normalise(resize(images)[..., np.newaxis], digits.MEAN, digits.STD)
    return Dataset('digits', images[train], labels[train], images[test], labels[test],
                   digits.CLASSES, digits.MEAN, digits.STD, dict(digits.MD5S))


def _load_idx(source, data_dir, download):
    paths = files.locate(source, data_dir, download)

    def read(images_file, labels_file):
        images, labels = idx.read_pair(paths[images_file.name], paths[labels_file.name], source.classes)
        return normalise(resize(images)[..., np.newaxis], source.mean, source.std), labels

    train_images, train_labels = read(source.train_images, source.train_labels)
    test_images, test_labels = read(source.test_images, source.test_labels)
    return Dataset(source.name, train_images, train_labels, test_images, test_labels,
                   source.classes, source.mean, source.std,
                   {file.name: file.md5 for file in source.files})
