"""Accuracy of a classifier on labelled images."""

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf.inputs import TOWERS

CHUNK = 1000  # images per session call


class Accuracy:
    """Counts right answers of a network, in the current graph.

    Args:
      network: images `[b, ...]` to `Outputs`.
      image_shape: of one image.
    """

    def __init__(self, network, image_shape):
        self._images = tf.placeholder(tf.float32, [CHUNK] + list(image_shape))
        answers = [tf.argmax(network(part).logits, axis=1)
                   for part in tf.split(self._images, TOWERS, axis=0)]
        self._answers = tf.concat(answers, axis=0)

    def __call__(self, session, images, labels):
        """Share of `images [n, ...]` whose argmax is `labels [n]`."""
        right = 0
        for start in range(0, len(images), CHUNK):
            part = images[start:start + CHUNK]
            padded = np.zeros((CHUNK,) + images.shape[1:], np.float32)
            padded[:len(part)] = part
            answers = session.run(self._answers, {self._images: padded})
            right += int(np.sum(
                answers[:len(part)] == labels[start:start + CHUNK]))
        return right / len(images)
