"""The data sets themselves."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from gas_tf.data import dataset, digits, files, idx
from gas_tf.data.errors import DataError
from gas_tf.data.sources import FASHION, MNIST
from runs.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[3]
MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture(scope='module')
def handwritten():
    return dataset.load('digits')


def load_present(source):
    try:
        files.locate(source, download=False)
    except DataError as error:
        pytest.skip(str(error))
    return dataset.load(source.name, download=False)


def pixels(images, mean, std):
    """Back to grey levels."""
    return (images.astype(np.float64) * std + mean) * 255


def test_digits(handwritten):
    assert handwritten.name == 'digits' and handwritten.classes == 10
    assert handwritten.train_images.shape == (1297, 32, 32, 1) and handwritten.train_images.dtype == np.float32
    assert handwritten.test_images.shape == (500, 32, 32, 1) and handwritten.test_images.dtype == np.float32
    assert handwritten.train_labels.dtype == handwritten.test_labels.dtype == np.int32
    assert np.bincount(handwritten.test_labels).tolist() == [50] * 10
    assert np.bincount(handwritten.train_labels).tolist() == [128, 132, 127, 133, 131, 132, 131, 129, 124, 130]
    levels = pixels(handwritten.train_images, handwritten.mean, handwritten.std)
    assert levels.min() == pytest.approx(0, abs=1e-3) and levels.max() == pytest.approx(255, abs=1e-3)


def test_digits_constants_are_those_of_the_training_images(handwritten):
    scaled = pixels(handwritten.train_images, handwritten.mean, handwritten.std) / 255
    assert (round(scaled.mean(), 4), round(scaled.std(), 4)) == (digits.MEAN, digits.STD)


def test_digits_split_is_fixed_and_whole():
    _, labels = digits.read()
    train, test = digits.split(labels)
    assert np.array_equal(np.union1d(train, test), np.arange(1797)) and len(train) + len(test) == 1797
    assert test[:6].tolist() == [3, 7, 13, 16, 19, 22]  # the same images for ever
    assert all(np.array_equal(*pair) for pair in zip(digits.split(labels), (train, test)))


def test_digits_of_another_scikit_learn_are_refused(monkeypatch):
    monkeypatch.setitem(digits.MD5S, 'load_digits/target', '0' * 32)
    with pytest.raises(DataError, match='load_digits/target has md5 96ecbac7'):
        dataset.load('digits')


def test_normalise_by_hand():
    grey = np.array([0, 255, 51], np.uint8).reshape(3, 1, 1, 1)
    assert dataset.normalise(grey, 0.5, 0.25).ravel() == pytest.approx([-2, 2, -1.2])
    colour = np.array([[255, 0], [0, 255]], np.uint8).reshape(2, 1, 1, 2)
    assert dataset.normalise(colour, (0.0, 0.5), (1.0, 0.5)).tolist() == [[[[1, -1]]], [[[0, 1]]]]


def test_mnist():
    mnist = load_present(MNIST)
    assert mnist.train_images.shape == (60000, 32, 32, 1) and mnist.test_images.shape == (10000, 32, 32, 1)
    assert mnist.train_images.dtype == np.float32 and mnist.train_labels.dtype == np.int32
    assert np.bincount(mnist.train_labels).tolist() == MNIST_TRAIN
    assert np.bincount(mnist.test_labels).tolist() == MNIST_TEST
    assert mnist.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert (mnist.mean, mnist.std) == (0.1307, 0.3081)
    assert abs(mnist.train_images.mean()) < 0.01
    assert mnist.md5s == {file.name: file.md5 for file in MNIST.files}

    Image = pytest.importorskip('PIL.Image')
    name = MNIST.test_images.name
    original = idx.read_images(files.locate(MNIST, download=False)[name])[7]
    expected = np.asarray(Image.fromarray(original).resize((32, 32), Image.BILINEAR))
    assert np.abs(pixels(mnist.test_images[7, ..., 0], 0.1307, 0.3081) - expected).max() < 1e-3


def test_fashion():
    fashion = load_present(FASHION)
    assert np.bincount(fashion.train_labels).tolist() == [6000] * 10
    assert np.bincount(fashion.test_labels).tolist() == [1000] * 10
    assert (fashion.mean, fashion.std) == (0.2860, 0.3530)
    assert abs(fashion.train_images.mean()) < 0.01


def test_unknown_name():
    with pytest.raises(UserError, match="'minst': choose digits, mnist, fashion"):
        dataset.load('minst')


def test_validation_split(handwritten):
    train, validation = dataset.split_validation(handwritten, 200, seed=3)
    assert len(train) == 1097 and len(validation) == 200
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(1297))
    assert (np.diff(train) > 0).all() and (np.diff(validation) > 0).all()
    assert np.array_equal(validation, dataset.split_validation(handwritten, 200, seed=3)[1])
    assert not np.array_equal(validation, dataset.split_validation(handwritten, 200, seed=4)[1])


@pytest.mark.parametrize('n', [-1, 1297, 5000])
def test_validation_split_that_does_not_fit(handwritten, n):
    with pytest.raises(DataError, match='digits: cannot keep'):
        dataset.split_validation(handwritten, n, seed=0)


def test_import_is_light():
    code = ("import sys, threading, gas_tf.data.dataset; "
            "print([m for m in ('tensorflow', 'sklearn', 'PIL') if m in sys.modules], threading.active_count())")
    printed = subprocess.check_output([sys.executable, '-c', code], cwd=str(ROOT), universal_newlines=True)
    assert printed == '[] 1\n'
