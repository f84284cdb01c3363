"""Layers in a form that is fast on the CPU and equal to TensorFlow's plain op.

Two rewrites carry the speed; tests hold both to the plain op in values and
gradients.

- `convolution_relu_pool`: the four outputs that one 2×2 max-pool compares are
  four kernels on the same 6×6 window, so they are channels of one convolution
  on the image cut in 2×2 blocks, and pooling is a maximum of channels.  A
  one-channel image then has four channels, which the matrix product can use.
- `transposed_convolution`: an output pixel of a stride-2 transposed convolution
  sees only the taps of its own parity: four small convolutions on the small
  image, interleaved.  TensorFlow's own op spreads every product over memory
  instead.  The gradient by the input is a strided convolution and already fast:
  kept; the one by the kernel is written as a convolution too.

Nearest-neighbour ×2 followed by a 3×3 convolution is such a transposed
convolution, with a 4×4 kernel (`upsampling_kernel`).
"""

import numpy as np
import tensorflow.compat.v1 as tf


def convolution_relu_pool(x, kernel, bias):
    """relu(max_pool_2×2(conv_5×5(x) + bias)), VALID padding.

    Args:
      x: `[b, h, w, c]`, h and w even.
      kernel: `[5, 5, c, n]`.
      bias: `[n]`.

    Returns:
      `[b, (h - 4) / 2, (w - 4) / 2, n]`.
    """
    channels, filters = kernel.shape.as_list()[2:]
    shifted = tf.concat(
        [tf.pad(kernel, [[row, 1 - row], [column, 1 - column], [0, 0], [0, 0]])
         for row in (0, 1) for column in (0, 1)], axis=3)
    blocks = tf.reshape(shifted, [3, 2, 3, 2, channels, 4 * filters])
    blocks = tf.reshape(tf.transpose(blocks, [0, 2, 1, 3, 4, 5]),
                        [3, 3, 4 * channels, 4 * filters])
    x = tf.space_to_depth(x, 2)
    if channels == 1:
        four = _narrow_convolution(x, blocks)
    else:
        four = tf.nn.conv2d(x, blocks, 1, 'VALID')
    a, b, c, d = tf.split(four, 4, axis=3)
    # The bias is the same for all four, so it may follow the maximum.
    return tf.nn.relu(
        tf.maximum(tf.maximum(a, b), tf.maximum(c, d)) + bias)


def plain_convolution_relu_pool(x, kernel, bias):
    """As `convolution_relu_pool`, by TensorFlow's operations as they are."""
    x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, 'VALID') + bias)
    return tf.nn.max_pool2d(x, 2, 2, 'VALID')


def _narrow_convolution(x, kernel):
    """conv2d with VALID padding for few channels, as one matrix product.

    The rows of the product depend on `x` alone, so teacher and student, which
    see the same image, share them: TensorFlow merges equal nodes.

    Args:
      x: `[b, h, w, c]`.
      kernel: `[k, k, c, n]`.

    Returns:
      `[b, h - k + 1, w - k + 1, n]`.
    """
    height, width, channels = x.shape.as_list()[1:]
    size, filters = int(kernel.shape[0]), int(kernel.shape[3])
    height, width = height - size + 1, width - size + 1
    rows = tf.reshape(
        tf.concat([x[:, i:i + height, j:j + width]
                   for i in range(size) for j in range(size)], axis=3),
        [-1, size * size * channels])

    @tf.custom_gradient
    def product(x, kernel, rows):
        def gradient(upstream):
            dx = tf.nn.conv2d_backprop_input(
                tf.shape(x), kernel, upstream, [1, 1, 1, 1], 'VALID')
            dy = tf.reshape(upstream, [-1, filters])
            dkernel = tf.matmul(rows, dy, transpose_a=True)
            return dx, tf.reshape(dkernel, kernel.shape), None
        y = tf.matmul(rows, tf.reshape(kernel, [-1, filters]))
        return tf.reshape(y, [-1, height, width, filters]), gradient

    return product(x, kernel, tf.stop_gradient(rows))


def upsampling_kernel(kernel):
    """The transposed convolution equal to nearest ×2, then a 3×3 convolution.

    Args:
      kernel: `[3, 3, c_in, c_out]`, as `tf.nn.conv2d` takes it.

    Returns:
      `[4, 4, c_out, c_in]`, as `transposed_convolution` takes it (stride 2,
      SAME padding): each small pixel is seen through the 2×2 block that it was
      copied to, so the 3×3 taps are summed over a 2×2 window.
    """
    padded = tf.pad(kernel, [[1, 1], [1, 1], [0, 0], [0, 0]])
    rows = padded[:-1] + padded[1:]
    summed = rows[:, :-1] + rows[:, 1:]
    return tf.transpose(summed[::-1, ::-1], [0, 1, 3, 2])


def transposed_convolution(x, kernel):
    """Transposed convolution with stride 2 and SAME padding.

    Args:
      x: `[b, h, w, c_in]`.
      kernel: `[k, k, c_out, c_in]`, k 4 or 5, as `tf.nn.conv2d_transpose`.

    Returns:
      `[b, 2h, 2w, c_out]`.
    """
    if int(kernel.shape[2]) < 8:
        # Few outputs: the matrix products of the phases would be too thin.
        return _plain_transposed(x, kernel)

    @tf.custom_gradient
    def by_phases(x, kernel):
        def gradient(upstream):
            strided = tf.nn.conv2d(upstream, kernel, 2, 'SAME')
            return strided, _kernel_gradient(x, kernel, upstream)
        return _interleave(
            [tf.nn.conv2d(x, taps, 1, padding)
             for taps, padding in _phases(kernel)]), gradient

    return by_phases(x, tf.convert_to_tensor(kernel))


def _kernel_gradient(x, kernel, upstream):
    """The gradient of a transposed convolution by its kernel.

        dK[u, v, o, i] = Σ_{b, m, n} dy[b, 2m + u - 1, 2n + v - 1, o] · x[b, m, n, i]

    is a convolution that sums over images as over channels: dy is its image, one
    per output channel, and x its dilated kernel.
    """
    size = int(kernel.shape[0])
    around = [(size - 2) // 2, (size - 1) // 2]
    gradient = tf.nn.conv2d(
        tf.transpose(upstream, [3, 1, 2, 0]), tf.transpose(x, [1, 2, 0, 3]), 1,
        [[0, 0], around, around, [0, 0]], dilations=2)
    return tf.transpose(gradient, [1, 2, 0, 3])


def _plain_transposed(x, kernel):
    batch, height, width, _ = x.shape.as_list()
    shape = [batch, 2 * height, 2 * width, int(kernel.shape[2])]
    return tf.nn.conv2d_transpose(x, kernel, shape, 2, 'SAME')


def _phases(kernel):
    """The four stride-1 kernels `[r, s, c_in, c_out]` with their paddings.

    y[2m + p] = Σ_a x[m + a] · kernel[p − 2a + 1], for both axes.
    """
    size = int(kernel.shape[0])
    offsets = [[a for a in (-1, 0, 1) if 0 <= parity - 2 * a + 1 < size]
               for parity in (0, 1)]
    phases = []
    for p in (0, 1):
        for q in (0, 1):
            taps = tf.stack(
                [tf.stack([kernel[p - 2 * a + 1, q - 2 * b + 1]
                           for b in offsets[q]]) for a in offsets[p]])
            padding = [[0, 0], [-offsets[p][0], offsets[p][-1]],
                       [-offsets[q][0], offsets[q][-1]], [0, 0]]
            phases.append((tf.transpose(taps, [0, 1, 3, 2]), padding))
    return phases


def _interleave(phases):
    """Four `[b, h, w, c]` by (row, column) parity, as one `[b, 2h, 2w, c]`.

    Concatenation moves whole rows of channels: faster than depth_to_space.
    """
    batch, height, width, channels = phases[0].shape.as_list()
    rows = [tf.reshape(tf.concat(phases[2 * p:2 * p + 2], axis=3),
                       [batch, height, 1, 2 * width * channels])
            for p in (0, 1)]
    return tf.reshape(tf.concat(rows, axis=2),
                      [batch, 2 * height, 2 * width, channels])


def batch_normalisation(x, epsilon, scale=None, offset=None):
    """Normalises each channel over the batch (and space): batch statistics always.

    The gradient is written out: it needs two passes over `x`, and automatic
    differentiation through mean and variance takes many.

    Args:
      x: `[b, ..., c]`.
      epsilon: added to the variance.
      scale, offset: `[c]`, or None for a normalisation without weights.

    Returns:
      `(x - mean) / √(variance + epsilon) · scale + offset`, of the shape of x.
    """
    channels = int(x.shape[-1])

    @tf.custom_gradient
    def normalised(x, scale, offset):
        flat = tf.reshape(x, [-1, channels])
        centred = flat - _column_mean(flat)
        deviation = tf.rsqrt(_column_mean(tf.square(centred)) + epsilon)
        factor = deviation * scale

        def gradient(upstream):
            dy = tf.reshape(upstream, [-1, channels])
            unit = centred * deviation
            mean_dy = _column_mean(dy)
            mean_dy_unit = _column_mean(dy * unit)
            dx = (dy - mean_dy - unit * mean_dy_unit) * factor
            rows = float(int(flat.shape[0]))
            return (tf.reshape(dx, x.shape),
                    tf.reshape(mean_dy_unit * rows, [channels]),
                    tf.reshape(mean_dy * rows, [channels]))

        return tf.reshape(centred * factor + offset, x.shape), gradient

    return normalised(
        x,
        tf.ones([channels]) if scale is None else tf.convert_to_tensor(scale),
        tf.zeros([channels]) if offset is None else tf.convert_to_tensor(offset))


def _column_mean(x):
    """Mean of each column of `[n, c]`, `[1, c]`.

    As a matrix product where there are several columns: TensorFlow's own
    reduction over rows does not use the vector units there.
    """
    rows, columns = x.shape.as_list()
    if columns < 8:
        return tf.reduce_mean(x, axis=0, keepdims=True)
    return tf.matmul(tf.fill([1, rows], np.float32(1. / rows)), x)
