"""Measures of collapse: numbers by hand."""

import numpy as np
import pytest

from gas_tf import collapse


def images(*levels):
    """One 2×2 image per level, all its pixels at that level."""
    return np.array([np.full((2, 2, 1), level) for level in levels], np.float32)


def test_two_classes_by_hand():
    probs = [np.array([[.9, .1], [.6, .4]], np.float32),
             np.array([[.2, .8], [.7, .3]], np.float32)]
    values = collapse.measures(probs, [images(0, 1), images(3, 3)])
    mean = np.array([.6, .4])
    assert values['class_entropy'] == pytest.approx(-np.sum(mean * np.log2(mean)), rel=1e-6)
    assert values['class_histogram'] == [.75, .25]
    # Pairs of levels 0, 1, 3, 3: 1 3 3 2 2 0 apart.
    assert values['pairwise_distance'] == pytest.approx(11 / 6.)
    assert values['pairwise_distance_min'] == pytest.approx(0., abs=1e-6)
    assert all(isinstance(v, float) for name, v in values.items() if name != 'class_histogram')


def test_distance_is_in_units_of_the_root_of_pixels():
    random = np.random.RandomState(0)
    x = random.randn(12, 4, 3, 2).astype(np.float32)
    distances = [np.sqrt(np.mean((a.astype(np.float64) - b) ** 2))
                 for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    assert collapse.mean_distance(x) == pytest.approx(np.mean(distances), rel=1e-9)


def test_identical_images_are_at_distance_zero():
    picture = np.random.RandomState(0).randn(1, 32, 32, 1).astype(np.float32)
    assert collapse.mean_distance(np.repeat(picture, 64, axis=0)) < 1e-6
    assert collapse.mean_distance(images(2, 2.5)) == pytest.approx(.5)


def test_each_generator_counts_apart():
    """Two generators, one image each: far apart together, nothing within."""
    probs = [np.full((3, 10), .1)] * 2
    values = collapse.measures(probs, [images(0, 0, 0), images(1, 1, 1)])
    assert values['pairwise_distance'] == pytest.approx(.6)     # 9 pairs of 15
    assert values['pairwise_distance_min'] < 1e-6


def test_class_entropy_ends():
    def of(mean):
        return collapse.measures([np.array([mean])], [images(0)])['class_entropy']
    assert of([1., 0., 0.]) == 0.
    assert of([1 / 3.] * 3) == pytest.approx(1.)


def healthy(**changes):
    values = {'class_entropy': .9, 'class_histogram': [.1] * 10,
              'pairwise_distance': .5, 'pairwise_distance_min': .3}
    values.update(changes)
    return values


def test_no_warning_on_healthy_images():
    assert collapse.warning(healthy()) is None
    assert collapse.warning(healthy(class_histogram=[.1, .9])) is None


def test_warning_for_one_class():
    line = collapse.warning(healthy(class_histogram=[0., .05, .95]))
    assert 'collapse' in line and 'class 2' in line and '95 %' in line and '\n' not in line


def test_warning_for_one_image():
    line = collapse.warning(healthy(pairwise_distance_min=.009))
    assert 'collapse' in line and 'one input' in line and '0.0090' in line and '\n' not in line
    assert collapse.warning(healthy(pairwise_distance_min=.011)) is None


def test_warning_from_measures():
    probs = [np.tile([.01, .98, .01], (4, 1))] * 2
    far = [images(0, 1, 2, 3), images(4, 5, 6, 7)]
    assert 'class 1' in collapse.warning(collapse.measures(probs, far))
    probs = [np.eye(4), np.eye(4)]
    assert collapse.warning(collapse.measures(probs, far)) is None
    assert 'one input' in collapse.warning(collapse.measures(probs, [far[0], images(9, 9, 9, 9)]))
