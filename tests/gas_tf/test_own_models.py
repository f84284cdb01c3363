"""One's own teacher and student: learnt from, evaluated, repeated, and as a file."""

import json
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image
from small_own_models import CLASSES, SHAPE, WEIGHTS, fixed, linear, run, saved

from gas_tf import export, own_models
from gas_tf.own_networks import Teacher
from runs import determinism
from runs.errors import UserError
from runs.record import RESULT_KEYS


FINE = dict(schedule__n_student=5, schedule__evaluate_every=5, schedule__reset_every=0)  # eight evaluations


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    return run(tmp_path_factory.mktemp('runs') / 'reference')


def test_what_comes_back(reference):
    assert sorted(reference.values) == ['student/dense/bias', 'student/dense/kernel']
    result = reference.result
    assert set(RESULT_KEYS) <= set(result) and result['metric'] == 'agreement'
    assert (result['best'], result['best_step'], result['budget']) == (result['last'], 40, 'quick')
    assert result['student_steps'] == 40 and result['generator_steps'] == 8 and 0 <= result['last'] <= 1
    assert (reference.path / 'samples.png').exists()


@pytest.mark.parametrize('channels', [1, 3, 4, 5])
def test_images_of_any_number_of_channels_are_drawn(tmp_path, channels):
    side = 8
    kernel = np.random.RandomState(0).randn(side * side * channels, CLASSES).astype(np.float32)
    done = run(tmp_path / 'a', lambda images: tf.matmul(tf.layers.flatten(images), kernel),
               lambda images: tf.layers.dense(tf.layers.flatten(images), CLASSES), (side, side, channels))
    with Image.open(str(done.path / 'samples.png')) as picture:
        # Two rows of eight half-batches' images, 2 pixels of gap before each, each pixel a square of 2.
        assert picture.size == (2 * 4 * (side + 2), 2 * 2 * (2 + side * (channels if channels > 3 else 1)))
        assert picture.mode == ('RGB' if channels == 3 else 'L')


def test_the_same_again(reference, tmp_path):
    assert run(tmp_path / 'a').result['fingerprint'] == reference.result['fingerprint']
    assert run(tmp_path / 'b', seed=1).result['fingerprint'] != reference.result['fingerprint']
    log = (reference.path / 'metrics.jsonl').read_bytes()
    again = run(reference.path)
    assert again.result == reference.result and (reference.path / 'metrics.jsonl').read_bytes() == log
    for name, array in reference.values.items():
        np.testing.assert_array_equal(again.values[name], array)


def test_it_goes_on_after_a_stop(reference, tmp_path, monkeypatch):
    step, calls = own_models.Distillation.update_student, []

    def stopped(self, session):
        calls.append(1)
        if len(calls) == 35:
            raise KeyboardInterrupt
        return step(self, session)
    monkeypatch.setattr(own_models.Distillation, 'update_student', stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'a')
    assert run(tmp_path / 'a').result['fingerprint'] == reference.result['fingerprint']
    assert len(calls) == 35 + 20


def test_data_are_only_looked_at(tmp_path):
    """Whatever they say of the students on the way, the last is kept."""
    images = np.random.RandomState(1).randn(50, *SHAPE)
    plain = run(tmp_path / 'plain', **FINE)

    def answers(done):
        logits = images.reshape(50, -1) @ done.values['student/dense/kernel'] + done.values['student/dense/bias']
        return logits.argmax(axis=1)
    fallen = False
    for seed in range(3):
        labels = np.random.RandomState(seed).randint(0, CLASSES, 50)
        done = run(tmp_path / str(seed), data=(images, labels), **FINE)
        assert done.result['metric'] == 'accuracy' and done.result['fingerprint'] == plain.result['fingerprint']
        np.testing.assert_array_equal(answers(done), answers(plain))
        assert done.result['last'] == done.result['best'] == pytest.approx(np.mean(answers(done) == labels))
        fallen = fallen or max(row['accuracy'] for row in log(done)) > done.result['last']
    assert fallen  # else this could not have failed


def test_an_easy_batch_does_not_choose_the_student(tmp_path):
    """Agreement is of other images each time: the last student is kept, not the one that had the easiest."""
    fallen = False
    for seed in range(3):
        done = run(tmp_path / str(seed), seed=seed, **FINE)
        assert done.result['best_step'] == 40 and done.result['last'] == done.result['best']
        fallen = fallen or max(row['agreement'] for row in log(done)) > done.result['last']
    assert fallen


def log(done):
    return [json.loads(line) for line in (done.path / 'metrics.jsonl').read_text().splitlines()]


def test_a_student_learns_its_teacher(tmp_path):
    done = run(tmp_path / 'a', schedule__student_steps=1000, schedule__evaluate_every=500,
               generator__noise_size=64, generator__widths=(16, 8))
    assert done.result['last'] >= .5
    # Smooth ones, as generators draw them.
    images = np.random.RandomState(2).randn(500, 2, 3, 2).repeat(4, axis=1).repeat(4, axis=2).reshape(500, 192)
    ours = images @ done.values['student/dense/kernel'] + done.values['student/dense/bias']
    theirs = images @ WEIGHTS['dense/kernel'] + WEIGHTS['dense/bias']
    assert np.mean(ours.argmax(axis=1) == theirs.argmax(axis=1)) > .75


@pytest.mark.parametrize('kind', ['function', 'logits', 'only', 'checkpoint'])
def test_every_form_of_a_teacher_teaches_the_same(reference, tmp_path, kind):
    if kind == 'function':
        done = run(tmp_path / 'a', fixed)
    elif kind == 'checkpoint':
        with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
            linear(tf.zeros((1,) + SHAPE))
            for variable in tf.global_variables():
                variable.load(WEIGHTS[variable.op.name], session)
            path = tf.train.Saver().save(session, str(tmp_path / 'model.ckpt'))
        done = run(tmp_path / 'a', weights=path)
    else:
        outputs = {'scores': tf.identity} if kind == 'only' else {'logits': tf.identity, 'probs': tf.nn.softmax}
        done = run(tmp_path / 'a', saved(tmp_path / 'model', **outputs))
    for name, array in reference.values.items():
        np.testing.assert_allclose(done.values[name], array, rtol=0, atol=1e-4)


def refused(reference, **changed):
    with pytest.raises(UserError, match='another configuration') as caught:
        run(reference.path, **changed)
    assert str(caught.value).endswith('give another folder as out')
    return str(caught.value)


def test_another_teacher_student_or_evaluation_is_another_run(reference):
    def other(images):
        return 2. * linear(images)
    assert 'student.fingerprint' in refused(
        reference, student=lambda images: linear(images) * tf.get_variable('scale', [CLASSES]))
    assert 'teacher.fingerprint' in refused(reference, teacher=lambda images: -fixed(images))
    assert 'teacher.fingerprint' in refused(reference, teacher=other, weights=WEIGHTS)
    assert 'evaluated_on' in refused(reference, data=(np.zeros((2,) + SHAPE), np.zeros(2, int)))


def test_a_teacher_is_the_same_where_its_answers_differ_in_the_last_bit(monkeypatch):
    """As they do on another kind of processor: the same call has to find its record there."""
    plain, new_session = Teacher(linear, WEIGHTS, SHAPE).identity, determinism.new_session

    def elsewhere(graph):
        session = new_session(graph)
        run_here = session.run

        def run_there(*arguments):
            return tf.nest.map_structure(
                lambda found: np.nextafter(found, np.float32(np.inf)) if isinstance(found, np.ndarray) else found,
                run_here(*arguments))
        session.run = run_there
        return session
    monkeypatch.setattr(determinism, 'new_session', elsewhere)
    assert Teacher(linear, WEIGHTS, SHAPE).identity == plain
    assert Teacher(linear, dict(WEIGHTS, **{'dense/bias': np.float32([.1, .2, .4])}), SHAPE).identity != plain


def test_a_teacher_is_the_same_a_second_time():
    """Of what TensorFlow numbers through the process, too: swish has a gradient of its own."""
    function = tf.function(lambda x: x + 1.)
    for build in (fixed, lambda images: fixed(tf.nn.swish(images)), lambda images: function(fixed(images))):
        found = [Teacher(build, None, SHAPE).identity for _ in range(3)]
        assert len(set(found)) == 1
    assert Teacher(lambda images: fixed(tf.nn.swish(images)), None, SHAPE).identity != Teacher(
        lambda images: fixed(tf.sigmoid(images)), None, SHAPE).identity


def test_a_run_that_diverges_says_what_may_be_the_cause(tmp_path):
    def undefined(images):  # where no pixel of eight inputs of N(0, 1) numbers is
        return fixed(images) + tf.log(tf.reduce_sum(images ** 2, [1, 2, 3], keepdims=False) / 192. - .5)[:, None]
    with pytest.raises(UserError, match='not finite at step .* another folder; or the teacher gave .* not finite'):
        run(tmp_path / 'a', undefined)


def test_a_model_of_keras_goes_the_way_that_is_named(reference, tmp_path):
    with tf.Graph().as_default(), tf.Session().as_default():
        model = tf.keras.Sequential([tf.keras.layers.Flatten(input_shape=SHAPE),
                                     tf.keras.layers.Dense(CLASSES), tf.keras.layers.Dropout(.5),
                                     tf.keras.layers.Softmax()])
        model.layers[1].set_weights([WEIGHTS['dense/kernel'], WEIGHTS['dense/bias']])
        with pytest.raises(UserError, match='give the folder that (.*) writes') as caught:
            run(tmp_path / 'a', model)
        code = re.search('that (.*) writes', str(caught.value)).group(1)
        eval(code, {'tf': tf, 'model': model, 'folder': str(tmp_path / 'model')})
    done = run(tmp_path / 'a', str(tmp_path / 'model'))
    for name, array in reference.values.items():
        np.testing.assert_allclose(done.values[name], array, rtol=0, atol=1e-3)


def test_a_folder_is_needed():
    for out in (None, ''):
        with pytest.raises(UserError, match='out is .*: name a folder'):
            run(out)


def test_the_teacher_takes_pixels_on_its_own_scale(tmp_path):
    mean, std = np.float32([100., 50.]), np.float32([4., 8.])

    def scaled(images):
        return fixed((images - mean) / std)
    random = np.random.RandomState(1)
    images, labels = random.randn(50, *SHAPE).astype(np.float32), random.randint(0, CLASSES, 50)
    plain = run(tmp_path / 'plain', fixed, data=(images, labels))
    done = run(tmp_path / 'scaled', scaled, mean=mean, std=std, data=(images * std + mean, labels))
    for name, array in plain.values.items():
        np.testing.assert_allclose(done.values[name], array, rtol=0, atol=1e-3)
    assert done.result['last'] == pytest.approx(plain.result['last'], abs=.021)  # one image may be a tie


def test_the_student_as_a_file(reference, tmp_path, capsys):
    done = run(tmp_path / 'run', mean=3., std=2., weights=None, teacher=lambda images: fixed((images - 3.) / 2.))
    own_models.save(tmp_path / 'student', linear, done.path)
    images = np.random.RandomState(1).randn(5, *SHAPE).astype(np.float32)
    logits = images.reshape(5, -1) @ done.values['student/dense/kernel'] + done.values['student/dense/bias']
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        signature = tf.saved_model.load(session, ['serve'], str(tmp_path / 'student')).signature_def['serving_default']
        found = session.run({name: info.name for name, info in signature.outputs.items()},
                            {signature.inputs['images'].name: images * 2 + 3})
    np.testing.assert_allclose(found['logits'], logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found['label'], logits.argmax(axis=1))
    with pytest.raises(UserError, match='is there already'):
        own_models.save(tmp_path / 'student', linear, done.path)
    for other in (fixed, lambda images: linear(images) * tf.get_variable('scale', []),
                  lambda images: tf.layers.dense(tf.layers.flatten(images), 4)):
        with pytest.raises(UserError, match='the student is another than that of .*run$'):
            own_models.save(tmp_path / 'other', other, done.path)
    for folder in (tmp_path, tmp_path / 'nowhere', '', None, done, done.values):
        with pytest.raises(UserError, match='is not the folder of a run of distil'):
            own_models.save(tmp_path / 'other', linear, folder)
    assert not (tmp_path / 'other').exists()
    with np.load(str(export.export(reference.path, 'npz', tmp_path / 'student.npz'))) as file:
        assert set(file.files) == set(reference.values) | {'mean', 'std'}
    assert export.main([str(reference.path), '--format', 'savedmodel']) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1 and 'gas_tf.own_models.save' in error
