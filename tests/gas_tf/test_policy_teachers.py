"""Teachers of policies: found, trained, waited for, read back, and refused in one line where they are damaged."""

import json
import shutil

import numpy as np
import pytest
from small_policies import arguments, make_teacher

from gas_tf import command, export, policy_runs, run
from ppo import teacher as teachers
from ppo.teacher import COMMITTED, read_teacher
from runs.checkpoint import fingerprint
from runs.display import Display
from runs.errors import UserError
from runs.record import Record


@pytest.fixture(scope='module')
def cartpole(tmp_path_factory):
    return make_teacher(tmp_path_factory.mktemp('teacher') / 'cartpole', 'cartpole')


@pytest.fixture
def copy(cartpole, tmp_path):
    shutil.copytree(str(cartpole), str(tmp_path / 'teacher'))
    return tmp_path / 'teacher'


def change(folder, **entries):
    path = folder / 'teacher.json'
    path.write_text(json.dumps(dict(json.loads(path.read_text()), **entries)))


@pytest.mark.parametrize('name', ['cartpole', 'mountaincar', 'halfcheetah', 'humanoid', 'standup', 'pong48'])
def test_the_committed_ones_are_sound(name):
    teacher = read_teacher(COMMITTED / name)
    assert fingerprint(teacher.values) == teacher.fingerprint and np.isfinite(teacher.scores['score'])


@pytest.mark.parametrize('entries, said', [
    (dict(scores=None), 'not subscriptable'),
    (dict(scores={}), "'score'"),
    (dict(scores={'score': 'x', 'score_std': 1.}), 'scores are'),
    (dict(scores={'score': float('nan'), 'score_std': 1.}), 'scores are'),
    (dict(scores={'score': True, 'score_std': 1.}), 'scores are'),
    (dict(shape=[5]), 'normalizer/mean is of (4,), and (5,) is needed'),
    (dict(shape='4'), 'an observation of'),
    (dict(shape=[]), 'normalizer/mean is of (4,), and () is needed'),
    (dict(shape=[0]), 'an observation of (0,)'),
    (dict(shape=[4.]), 'an observation of (4.0,)'),
    (dict(actions=['categorical', 3]), 'head/bias is of (2,), and (3,) is needed'),
    (dict(actions=['categorical', -2]), 'and -2 actions'),
    (dict(actions=['foo', 2]), "actions are 'foo'"),
    (dict(actions=['gaussian', 2]), 'lacks ppo/policy/log_std'),
    (dict(actions=['gaussian']), 'cannot be read'),
    (dict(actions=None), 'cannot be read'),
    (dict(recipe=[]), 'cannot be read'),
])
def test_what_does_not_fit_the_weights_is_one_line(copy, tmp_path, capsys, entries, said):
    change(copy, **entries)
    assert run.main(['policy', '--teacher', str(copy), '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: the teacher in %s cannot be read' % copy) and error.count('\n') == 1
    assert said in error and not (tmp_path / 'out').exists()


@pytest.mark.parametrize('widths', [[256], [512, 512], [6, 5, 4], [-6, 5]])
def test_other_widths_than_the_weights_have(copy, widths):
    recipe = json.loads((copy / 'teacher.json').read_text())['recipe']
    change(copy, recipe=dict(recipe, **{'model.widths': widths}))
    with pytest.raises(UserError, match='cannot be read'):
        read_teacher(copy)


@pytest.mark.parametrize('lost', ['normalizer/std', 'ppo/policy/head/kernel'])
def test_lost_weights(copy, lost):
    with np.load(str(copy / 'weights.npz')) as file:
        values = {name: file[name] for name in file.files if name != lost}
    np.savez(str(copy / 'weights.npz'), **values)
    with pytest.raises(UserError, match='cannot be read|does not hold the weights'):
        read_teacher(copy)
    change(copy, fingerprint=fingerprint(values))  # that nobody wrote
    with pytest.raises(UserError, match='cannot be read'):
        read_teacher(copy)


@pytest.mark.parametrize('share', [0., .5, .99])
def test_truncated_weights(copy, share):
    content = (copy / 'weights.npz').read_bytes()
    (copy / 'weights.npz').write_bytes(content[:int(share * len(content))])
    with pytest.raises(UserError, match='cannot be read'):
        read_teacher(copy)


def test_a_teacher_of_another_environment(cartpole, tmp_path, capsys):
    out = tmp_path / 'out'
    assert run.main(['mountaincar', '--teacher', str(cartpole), '--out', str(out)]) == 2
    error = capsys.readouterr().err
    assert 'plays CartPole-v0, and mountaincar is MountainCarContinuous-v0' in error and not out.exists()
    assert run.main(['policy', '--out', str(out)]) == 2
    assert '--teacher' in capsys.readouterr().err and not out.exists()
    assert run.main(['policy'] + arguments(cartpole, out)[1:]) == 0
    assert (out / 'policy/gas/seed-0/result.json').exists() and "paper's" not in capsys.readouterr().out


def test_a_missing_simulator_leaves_nothing(tmp_path, capsys):
    folder = make_teacher(tmp_path / 'teacher', 'cartpole', name='Nowhere-v0')
    assert run.main(['policy', '--teacher', str(folder), '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err
    assert 'Nowhere-v0' in error and error.count('\n') == 1 and not (tmp_path / 'out').exists()


def test_a_missing_teacher_is_trained_first(tmp_path, monkeypatch):
    asked = []

    def call(given, env):
        asked.append(given[1:])
        assert 'PATH' in env and not any(name.startswith('PMI') for name in env)
        make_teacher(tmp_path / 'out/cartpole/ppo/seed-0', 'cartpole')
        return 0
    monkeypatch.setenv('PMI_SIZE', '2')
    monkeypatch.setattr(policy_runs.subprocess, 'call', call)
    monkeypatch.setattr(policy_runs, 'COMMITTED', tmp_path / 'none')
    options, sources = command.parse(['cartpole', '--out', str(tmp_path / 'out')])
    for _ in range(2):
        task = policy_runs.Task(options, sources, type('Display', (), {'line': print}), [])
        task.prepare()
        assert task.teacher.scores['score'] == 25.
    assert asked == [['-m', 'ppo.train', 'cartpole', '--out', str(tmp_path / 'out')]]


def test_a_teacher_that_another_process_trains_is_waited_for(tmp_path, monkeypatch, capsys):
    own, looks = tmp_path / 'out/cartpole/ppo/seed-0', []

    def wait(_):
        looks.append(1)
        if len(looks) == 2:
            make_teacher(tmp_path / 'elsewhere', 'cartpole')
            for name in ('weights.npz', 'teacher.json'):
                (tmp_path / 'elsewhere' / name).rename(own / name)
    monkeypatch.setattr(policy_runs.time, 'sleep', wait)
    monkeypatch.setattr(policy_runs, 'COMMITTED', tmp_path / 'none')
    options, sources = command.parse(['cartpole', '--out', str(tmp_path / 'out')])
    with Record(own, {}):
        task = policy_runs.Task(options, sources, Display(), [])
        task.prepare()
    assert task.teacher.scores['score'] == 25. and len(looks) == 2
    assert capsys.readouterr().out.count('waiting for that teacher') == 1


def test_a_teacher_that_was_named_is_found_from_anywhere(cartpole, tmp_path, monkeypatch):
    """A committed one's name is no path."""
    committed = tmp_path / 'teachers'
    committed.mkdir()
    (committed / 'mine').symlink_to(cartpole)
    monkeypatch.setattr(teachers, 'COMMITTED', committed)
    monkeypatch.setattr(export, 'COMMITTED', committed)
    assert run.main(['policy'] + arguments('mine', tmp_path)[1:] + ['--student.share', '1']) == 0
    monkeypatch.chdir(tmp_path)
    assert export.export(tmp_path / 'policy/gas/seed-0', 'savedmodel').exists()
    with np.load(str(export.export(tmp_path / 'policy/gas/seed-0', 'npz'))) as file:
        assert file['student/policy/dense1/kernel'].shape == read_teacher(cartpole).values['ppo/policy/dense1/kernel'].shape
