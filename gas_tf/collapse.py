"""Measures of mode collapse: one class, or one image, takes over."""

import numpy as np

CLASS_SHARE = 0.9     # of the teacher's answers: one class has taken over
IMAGE_DISTANCE = 0.01  # of √pixels, the distance scale of normalised images


def measures(teacher_probs, images):
    """What a batch of generated images says about collapse.

    Args:
      teacher_probs: list over generators of `[b, K]`, the teacher's outputs.
      images: list over generators of `[b, ...]`, the generated inputs.

    Returns:
      dict: `class_entropy`, H(p̄) / log K in 0..1; `class_histogram`, K shares
      of the teacher's argmax; `pairwise_distance`, the mean Euclidean distance
      between two images of the whole batch in units of √(numbers per image);
      `pairwise_distance_min`, the least such mean within one generator.
    """
    probs = np.concatenate(teacher_probs).astype(np.float64)
    classes = probs.shape[1]
    mean = probs.mean(0)
    distance = mean_distance(np.concatenate(images))
    entropy = -np.sum(np.where(mean > 0, mean * np.log(np.maximum(mean, 1e-300)), 0.))
    histogram = np.bincount(probs.argmax(1), minlength=classes) / len(probs)
    return {
        'class_entropy': float(entropy / np.log(classes)),
        'class_histogram': [float(share) for share in histogram],
        'pairwise_distance': distance,
        'pairwise_distance_min': min(
            [mean_distance(x) for x in images if len(x) > 1] or [distance]),
    }


def mean_distance(images):
    """Mean over all pairs of the root mean squared difference per number."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    squares = np.sum(flat ** 2, axis=1)
    squared = squares[:, None] + squares[None, :] - 2. * flat @ flat.T
    distances = np.sqrt(np.maximum(squared, 0.) / flat.shape[1])
    pairs = len(flat) * (len(flat) - 1)
    return float((distances.sum() - np.trace(distances)) / max(pairs, 1))


def warning(values):
    """One line when one class or one image has taken over, else None."""
    histogram = values['class_histogram']
    top = int(np.argmax(histogram))
    if histogram[top] > CLASS_SHARE:
        return ('collapse: the teacher calls %.0f %% of the generated inputs '
                'class %d' % (100 * histogram[top], top))
    if values['pairwise_distance_min'] < IMAGE_DISTANCE:
        return ('collapse: a generator draws one image only (mean distance '
                '%.4f)' % values['pairwise_distance_min'])
    return None
