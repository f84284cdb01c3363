"""What a student is worth, in numbers of the log."""

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
        answers = [network(part).distribution.mode()
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


class Evaluation:
    """What the log says of a student beside the losses.

    Attributes:
      metric: what the result tells, last and best.
      best_by: what chooses the student that is kept, the greatest;
        with `least`, the least.
      also: {name: (number of the log, whether the least)} of further students
        that are kept.
    """

    metric = best_by = 'accuracy'
    least, also = False, {}

    def __call__(self, session, step):
        """{name in the log: number} after `step` student updates."""
        raise NotImplementedError

    def of_the_kept(self, session, name, row):
        """What else the result says of a student that was kept and is loaded.

        Args:
          name: 'best', or one of `also`; row: its evaluation's numbers.
        """
        return {}

    def shown(self, value):
        """The metric in a line of progress."""
        return '%.4f' % value


class OnTest(Evaluation):
    """Accuracy on a data set's test images, and on training images set aside.

    Args:
      student: network: images to `Outputs`, in the current graph.
      dataset: a `data.dataset.Dataset`.
      validation_indices: positions of the training images set aside.
    """

    metric, best_by = 'accuracy', 'validation_accuracy'

    def __init__(self, student, dataset, validation_indices):
        self._accuracy = Accuracy(student, dataset.train_images.shape[1:])
        self._test = dataset.test_images, dataset.test_labels
        self._validation = (dataset.train_images[validation_indices],
                            dataset.train_labels[validation_indices])

    def __call__(self, session, step):
        return {'accuracy': self._accuracy(session, *self._test),
                'validation_accuracy': self._accuracy(session, *self._validation)}


class OnData(Evaluation):
    """Accuracy on images `[n, ...]` with labels `[n]`.

    They choose nothing, so that it is free of the choice's bias: the last
    student is kept.
    """

    best_by = 'student_step'

    def __init__(self, student, images, labels):
        self._accuracy = Accuracy(student, images.shape[1:])
        self._data = images, labels

    def __call__(self, session, step):
        return {'accuracy': self._accuracy(session, *self._data)}


class Agreement(Evaluation):
    """Share of fresh generated inputs on which teacher and student agree.

    What can be said without any data.  It is no accuracy: the generators seek
    inputs on which the two differ, and find harder ones as they learn.  So it
    ranks no students either, and the last one is kept.
    """

    metric, best_by = 'agreement', 'student_step'

    def __init__(self, algorithm):
        self._algorithm = algorithm
        self._share = algorithm.agreement()

    def __call__(self, session, step):
        return {'agreement': float(session.run(
            self._share, {self._algorithm.step: step}))}
