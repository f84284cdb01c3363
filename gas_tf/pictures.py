"""samples.png: what the generators draw."""

import io

import numpy as np
from PIL import Image

from runs.files import atomic_write, user_errors

COLUMNS = 16
GAP = 2    # pixels between images
SCALE = 2  # each pixel is drawn as a square of this side


def save_samples(path, samples, mean, std):
    """Writes a grid with one row per generator.

    Args:
      path: of the PNG file.
      samples: list over generators of normalised images `[b, h, w, c]`; one
        channel is grey, three are colours, others stand one below the other.
      mean, std: of the normalisation; one number, or one per channel.
    """
    rows = []
    for images in samples:
        images = np.clip(images[:COLUMNS] * std + mean, 0., 1.)
        if images.shape[3] not in (1, 3):
            images = _below(images)
        padded = np.pad(images, [(0, 0), (GAP, 0), (GAP, 0), (0, 0)],
                        'constant', constant_values=1.)
        rows.append(np.concatenate(list(padded), axis=1))
    grid = np.rint(255 * np.concatenate(rows, axis=0)).astype(np.uint8)
    grid = grid.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    with user_errors('cannot write %s' % path):
        atomic_write(path, png(grid))


def save_observations(path, samples):
    """Draws generated observations: frames, or the statistics of vectors.

    Of vectors mean and deviation of every dimension; thin lines show 0 and 1,
    which the normaliser aims at.  Of frames a grid, those of one observation
    one below the other.

    Args:
      path: of the PNG file.
      samples: list of normalised observations `[b, d]`, or of frames in 0..1,
        `[b, h, w, n]`.
    """
    if samples[0].ndim == 4:
        save_samples(path, [_below(batch) for batch in samples], 0., 1.)
        return
    from matplotlib.figure import Figure
    batch = np.concatenate(samples)
    figure = Figure(figsize=(8, 4))
    panels = figure.subplots(2, 1, sharex=True)
    for panel, values, real, label in zip(
            panels, (batch.mean(0), batch.std(0)), (0, 1), ('mean', 'std')):
        panel.bar(np.arange(len(values)), values, width=0.8)
        panel.axhline(real, color='black', linewidth=0.8)
        panel.set_ylabel(label)
    panels[1].set_xlabel('dimension of %d generated observations' % len(batch))
    file = io.BytesIO()
    figure.savefig(file, format='png', metadata={'Software': None})
    with user_errors('cannot write %s' % path):
        atomic_write(path, file.getvalue())


def _below(images):
    """The channels of images `[b, h, w, c]` one below the other, `[b, h * c, w, 1]`."""
    return np.concatenate(np.split(images, images.shape[3], axis=3), axis=1)


def png(pixels):
    """The bytes of a PNG file of uint8 `[h, w, 1]` (grey) or `[h, w, 3]`."""
    file = io.BytesIO()
    image = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    Image.fromarray(image).save(file, 'PNG')
    return file.getvalue()
