"""A teacher and a student of one's own that train in a second."""

import io

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf.own_models import distil
from runs import determinism
from runs.display import Display

SHAPE, CLASSES = (8, 12, 2), 3
WEIGHTS = {'dense/kernel': np.random.RandomState(0).randn(192, CLASSES).astype(np.float32) / 3,
           'dense/bias': np.float32([.1, .2, .3])}
SMALL = dict(generator__widths=(4, 3), generator__count=2, generator__noise_size=5, schedule__batch_size=8,
             schedule__student_steps=40, schedule__n_student=10, schedule__n_generator=2,
             schedule__reset_every=20, schedule__evaluate_every=20, student__learning_rate=.01)


def linear(images):
    """A function with variables."""
    flat = tf.reshape(images, [-1, int(np.prod(images.shape.as_list()[1:]))])
    kernel = tf.get_variable('dense/kernel', [192, CLASSES])
    return tf.matmul(flat, kernel) + tf.get_variable('dense/bias', [CLASSES], initializer=tf.zeros_initializer())


def fixed(images):
    """A function without variables."""
    return tf.matmul(tf.reshape(images, [-1, 192]), WEIGHTS['dense/kernel']) + WEIGHTS['dense/bias']


def run(out, teacher=linear, student=linear, shape=SHAPE, **more):
    if teacher is linear:
        more.setdefault('weights', WEIGHTS)
    return distil(teacher, student, shape, out, display=Display(io.StringIO()), **dict(SMALL, **more))


def saved(folder, batch=None, dtype=tf.float32, shape=SHAPE, **outputs):
    """The linear teacher as a SavedModel; outputs: names for its logits and what else there is."""
    with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
        images = tf.placeholder(dtype, (batch,) + shape)
        logits = linear(tf.cast(images, tf.float32))
        for variable in tf.global_variables():
            variable.load(WEIGHTS[variable.op.name], session)
        answers = {name: function(logits) for name, function in outputs.items()}
        tf.saved_model.simple_save(session, str(folder), {'images': images}, answers)
    return folder
