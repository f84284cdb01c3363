"""What does not fit one's own teacher, student or data: one line, and nothing is left behind."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small_own_models import WEIGHTS, fixed, linear, run

from runs.errors import UserError


def not_finite(images):
    return fixed(images) / tf.zeros([])


def infinite_slope(images):
    return tf.sqrt(fixed(images) * 0.)


@pytest.mark.parametrize('teacher, more, said', [
    (linear, {'shape': (8, 8, 2)}, r'the teacher does not take images \[8, 8, 8, 2\]: '),
    (fixed, {'shape': (8, 8, 2)}, r'the teacher does not take images \[8, 8, 8, 2\]: '),
    (fixed, {'shape': (6, 16, 2)}, 'both sides multiples of 4'),
    (fixed, {'shape': (8, 12)}, 'input_shape is'),
    (fixed, {'shape': 192}, 'input_shape is'),
    (fixed, {'shape': (0, 12, 2)}, 'input_shape is'),
    (fixed, {'shape': (8.7, 12, 2)}, 'input_shape is'),
    (fixed, {'seed': 1.5}, 'seed is 1.5'),
    (fixed, {'budget': 'longer'}, "budget is 'longer': give one of paper, long, quick"),
    (lambda images: fixed(tf.nn.dropout(images, rate=.5)), {}, "the teacher's answer to one input depends on .* chance"),
    (lambda images: tf.layers.batch_normalization(fixed(images), training=True, center=False, scale=False),
     {'weights': {'batch_normalization/moving_mean': np.zeros(3), 'batch_normalization/moving_variance': np.ones(3)}},
     "the teacher's answer to one input depends on the others of its batch"),
    (fixed, {'student': lambda images: linear(tf.nn.dropout(images, rate=.5, seed=1))},
     "the student's answer to one input depends on .* chance"),
    (fixed, {'student': lambda images: linear(images - tf.reduce_mean(images, axis=0))},
     "the student's answer to one input depends on the others of its batch"),
    (fixed, {'student': lambda images: tf.layers.batch_normalization(linear(images), training=True)},
     'moving_mean is not trained: build the student without moving averages'),
    (fixed, {'student': lambda images: tf.nn.softmax(linear(images))}, 'the student gives probabilities'),
    (None, {}, 'teacher is None: give a function, or the folder'),
    (fixed, {'student': 'a/path'}, "student is 'a/path': give a function"),
    (fixed, {'weights': WEIGHTS}, 'the teacher makes no variables: leave out its weights'),
    (linear, {'weights': dict(WEIGHTS, **{'dense/bias': np.array(['a', 'b', 'c'])})}, 'dense/bias is of <U1'),
    (fixed, {'student': lambda images: tf.layers.dense(tf.layers.flatten(images), 3) + tf.Variable(1.)},
     'the student makes other variables at every call'),
    (fixed, {'mean': [1., 2., 3.]}, 'mean is .* one for each of 2 channels'),
    (fixed, {'std': 0.}, 'std is 0.0: .*above 0'),
    (fixed, {'std': float('nan')}, 'std is nan'),
    ('', {}, "'' is not a SavedModel"),
    (lambda images: tf.reshape(images, [-1, 96]), {}, r'logits \[b, classes\] are needed'),
    (lambda images: fixed(images)[:, :1], {}, r'logits \[b, classes\] are needed'),
    (lambda images: fixed(images) * 0., {}, 'no gradient to its input'),
    (lambda images: tf.sign(fixed(images)), {}, 'no gradient to its input'),
    (lambda images: fixed(images) + tf.placeholder(tf.float32, []), {}, 'the teacher does not answer'),
    (lambda images: [][0], {}, 'does not take images .*list index out of range'),
    (fixed, {'student__decay': 'cosin'}, 'student.decay is .cosin.: give one of constant, cosine'),
    (fixed, {'generator__widths': 4}, 'generator.widths is 4: give a list of numbers'),
    (fixed, {'generator__learning_rate': -1.}, '^generator__learning_rate is -1.0: give a number from 0 on'),
    (fixed, {'student__learning_rate': float('nan')}, 'give a finite number'),
    (fixed, {'schedule__student_steps': '40'}, 'give a whole number'),
    (fixed, {'schedule__reset_slots': 1}, 'give true or false'),
    (fixed, {'student__widths': (1, 2, 3, 4)}, 'distil has no setting .student.widths.'),
    (fixed, {'objective__gama': 1.}, r"no setting 'objective.gama' \(did you mean 'objective.gamma'\?\)"),
    (fixed, {'data': np.zeros((3, 8, 12, 2))}, 'a pair of images and labels'),
    (fixed, {'data': (np.zeros((2, 8, 12, 2)), np.zeros(2), np.zeros(2))}, 'a pair of images and labels'),
    (fixed, {'data': (np.full((2, 8, 12, 2), np.nan), np.zeros(2))}, 'the images of the data are not finite'),
    (fixed, {'data': (np.zeros((2, 8, 12, 2)), ['one', 'two'])}, 'the labels of the data are not finite'),
    (fixed, {'data': (np.zeros((2, 8, 12, 2)), [0, .5])}, 'the labels of the data are not whole'),
    (fixed, {'data': (np.zeros((0, 8, 12, 2)), np.zeros(0))}, 'the data are images'),
    (fixed, {'data': (np.zeros((2, 8, 12, 2)), np.array([0, 3]))}, 'the labels go from 0 to 3: the teacher has 3'),
    (not_finite, {}, 'logits are not finite'),
    (infinite_slope, {}, 'gradient to the input is not finite'),
    (lambda images: tf.stop_gradient(fixed(images)), {}, 'no gradient to its input'),
    (lambda images: tf.round(fixed(images)), {}, 'no gradient to its input'),
    (lambda images: images, {}, r'logits \[b, classes\] are needed'),
    (lambda images: None, {}, r'gives NoneType .*logits \[b, classes\] are needed'),
    (linear, {'weights': None}, r'the teacher has variables \(dense/kernel, ...\): give their weights'),
    (linear, {'weights': {'dense/kernel': WEIGHTS['dense/kernel']}}, 'the weights hold no dense/bias'),
    (linear, {'weights': dict(WEIGHTS, **{'dense/bias': np.zeros(4)})},
     r'dense/bias is \[4\] in the weights, \[3\] in the teacher'),
    (linear, {'weights': '/nowhere/model.ckpt'}, 'the weights cannot be read'),
    ('/nowhere/model', {}, '/nowhere/model is not a SavedModel that can be read'),
    (fixed, {'objective__lambda_activation': .1}, 'needs the features'),
    (fixed, {'schedule__batch_size': 9}, 'give a multiple of generator.count'),
    (fixed, {'data': (np.zeros((3, 8, 8, 2)), np.zeros(3))}, 'the data are images'),
    (fixed, {'student': lambda images: fixed(images)[:, :2]}, 'the student gives 2 numbers, the teacher 3'),
    (fixed, {'student': lambda images: fixed(images)}, 'the student has nothing to train'),
])
def test_what_is_refused(teacher, more, said, tmp_path):
    with pytest.raises(UserError, match=said) as caught:
        run(tmp_path / 'a', teacher, **more)
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'a').exists()  # and the corrected call finds nothing in its way
