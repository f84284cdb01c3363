"""Bilinear resizing of grey images, equal to Pillow's, as two small matrix products.

Pillow resizes the rows first and rounds, then the columns and rounds again, with
half-pixel centres. From 28 or 8 to 32 every weight is a multiple of 1/16, exact in
float32: there the result is Pillow's bit for bit, in whatever order the BLAS adds.
"""

import numpy as np

CHUNK = 4096  # images at a time, which bounds the float32 temporaries to some 50 MB


def resize(images, size=32):
    """uint8 [n, h, w] -> uint8 [n, size, size]: `Image.resize((size, size), Image.BILINEAR)`."""
    n, height, width = images.shape
    rows, columns = _weights(height, size), _weights(width, size).T
    resized = np.empty([n, size, size], np.uint8)
    for start in range(0, n, CHUNK):
        chunk = images[start:start + CHUNK].astype(np.float32)
        wide = _round(chunk.reshape(-1, width) @ columns).reshape(-1, height, size)
        resized[start:start + CHUNK] = _round(rows @ wide)
    return resized


def _weights(old, new):
    """float32 [new, old]: the share of each old pixel in each new one; rows sum to 1."""
    scale = old / new
    reach = max(scale, 1.0)  # Pillow widens the triangle when it shrinks an image
    centres = (np.arange(new) + 0.5) * scale
    pixels = np.arange(old) + 0.5
    triangle = np.maximum(0.0, 1.0 - np.abs(pixels - centres[:, np.newaxis]) / reach)
    return (triangle / triangle.sum(axis=1, keepdims=True)).astype(np.float32)


def _round(levels):
    """Half up, as Pillow rounds; float32 in place."""
    levels += np.float32(0.5)
    return np.floor(levels, out=levels)
