"""Teachers as files: trained once, read back, refused when damaged."""

import io
import json
import shutil

import numpy as np
import pytest
from command_processes import SMALL, content, rows

from gas_tf import command, experiments, teachers
from gas_tf.data.dataset import load
from runs import settings
from runs.checkpoint import fingerprint
from runs.display import Display
from runs.errors import UserError
from runs.record import RESULT_KEYS


@pytest.fixture(scope='module')
def asked():
    """(config, sources) of a teacher that is trained in a second."""
    options, sources = command.parse(['digits'] + list(SMALL))
    return options.settings, sources


@pytest.fixture(scope='module')
def dataset():
    return load('digits')


@pytest.fixture(scope='module')
def trained(asked, dataset, tmp_path_factory):
    """A teacher's folder, not to be changed."""
    out = tmp_path_factory.mktemp('out')
    teacher = teachers.obtain(*asked, dataset, out, Display(io.StringIO()))
    assert teacher.path == out / 'digits' / 'teacher' / 'seed-0'
    return teacher.path


@pytest.fixture
def copy(trained, tmp_path):
    shutil.copytree(str(trained), str(tmp_path / 'digits' / 'teacher' / 'seed-0'))
    return tmp_path / 'digits' / 'teacher' / 'seed-0'


def test_what_a_trained_teacher_leaves(asked, trained):
    recipe, teacher = teachers.read(trained)
    assert recipe == teachers.recipe(asked[0])
    assert recipe['data'] == 'digits' and recipe['widths'] == [4, 4, 8, 8] and recipe['epochs'] == 2
    facts, log = content(trained / 'teacher.json'), rows(trained)
    assert facts['fingerprint'] == teacher.fingerprint == fingerprint(teacher.values)
    best = max(log, key=lambda row: row['validation_accuracy'])  # the first of equals
    assert (facts['step'], facts['accuracy'], facts['validation_accuracy']) == (
        best['student_step'], best['accuracy'], best['validation_accuracy'])
    assert teacher.accuracy == facts['accuracy']
    assert [row['student_step'] for row in log] == [8, 16]  # 1,097 images in batches of 122
    result = content(trained / 'result.json')
    assert set(RESULT_KEYS) <= set(result)
    assert (result['experiment'], result['method'], result['student_steps']) == ('digits', 'teacher', 16)
    assert result['best'] == result['teacher'] == facts['accuracy'] and result['last'] == log[-1]['accuracy']
    assert facts['commit'] == result['commit']
    assert set(content(trained / 'config.json')['fields']) == {
        'data'} | {'teacher.' + name for name in recipe if name != 'data'}


def test_a_teacher_is_trained_once(asked, dataset, trained, monkeypatch):
    monkeypatch.setattr(teachers, 'train', None)
    out = trained.parents[2]
    assert teachers.obtain(*asked, dataset, out, None).path == trained


def test_a_committed_teacher_of_the_same_recipe(asked, dataset, trained, monkeypatch, tmp_path):
    monkeypatch.setattr(teachers, 'COMMITTED', tmp_path / 'committed')
    shutil.copytree(str(trained), str(tmp_path / 'committed' / 'digits'))
    monkeypatch.setattr(teachers, 'train', None)
    teacher = teachers.obtain(*asked, dataset, tmp_path / 'out', None)
    assert teacher.path == tmp_path / 'committed' / 'digits'
    assert not (tmp_path / 'out').exists()
    # Of the student, any setting may differ.
    config = settings.replace(asked[0], 'student.widths', (1, 2, 3, 4))
    assert teachers.obtain(config, asked[1], dataset, tmp_path / 'out', None).path == teacher.path


@pytest.mark.parametrize('name, value', [('teacher.epochs', 3), ('teacher.seed', 1), ('teacher.dropout', .25)])
def test_a_committed_teacher_of_another_recipe(asked, dataset, trained, copy, monkeypatch, tmp_path, name, value):
    """Is passed over: one is trained in the folder of all runs, `out`."""
    monkeypatch.setattr(teachers, 'COMMITTED', tmp_path / 'committed')
    shutil.copytree(str(trained), str(tmp_path / 'committed' / 'digits'))
    config = settings.replace(asked[0], name, value)
    calls = []

    def train(config, sources, dataset, directory, display, devices):
        calls.append(directory)
        directory.mkdir(parents=True)
        best = {'accuracy': .5, 'validation_accuracy': .5, 'step': 1}
        teachers._write(directory, teachers.recipe(config), {'a': np.zeros(3)}, best, 'unknown')
    monkeypatch.setattr(teachers, 'train', train)
    teacher = teachers.obtain(config, asked[1], dataset, tmp_path / 'out', None)
    assert calls == [teacher.path] == [tmp_path / 'out' / 'digits' / 'teacher' / ('seed-%d' % config.teacher.seed)]
    assert teacher.values['a'].tolist() == [0, 0, 0] and teacher.accuracy == .5


def test_another_recipe_in_the_same_folder(asked, dataset, copy, tmp_path):
    config = settings.replace(asked[0], 'teacher.epochs', 3)
    with pytest.raises(UserError, match='teacher.epochs: recorded 2, asked 3.*give another --out'):
        teachers.obtain(config, asked[1], dataset, tmp_path, Display(io.StringIO()))


def test_the_recipe_of_every_experiment_survives_json():
    for name in experiments.images.EXPERIMENTS:
        config, _ = experiments.configuration(name)
        recipe = teachers.recipe(config)
        assert json.loads(json.dumps(recipe)) == recipe


def changed(path, change):
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(bytes(content))


def facts_without(*keys, **values):
    def damage(folder):
        facts = content(folder / 'teacher.json')
        facts.update(values)
        for key in keys:
            del facts[key]
        (folder / 'teacher.json').write_text(json.dumps(facts))
    return damage


def half(data):
    del data[len(data) // 2:]


def flip(position):
    def change(data):
        data[position] ^= 255
    return change


@pytest.mark.parametrize('damage', [
    lambda folder: (folder / 'weights.npz').unlink(),
    lambda folder: (folder / 'weights.npz').write_bytes(b''),
    lambda folder: (folder / 'weights.npz').write_bytes(b'no archive'),
    lambda folder: changed(folder / 'weights.npz', half),
    lambda folder: changed(folder / 'weights.npz', flip(0)),
    lambda folder: changed(folder / 'weights.npz', flip(50)),
    lambda folder: changed(folder / 'weights.npz', flip(400)),
    lambda folder: changed(folder / 'weights.npz', flip(-3)),
    lambda folder: np.savez(str(folder / 'weights.npz'), a=np.array([{}], object)),
    lambda folder: np.savez(str(folder / 'weights.npz'), a=np.zeros(3)),
    lambda folder: np.save(str(folder / 'weights.npz'), 3) or shutil.move(
        str(folder / 'weights.npz.npy'), str(folder / 'weights.npz')),
    lambda folder: (folder / 'teacher.json').write_bytes(b''),
    lambda folder: (folder / 'teacher.json').write_bytes(b'{\xff'),
    lambda folder: (folder / 'teacher.json').write_text('[]'),
    lambda folder: (folder / 'teacher.json').write_text('3'),
    facts_without('recipe'), facts_without('accuracy'), facts_without('fingerprint'),
    facts_without(accuracy='high'), facts_without(accuracy=None), facts_without(fingerprint=0),
    lambda folder: (folder / 'weights.npz').unlink() or (folder / 'weights.npz').mkdir(),
])
def test_a_damaged_teacher(copy, damage):
    damage(copy)
    with pytest.raises(UserError) as caught:
        teachers.read(copy)
    text = str(caught.value)
    assert str(copy) in text and 'remove the folder to train it anew' in text and '\n' not in text


def test_no_teacher(tmp_path, copy):
    assert teachers.read(tmp_path / 'nowhere') is None
    (copy / 'teacher.json').unlink()  # a kill came between it and the weights
    assert teachers.read(copy) is None
