"""The folder of a SavedModel as a teacher: as good as its function, or refused in one line."""

import io

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small_own_models import CLASSES, SHAPE, SMALL, WEIGHTS, fixed, linear, run, saved

from gas_tf import export, own_networks, savedmodels
from gas_tf.own_models import distil
from runs import determinism
from runs.display import Display
from runs.errors import UserError


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    return run(tmp_path_factory.mktemp('runs') / 'reference')


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
    export.write_savedmodel(tmp_path / 'model', values, 25.5, 127.5, export.IMAGES)
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
    with pytest.raises(UserError, match='as Keras does: export it by tf.saved_model.simple_save from a session'):
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
