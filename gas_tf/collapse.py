"""Measures of mode collapse: one class, or one input, takes over."""

import numpy as np

CLASS_SHARE = 0.9     # of the teacher's answers: one class has taken over
INPUT_DISTANCE = 0.01  # of √numbers, the distance scale of normalised inputs


def measures(teacher_probs, inputs):
    """What a batch of generated inputs says about collapse.

    Args:
      teacher_probs: list over sub-batches of `[b, K]`, the teacher's outputs;
        [] where they are not over categories.
      inputs: list over generators of `[b, ...]`.

    Returns:
      dict: `class_entropy`, H(p̄) / log K in 0..1; `class_histogram`, K shares
      of the teacher's argmax; `pairwise_distance`, the mean Euclidean distance
      between two inputs of the whole batch in units of √(numbers per input);
      `pairwise_distance_min`, the least such mean of one generator.  Of
      vectors too `input_mean`, `input_std` and `input_std_spread`, see `moments`.
    """
    batch = np.concatenate(inputs)
    distance = mean_distance(batch)
    found = {
        'pairwise_distance': distance,
        'pairwise_distance_min': min(
            [mean_distance(x) for x in inputs if len(x) > 1] or [distance])}
    if teacher_probs:
        probs = np.concatenate(teacher_probs).astype(np.float64)
        classes, mean = probs.shape[1], probs.mean(0)
        entropy = -np.sum(np.where(
            mean > 0, mean * np.log(np.maximum(mean, 1e-300)), 0.))
        histogram = np.bincount(probs.argmax(1), minlength=classes) / len(probs)
        found.update(
            class_entropy=float(entropy / np.log(classes)),
            class_histogram=[float(share) for share in histogram])
    if batch.ndim == 2:
        found.update(moments(batch, 'input'))
    return found


def moments(batch, name):
    """How far vectors `[b, d]` are from mean 0 and variance 1 in every dimension.

    Returns:
      {name_mean: root mean square over the dimensions of the mean, name_std:
      mean over them of the deviation, name_std_spread: deviation of that over
      the dimensions}.
    """
    batch = batch.astype(np.float64)
    deviations = batch.std(0)
    return {name + '_mean': float(np.sqrt(np.mean(batch.mean(0) ** 2))), name + '_std': float(deviations.mean()),
            name + '_std_spread': float(deviations.std())}


def mean_distance(images):
    """Mean over all pairs of the root mean squared difference per number."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    squares = np.sum(flat ** 2, axis=1)
    squared = squares[:, None] + squares[None, :] - 2. * flat @ flat.T
    distances = np.sqrt(np.maximum(squared, 0.) / flat.shape[1])
    pairs = len(flat) * (len(flat) - 1)
    return float((distances.sum() - np.trace(distances)) / max(pairs, 1))


def warning(values):
    """One line when one class or one input has taken over, else None."""
    histogram = values.get('class_histogram', [0.])
    top = int(np.argmax(histogram))
    if histogram[top] > CLASS_SHARE:
        return ('collapse: the teacher calls %.0f %% of the generated inputs '
                'class %d' % (100 * histogram[top], top))
    if values.get('pairwise_distance_min', 1.) < INPUT_DISTANCE:
        return ('collapse: a generator draws one input only (mean distance '
                '%.4f)' % values['pairwise_distance_min'])
    return None
