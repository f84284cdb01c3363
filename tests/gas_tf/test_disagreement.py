"""Where a student departs from its teacher: by hand, and of runs whose answers are known."""

import json
import os
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf import disagreement, experiments, teachers
from gas_tf.data.dataset import load, split_validation
from gas_tf.networks.lenet import LeNet
from runs import checkpoint, determinism, settings
from runs.record import Record
from runs.state import State, named

WIDTHS, HALF = (2, 3, 5, 4), (2, 2, 4, 3)


def test_by_hand():
    teacher = np.log([[.5, .5 - 1e-9, 1e-9], [.95, .04, .01], [.92, .08 - 1e-9, 1e-9], [1e-9, .9995, .0005 - 1e-9]])
    student = np.log([[.25, .5, .25], [.95, .04, .01], [.1, .8, .1], [1e-9, .5, .5 - 1e-9]])
    first, second, third, last = disagreement.by_confidence(teacher, student, np.array([1, 0, 1, 2]))
    assert [first['from'], first['to'], third['from'], last['to']] == [0., .9, .99, 1.]
    counts = ('images', 'disagreements', 'teacher_errors', 'student_errors')
    assert [[row[key] for key in counts] for row in (first, second, third, last)] == [
        [1, 1, 1, 0], [2, 1, 1, 0], [0, 0, 0, 0], [1, 0, 1, 1]]
    # 1/2 ln 2; half of 0.92 ln 9.2 + 0.08 ln 0.1; 0.9995 ln 1.999 + 0.0005 ln 0.001.
    np.testing.assert_allclose([first['kl'], second['kl'], last['kl']], [.346574, .928730, .688847], atol=1e-6)
    assert third['kl'] is None


@pytest.fixture
def run(tmp_path):
    """A finished run with `--data digits` and its teacher; a function of the student's widths and best weights makes it."""
    def make(widths, values):
        config, sources = experiments.configuration('digits')
        config = settings.replace(settings.replace(config, 'student.widths', widths), 'teacher.widths', WIDTHS)
        beside = tmp_path / 'digits' / 'teacher' / 'seed-0'
        beside.mkdir(parents=True)
        weights = initial('teacher', 1)
        teachers._write(beside, teachers.recipe(config), weights, {'accuracy': .5, 'validation_accuracy': .5, 'step': 1},
                        'commit')
        fields = dict(settings.fields(config, sources), **{'teacher.fingerprint': {
            'value': checkpoint.fingerprint(weights), 'source': 'its weights'}})
        with Record(tmp_path / 'mnist' / 'gas' / 'seed-0', fields) as record:
            arrays = {name: array + 1 for name, array in values.items()}  # the last student is another
            arrays.update({'best/' + name: array for name, array in values.items()})
            checkpoint.save(record.checkpoints, 100, arrays, {})
            (record.directory / 'result.json').write_text('{}')
        return tmp_path / 'mnist' / 'gas' / 'seed-0'
    return make


def initial(name, seed, widths=WIDTHS):
    with tf.Graph().as_default():
        return LeNet(name, widths).initial_values(seed)


def answers(values, name, widths, images):
    """Classes by TensorFlow's plain operations, all images at once."""
    with tf.Graph().as_default() as graph:
        network = LeNet(name, widths, plain=True)
        mode = network(tf.constant(images)).distribution.mode()
        with determinism.new_session(graph) as session:
            State(named(network.variables)).load(session, values)
            return session.run(mode)


def test_a_copy_of_the_teacher_agrees_with_it(run, capsys):
    weights = initial('teacher', 1)
    folder = run(WIDTHS, {name.replace('teacher', 'student'): array for name, array in weights.items()})
    assert disagreement.main([str(folder)]) == 0
    out = capsys.readouterr().out
    assert 'disagreements' in out and 'all' in out
    rows = json.loads((folder / 'disagreement.json').read_text())['by_confidence']
    assert sum(row['images'] for row in rows) == 200  # digits' validation images
    assert all(row['disagreements'] == 0 and row['kl'] in (0., None) for row in rows)
    assert all(row['teacher_errors'] == row['student_errors'] for row in rows)


def test_the_best_student_on_the_validation_images(run):
    values = initial('student', 2, HALF)
    rows = disagreement.measure(run(HALF, values))
    dataset = load('digits')
    chosen = split_validation(dataset, 200, 0)[1]
    images, labels = dataset.train_images[chosen], dataset.train_labels[chosen]
    taught = answers(initial('teacher', 1), 'teacher', WIDTHS, images)
    learnt = answers(values, 'student', HALF, images)
    assert np.any(taught != learnt)
    total = {key: sum(row[key] for row in rows) for key in ('disagreements', 'teacher_errors', 'student_errors')}
    assert total == {'disagreements': np.sum(taught != learnt), 'teacher_errors': np.sum(taught != labels),
                     'student_errors': np.sum(learnt != labels)}


def test_what_is_refused(run, tmp_path, capsys):
    def refused(folder):
        assert disagreement.main([str(folder)]) == 2
        said = capsys.readouterr()
        assert said.err.startswith('error: ') and said.err.count('\n') == 1
        return said.err

    for number, names in enumerate(([], ['teacher.fingerprint', 'student.widths', 'teacher.environment'],
                                    ['student.fingerprint', 'teacher.fingerprint'])):  # nothing, a policy, one's own
        other = tmp_path / str(number)
        other.mkdir()
        (other / 'config.json').write_text(json.dumps({'fields': {name: {'value': 1, 'source': ''} for name in names}}))
        assert 'is not the folder of a distilled classifier' in refused(other)
    folder = run(WIDTHS, initial('student', 2))
    elsewhere = tempfile.mkdtemp()  # near the root of the file system
    os.rmdir(elsewhere)
    shutil.copytree(str(folder), elsewhere)
    try:
        assert 'the teacher of' in refused(elsewhere)
    finally:
        shutil.rmtree(elsewhere)
    shutil.rmtree(str(tmp_path / 'digits'))
    assert 'the teacher of' in refused(folder)
    (folder / 'checkpoints' / 'checkpoint.json').unlink()
    assert 'has no checkpoint' in refused(folder)
    (folder / 'result.json').unlink()
    assert 'is not finished' in refused(folder)
    for damaged in ('[1]', '{"fields": null}', '{"fields": {"data": 1}}'):
        (folder / 'config.json').write_text(damaged)
        assert 'config.json is damaged' in refused(folder)
    assert not (folder / 'disagreement.json').exists()
