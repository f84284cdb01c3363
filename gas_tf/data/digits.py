"""Scikit-learn's handwritten digits: 1,797 images that need no network."""

import hashlib

import numpy as np

from gas_tf.data.errors import DataError

MEAN, STD = 0.3063, 0.3240  # of the enlarged training images scaled to 0..1, four digits
CLASSES = 10
TEST_PER_CLASS = 50
SPLIT_SEED = 0  # fixed: the test images are the same in every run
MD5S = {  # of the bytes of the arrays as uint8, values 0..16 and 0..9
    'load_digits/images': 'fa70cba135d4cdd4cde65da70dbffde2',
    'load_digits/target': '96ecbac7ce6c9c7e9f9f82160cffba40',
}


def read():
    """Images uint8 [1797, 8, 8] (grey levels 0..255), labels int32 [1797].

    Raises DataError when scikit-learn is absent or holds other digits.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError('digits: scikit-learn is not installed: pip install scikit-learn') from error
    bunch = load_digits()
    images, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.uint8)
    for array, (name, expected) in zip((images, labels), MD5S.items()):
        found = hashlib.md5(array.tobytes()).hexdigest()
        if found != expected:
            raise DataError(f'digits: sklearn.datasets.{name} has md5 {found}, expected {expected}: '
                            'install another scikit-learn')
    return np.rint(images * (255 / 16)).astype(np.uint8), labels.astype(np.int32)


def split(labels):
    """Sorted positions (train [1297], test [500]): 50 test images of every class, drawn by a fixed seed."""
    random = np.random.RandomState(SPLIT_SEED)
    drawn = [random.permutation(np.flatnonzero(labels == label))[:TEST_PER_CLASS]
             for label in range(CLASSES)]
    test = np.sort(np.concatenate(drawn))
    return np.setdiff1d(np.arange(len(labels)), test), test
