"""samples.png: what the generators draw."""

import os

import numpy as np
from matplotlib import image as png

from runs.files import removed_on_failure, temporary_name, user_errors

COLUMNS = 16
GAP = 2  # pixels between images


def save_samples(path, samples, mean, std):
    """Writes a grid with one row per generator.

    Args:
      path: of the PNG file.
      samples: list over generators of normalised images `[b, h, w, c]`.
      mean, std: of the normalisation; one number, or one per channel.
    """
    rows = []
    for images in samples:
        images = np.clip(images[:COLUMNS] * std + mean, 0., 1.)
        padded = np.pad(images, [(0, 0), (GAP, 0), (GAP, 0), (0, 0)],
                        'constant', constant_values=1.)
        rows.append(np.concatenate(list(padded), axis=1))
    grid = np.concatenate(rows, axis=0)
    if grid.shape[2] == 1:
        grid = np.repeat(grid, 3, axis=2)
    grid = np.kron(grid, np.ones((2, 2, 1)))  # seen at twice its size
    with user_errors('cannot write %s' % path):
        temporary = temporary_name(str(path))
        with removed_on_failure(temporary):
            png.imsave(temporary, grid, format='png')
            os.replace(temporary, str(path))
