"""The best student as a file: the same answers as the run's own network, whole or not at all."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf import experiments, export
from gas_tf.data import digits
from gas_tf.networks.lenet import LeNet
from runs import checkpoint, determinism, settings
from runs.record import Record
from runs.state import State, named

WIDTHS = (2, 3, 5, 4)
MEAN, STD = .1307, .3081  # of MNIST


@pytest.fixture(scope='module')
def weights():
    with tf.Graph().as_default():
        return LeNet('student', WIDTHS).initial_values(3)


@pytest.fixture
def run(tmp_path, weights):
    """A run whose best student is not its last one."""
    config, sources = experiments.configuration('mnist')
    config = settings.replace(config, 'student.widths', WIDTHS)
    directory = tmp_path / 'seed-0'
    with Record(directory, settings.fields(config, sources)) as record:
        arrays = {name: array + 1 for name, array in weights.items()}
        arrays['student/conv1/kernel/student_adam'] = np.zeros(3)
        arrays.update({'best/' + name: array for name, array in weights.items()})
        checkpoint.save(record.checkpoints, 100, arrays, {})
    return directory


def levels(count):
    return np.random.RandomState(count).randint(0, 256, (count, 32, 32, 1)).astype(np.float32)


def own_logits(weights, images):
    with tf.Graph().as_default() as graph:
        network = LeNet('student', WIDTHS)
        logits = network(tf.constant((images / 255 - MEAN) / STD, tf.float32)).distribution.logits
        state = State(named(network.variables))
        with determinism.new_session(graph) as session:
            state.load(session, weights)
            return session.run(logits)


def test_npz(run, weights, capsys):
    assert export.main([str(run)]) == 0
    assert capsys.readouterr().out == '%s\n' % (run / 'student.npz')
    with np.load(str(run / 'student.npz')) as file:
        assert sorted(file.files) == sorted(list(weights) + ['mean', 'std'])
        for name, array in weights.items():
            np.testing.assert_array_equal(file[name], array)
        assert (file['mean'], file['std']) == (np.float32(255 * MEAN), np.float32(255 * STD))


def test_savedmodel(run, weights, capsys):
    assert export.main([str(run), '--format', 'savedmodel']) == 0
    path = run / 'student'
    assert capsys.readouterr().out == '%s\n' % path
    assert sorted(p.name for p in path.iterdir()) == ['saved_model.pb', 'variables']
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        signature = tf.saved_model.load(session, ['serve'], str(path)).signature_def['serving_default']
        outputs = {key: info.name for key, info in signature.outputs.items()}
        for count in (1, 3):
            images = levels(count)
            answer = session.run(outputs, {signature.inputs['images'].name: images})
            logits = own_logits(weights, images)
            np.testing.assert_allclose(answer['logits'], logits, rtol=0, atol=1e-5)
            odds = np.exp(logits.astype(np.float64))
            np.testing.assert_allclose(
                answer['probabilities'], odds / odds.sum(axis=1, keepdims=True), rtol=1e-4)
            np.testing.assert_array_equal(answer['label'], logits.argmax(axis=1))


@pytest.mark.parametrize('form', ['npz', 'savedmodel'])
def test_what_is_refused(run, form, capsys, tmp_path):
    def refused(*arguments):
        assert export.main([str(a) for a in arguments] + ['--format', form]) == 2
        said = capsys.readouterr()
        assert said.out == '' and said.err.startswith('error: ') and said.err.count('\n') == 1
        return said.err

    assert 'is not the folder of a distillation' in refused(tmp_path)
    (tmp_path / 'there').write_text('mine')
    assert 'is there already' in refused(run, '--to', tmp_path / 'there')
    assert (tmp_path / 'there').read_text() == 'mine'
    assert 'cannot write' in refused(run, '--to', tmp_path / 'there' / 'student')
    before = sorted(tmp_path.iterdir())
    (run / 'checkpoints' / 'checkpoint.json').unlink()
    assert 'has no checkpoint' in refused(run)
    assert sorted(tmp_path.iterdir()) == before


def test_the_normalisation_is_that_of_the_runs_data(tmp_path, weights):
    config, sources = experiments.configuration('digits')
    config = settings.replace(config, 'student.widths', WIDTHS)
    with Record(tmp_path / 'seed-0', settings.fields(config, sources)) as record:
        checkpoint.save(record.checkpoints, 100, {'best/' + name: array for name, array in weights.items()}, {})
    assert export.main([str(tmp_path / 'seed-0')]) == 0
    with np.load(str(tmp_path / 'seed-0' / 'student.npz')) as file:
        assert (file['mean'], file['std']) == (np.float32(255 * digits.MEAN), np.float32(255 * digits.STD))
    assert (digits.MEAN, digits.STD) != (MEAN, STD)
