"""Means and covariances that noise can have: of real observations, or from the teacher's first weights."""

import numpy as np
from threadpoolctl import threadpool_limits

from ppo.normalizer import CLIP

ROWS = 10000  # of observations in double precision at once


def of_observations(observations, mean, std):
    """Moments of what the networks see of raw observations.

    Args:
      observations: `[n, d]`; mean, std: the normaliser's, `[d]`.

    Returns:
      (mean `[d]`, covariance `[d, d]`), float64, after normalising and clipping.
    """
    def seen():
        for i in range(0, len(observations), ROWS):
            yield np.clip((observations[i:i + ROWS].astype(np.float64) - mean) / std, -CLIP, CLIP)

    centre = sum(part.sum(axis=0) for part in seen()) / len(observations)
    with _one_thread():
        squares = sum((part - centre).T @ (part - centre) for part in seen())
    return centre, squares / len(observations)


def of_weights(kernel, share):
    """Mean 0, variance 1, and a share of the correlations that the teacher's first weights have.

    Two numbers are taken to be correlated by the cosine of their rows; the
    rest of the variance is independent.  That is a guess: training adds to
    the first weights what the inputs are, so that they come to lie along the
    directions in which these vary most.  Single correlations agree little
    with real ones, the leading directions more.

    Args:
      kernel: the first layer's, `[d, units]`; share: 0..1.

    Returns:
      (mean `[d]`, covariance `[d, d]`), float64.
    """
    rows = kernel.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(lengths > 0, lengths, 1.)
    with _one_thread():
        covariance = share * (rows @ rows.T)
    np.fill_diagonal(covariance, 1.)
    return np.zeros(len(kernel)), covariance


def square_root(covariance):
    """The symmetric square root `[d, d]` of a covariance, float32."""
    with _one_thread():
        values, vectors = np.linalg.eigh(np.asarray(covariance, np.float64))
        return np.float32((vectors * np.sqrt(np.maximum(values, 0.))) @ vectors.T)


def _one_thread():
    """The bits do not depend on how many cores there are."""
    return threadpool_limits(1)
