"""Teachers of policies as files: read back, and refused in one line where they are damaged."""

import json
import shutil

import numpy as np
import pytest
from small_policies import make_teacher

from gas_tf import run
from ppo.teacher import COMMITTED, read_teacher
from runs.checkpoint import fingerprint
from runs.errors import UserError


@pytest.fixture(scope='module')
def sound(tmp_path_factory):
    return make_teacher(tmp_path_factory.mktemp('teacher') / 'cartpole', 'cartpole')


@pytest.fixture
def copy(sound, tmp_path):
    shutil.copytree(str(sound), str(tmp_path / 'teacher'))
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
