"""One's own teacher and student: learnt from, evaluated, repeated, and refused in one line."""

import io

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from gas_tf import export, own_models, own_networks, savedmodels
from gas_tf.own_models import distil
from runs import determinism
from runs.display import Display
from runs.errors import UserError
from runs.record import RESULT_KEYS

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


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    return run(tmp_path_factory.mktemp('runs') / 'reference')


def test_what_comes_back(reference):
    assert sorted(reference.values) == ['student/dense/bias', 'student/dense/kernel']
    result = reference.result
    assert set(RESULT_KEYS) <= set(result) and result['metric'] == result['best_by'] == 'agreement'
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


def test_data_are_only_looked_at(reference, tmp_path):
    random = np.random.RandomState(1)
    images, labels = random.randn(50, *SHAPE), random.randint(0, CLASSES, 50)
    done = run(tmp_path / 'a', data=(images, labels))
    assert done.result['metric'] == 'accuracy' and done.result['fingerprint'] == reference.result['fingerprint']
    logits = images.reshape(50, -1) @ done.values['student/dense/kernel'] + done.values['student/dense/bias']
    assert done.result['best'] == pytest.approx(np.mean(logits.argmax(axis=1) == labels))


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
    (fixed, {'generator__learning_rate': -1.}, 'give a number from 0 on'),
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


def refused(reference, **changed):
    with pytest.raises(UserError, match='another configuration') as caught:
        run(reference.path, **changed)
    return str(caught.value)


def test_another_teacher_student_or_evaluation_is_another_run(reference):
    def other(images):
        return 2. * linear(images)
    assert 'student.fingerprint' in refused(
        reference, student=lambda images: linear(images) * tf.get_variable('scale', [CLASSES]))
    assert 'teacher.fingerprint' in refused(reference, teacher=lambda images: -fixed(images))
    assert 'teacher.fingerprint' in refused(reference, teacher=other, weights=WEIGHTS)
    assert 'evaluated_on' in refused(reference, data=(np.zeros((2,) + SHAPE), np.zeros(2, int)))


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
    own_models.save(tmp_path / 'student', linear, reference.values, SHAPE, mean=3., std=2.)
    images = np.random.RandomState(1).randn(5, *SHAPE).astype(np.float32)
    logits = images.reshape(5, -1) @ reference.values['student/dense/kernel'] + reference.values['student/dense/bias']
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        signature = tf.saved_model.load(session, ['serve'], str(tmp_path / 'student')).signature_def['serving_default']
        found = session.run({name: info.name for name, info in signature.outputs.items()},
                            {signature.inputs['images'].name: images * 2 + 3})
    np.testing.assert_allclose(found['logits'], logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found['label'], logits.argmax(axis=1))
    with pytest.raises(UserError, match='is there already'):
        own_models.save(tmp_path / 'student', linear, reference.values, SHAPE)
    with pytest.raises(UserError, match='the values hold no student/dense/kernel'):
        own_models.save(tmp_path / 'other', linear, {}, SHAPE)
    with np.load(str(export.export(reference.path, 'npz', tmp_path / 'student.npz'))) as file:
        assert set(file.files) == set(reference.values) | {'mean', 'std'}
    assert export.main([str(reference.path), '--format', 'savedmodel']) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1 and 'gas_tf.own_models.save' in error


@pytest.mark.parametrize('more, shape, said', [
    ({}, (4, 24, 2), r'model takes \[\?, 8, 12, 2\], and the inputs are \[b, 4, 24, 2\]$'),
    ({'shape': (12, 4, 4)}, (4, 4, 12), r'model takes \[\?, 12, 4, 4\], .*: channels have to come last$'),
    ({'batch': 4}, SHAPE, 'takes batches of 4 alone'),
    ({'dtype': tf.uint8}, SHAPE, 'takes uint8: float32 is needed'),
])
def test_a_savedmodel_of_other_images(tmp_path, more, shape, said):
    folder = saved(tmp_path / 'model', logits=tf.identity, **more)
    with pytest.raises(UserError, match=said) as caught:
        run(tmp_path / 'a', folder, shape=shape)
    assert '\n' not in str(caught.value) and caught.value.__cause__ is None


def test_a_savedmodel_without_the_signature(tmp_path):
    with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
        x = tf.placeholder(tf.float32, (None,) + SHAPE)
        builder = tf.saved_model.Builder(str(tmp_path / 'model'))
        builder.add_meta_graph_and_variables(session, ['serve'], {
            'predict': tf.saved_model.predict_signature_def({'x': x}, {'y': fixed(x)})})
        builder.save()
    with pytest.raises(UserError, match='has no signature serving_default, but predict'):
        run(tmp_path / 'a', tmp_path / 'model')


def test_a_savedmodel_with_weights_beside_it(tmp_path):
    with pytest.raises(UserError, match='holds its own weights'):
        run(tmp_path / 'a', saved(tmp_path / 'model', logits=tf.identity), weights=WEIGHTS)


def test_probabilities_beside_a_label(reference, tmp_path):
    folder = saved(tmp_path / 'model', probabilities=tf.nn.softmax, label=lambda logits: tf.argmax(logits, axis=1))
    done = run(tmp_path / 'a', folder)
    for name, array in reference.values.items():
        np.testing.assert_allclose(done.values[name], array, rtol=0, atol=1e-4)


def test_answers_whose_number_the_graph_does_not_tell(reference, tmp_path):
    done = run(tmp_path / 'a', saved(tmp_path / 'model', logits=lambda logits: tf.boolean_mask(
        logits, tf.reduce_sum(logits, axis=1) > -1e9)))
    for name, array in reference.values.items():
        np.testing.assert_allclose(done.values[name], array, rtol=0, atol=1e-4)
    with pytest.raises(UserError, match='the teacher.s logits have no gradient to its input: |the teacher does not answer: '):
        run(tmp_path / 'b', saved(tmp_path / 'other', logits=lambda logits: tf.boolean_mask(
            logits, tf.reduce_sum(logits, axis=1) > 1e9)))


def test_an_exported_student_teaches(tmp_path):
    from gas_tf.networks.lenet import LeNet
    widths = (6, 8, 12, 10)
    with tf.Graph().as_default():
        values = LeNet('student', widths).initial_values(0)
    export.write_savedmodel(tmp_path / 'model', values, .1, .5, export.IMAGES)
    function, weights = savedmodels.read(str(tmp_path / 'model'), (32, 32, 1))
    with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
        x = tf.constant(np.random.RandomState(0).randint(256, size=(3, 32, 32, 1)), tf.float32)
        logits = [function(x), LeNet('student', widths)((x / 255. - .1) / .5).distribution.logits]
        slopes = [tf.gradients(one, x)[0] for one in logits]
        for variable in tf.global_variables():
            variable.load(values.get(variable.op.name, weights.get(variable.op.name)), session)
        logits, slopes = session.run([logits, slopes])
    np.testing.assert_allclose(logits[0], logits[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-3, atol=1e-8)
    assert np.abs(slopes[0]).max() > 1e-6


def test_a_gradient_that_no_file_holds(tmp_path):
    folder = saved(tmp_path / 'model', logits=tf.custom_gradient(lambda x: (2. * x, lambda upstream: upstream)))
    with pytest.raises(UserError, match='exported with a gradient of its own'):
        run(tmp_path / 'a', folder)


def test_probabilities_are_turned_into_logits(reference, tmp_path):
    said = io.StringIO()
    done = distil(saved(tmp_path / 'model', probabilities=tf.nn.softmax), linear, SHAPE, tmp_path / 'a',
                  display=Display(said), **SMALL)
    assert said.getvalue().splitlines()[0] == (
        'the teacher gives probabilities: their logarithm is taken for the logits')
    for name, array in reference.values.items():
        np.testing.assert_allclose(done.values[name], array, rtol=0, atol=1e-4)


def test_a_savedmodel_of_keras_is_refused_with_the_way_out(tmp_path):
    with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
        tf.keras.backend.set_session(session)
        model = tf.keras.Sequential([tf.keras.layers.Flatten(input_shape=SHAPE), tf.keras.layers.Dense(CLASSES)])
        session.run(tf.global_variables_initializer())
        model.save(str(tmp_path / 'model'), save_format='tf')
    with pytest.raises(UserError, match='as Keras does: export it from a session by tf.saved_model.simple_save'):
        run(tmp_path / 'a', tmp_path / 'model')


def test_large_weights_of_a_savedmodel_are_in_the_graph_once(tmp_path, monkeypatch):
    monkeypatch.setattr(savedmodels, 'LARGE', 10)
    function, weights = savedmodels.read(str(saved(tmp_path / 'model', logits=tf.identity)), SHAPE)
    assert [array.shape for array in weights.values()] == [(192, CLASSES)]
    with tf.Graph().as_default() as graph:
        network = own_networks.Built('teacher', function)
        logits = [network(tf.ones((2,) + SHAPE)).distribution.logits for _ in range(3)]
        constants = [op for op in graph.get_operations() if op.type == 'Const' and op.outputs[0].shape == (192, CLASSES)]
        assert len(network.variables) == 1 and not constants
        with determinism.new_session(graph) as session:
            network.variables[0].load(list(weights.values())[0], session)
            found = session.run(logits)
    expected = np.ones((2, 192)) @ WEIGHTS['dense/kernel'] + WEIGHTS['dense/bias']
    for one in found:
        np.testing.assert_allclose(one, expected, rtol=1e-4)


def test_an_ambiguous_savedmodel(tmp_path):
    folder = saved(tmp_path / 'model', probs=tf.nn.softmax, scores=tf.identity)
    with pytest.raises(UserError, match="the outputs .'probs', 'scores'.: one input and one output, or one called"):
        run(tmp_path / 'a', folder)
