"""Resizing equals Pillow's."""

import time

import numpy as np
import pytest

from gas_tf.data.digits import read as read_digits
from gas_tf.data.resize import CHUNK, resize


def pillow(images, size=32):
    Image = pytest.importorskip('PIL.Image', reason='Pillow is what the resizing is compared with')
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size), Image.BILINEAR)) for image in images])


def random_images(*shape):
    return np.random.RandomState(1).randint(0, 256, shape).astype(np.uint8)


def test_digits_are_pillows_bit_for_bit():
    images, _ = read_digits()
    assert (resize(images) == pillow(images)).all()


def test_random_28_to_32_is_pillows_bit_for_bit_over_chunks():
    images = random_images(CHUNK + 3, 28, 28)
    images[0], images[-1] = 0, 255
    assert (resize(images) == pillow(images)).all()


@pytest.mark.parametrize('shape, size', [((20, 17, 23), 32), ((20, 48, 40), 32), ((5, 28, 28), 61)])
def test_any_size_is_within_a_grey_level(shape, size):
    images = random_images(*shape)
    assert np.abs(resize(images, size).astype(int) - pillow(images, size)).max() <= 1


def test_32_to_32_changes_nothing():
    images = random_images(7, 32, 32)
    assert (resize(images) == images).all()


def test_by_hand():
    # 1 -> 2 copies; 2 -> 4 has centres at -0.25, 0.25, 0.75, 1.25: shares 1, 3/4, 1/4, 0
    assert resize(np.full([1, 1, 1], 9, np.uint8), 2).tolist() == [[[9, 9], [9, 9]]]
    row = resize(np.array([[[0, 100], [0, 100]]], np.uint8), 4)[0, 0]
    assert row.tolist() == [0, 25, 75, 100]


def test_speed():
    images = random_images(6000, 28, 28)
    start = time.perf_counter()
    resize(images)
    assert time.perf_counter() - start < 2  # 20 s for 60,000 images; Pillow needs about 2
