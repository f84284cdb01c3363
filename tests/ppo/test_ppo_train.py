"""python -m ppo.train as a person meets it, in one process: bits, kills, what is left, one-line errors."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ppo import evaluate, options, train
from ppo.environments import make
from ppo.experiments import EXPERIMENTS, configuration
from ppo.teacher import find, read_teacher
from runs import settings
from runs.errors import UserError
from runs.published import read_runs
from runs.record import RESULT_KEYS

ROOT = Path(__file__).resolve().parents[2]
SMALL = ['cartpole', '--training.transitions', '3072', '--training.evaluate-every', '1024', '--training.buffer', '512',
         '--training.batch', '128', '--training.rollout', '16', '--training.episodes', '2', '--model.widths', '8',
         '--environment.max-steps', '60']
SCRIPT = """
import os, signal, sys
from ppo import learner, train, training
from runs import checkpoint, files

def before(owner, name, call, action):
    '''Does action() before the call-th call of owner.name.'''
    real, calls = getattr(owner, name), []
    def wrapped(*arguments, **named):
        calls.append(name)
        if len(calls) == call:
            action()
        return real(*arguments, **named)
    setattr(owner, name, wrapped)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

%s
sys.exit(train.main())
"""


def run(out, *more, patch=''):
    """(exit code, standard output, standard error) of a process."""
    done = subprocess.run([sys.executable, '-c', SCRIPT % patch] + SMALL + ['--out', str(out)] + list(more),
                          cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return done.returncode, done.stdout, done.stderr


def result(out):
    return json.loads((out / 'cartpole/ppo/seed-0/result.json').read_text())


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    out = tmp_path_factory.mktemp('ppo') / 'reference'
    code, said, error = run(out)
    assert (code, error) == (0, ''), error
    return out, said


def test_what_is_recorded(reference):
    out, said = reference
    found = result(out)
    assert set(RESULT_KEYS) <= set(found)
    assert (found['experiment'], found['method'], found['metric'], found['paper']) == ('cartpole', 'ppo', 'score', 200.)
    rows = [json.loads(line) for line in (out / 'cartpole/ppo/seed-0/metrics.jsonl').read_text().splitlines()]
    assert [row['transitions'] for row in rows] == [1024, 2048, 3072]
    assert [row['gradient_steps'] for row in rows] == [20, 40, 60] and [row['version'] for row in rows] == [2, 4, 6]
    for name in ('score', 'training_score', 'L_policy', 'L_value', 'entropy', 'kl', 'clipped', 'steps_per_second',
                 'wall_seconds', 'fingerprint'):
        assert name in rows[-1]
    assert 0. < rows[-1]['score'] <= 60. and found['last'] == rows[-1]['score']
    assert found['best'] == max(row['score'] for row in rows)
    # As the report reads it once it is published.
    assert [run.method for run in read_runs(out)] == ['ppo']
    assert said.splitlines()[-1] == 'teacher: %s' % (out / 'cartpole/ppo/seed-0')
    assert re.search(r'^best policy, 20 fresh episodes +[\d.]+ ± [\d.]+', said, re.M)


def test_ten_passes_have_a_folder_of_their_own(tmp_path):
    code, said, error = run(tmp_path, '--method', 'ppo_epochs')
    assert (code, error) == (0, ''), error
    found = json.loads((tmp_path / 'cartpole/ppo_epochs/seed-0/result.json').read_text())
    row = json.loads((tmp_path / 'cartpole/ppo_epochs/seed-0/metrics.jsonl').read_text().splitlines()[-1])
    assert found['method'] == 'ppo_epochs' and row['gradient_steps'] == 6 * 10 * 4  # updates, passes, batches of 128


def test_a_seed_that_diverges_leaves_the_others(tmp_path):
    patch = """
real = learner.Learner.update
def update(self, session, played, *more):
    if self.seed == 0:
        played[0].rewards[0, 0] = float('nan')
    return real(self, session, played, *more)
learner.Learner.update = update
"""
    code, said, error = run(tmp_path, '--seeds', '0', '1', patch=patch)
    assert code == 2 and error.startswith('error: seed 0: ') and error.count('\n') == 1
    assert (tmp_path / 'cartpole/ppo/seed-1/result.json').exists()
    assert not (tmp_path / 'cartpole/ppo/seed-0/result.json').exists()


def test_the_same_command_again_shows_the_same_table(reference):
    out, said = reference
    before = (out / 'cartpole/ppo/seed-0/metrics.jsonl').read_bytes()
    code, again, error = run(out)
    assert (code, error) == (0, '') and again.splitlines()[-9:] == said.splitlines()[-9:]
    assert (out / 'cartpole/ppo/seed-0/metrics.jsonl').read_bytes() == before


@pytest.mark.parametrize('patch', [
    "before(learner.Learner, 'update', 4, die)",             # between two checkpoints
    "before(checkpoint, 'save', 2, die)",                    # before one is written
    "before(files.os, 'replace', 6, die)",                   # while files take their names
    "before(training.Training, 'finish', 1, die)"])          # after the last one
def test_a_killed_run_ends_as_one_that_was_not(reference, tmp_path, patch):
    code, _, _ = run(tmp_path, patch=patch)
    assert code == -9 and not (tmp_path / 'cartpole/ppo/seed-0/result.json').exists()
    code, _, error = run(tmp_path)
    assert (code, error) == (0, '')
    found, expected = result(tmp_path), result(reference[0])
    for name in ('fingerprint', 'last', 'best', 'best_step', 'fresh', 'mean_last_10'):
        assert found[name] == expected[name]
    names = [Path('cartpole/ppo/seed-0/teacher.json'), Path('cartpole/ppo/seed-0/weights.npz')]
    for name in names:
        assert (tmp_path / name).read_bytes() == (reference[0] / name).read_bytes()


def test_another_seed_is_another_run(reference, tmp_path):
    run(tmp_path, '--seeds', '1')
    other = json.loads((tmp_path / 'cartpole/ppo/seed-1/result.json').read_text())
    assert other['fingerprint'] != result(reference[0])['fingerprint']


def test_other_settings_are_refused_in_the_same_folder(reference):
    code, _, error = run(reference[0], '--training.gamma', '0.5')
    assert code == 2 and error.count('\n') == 1 and 'training.gamma' in error


def test_a_run_that_diverges_says_so_and_saves_nothing(tmp_path):
    patch = "before(training.Training, 'learn', 4, lambda: setattr(learner.loss, 'standardised', lambda a: a * float('nan')))"
    code, _, error = run(tmp_path, patch=patch)
    assert code == 2 and error.count('\n') == 1 and 'not finite' in error
    rows = (tmp_path / 'cartpole/ppo/seed-0/metrics.jsonl').read_text().splitlines()
    assert [json.loads(row)['transitions'] for row in rows] == [1024]


def test_patience_ends_a_run_without_progress(tmp_path):
    patch = "training.Environments.play = lambda self, decide, step, stopped: [(1., 1)] * len(self)"
    code, _, _ = run(tmp_path, '--training.patience', '1', patch=patch)
    assert code == 0 and result(tmp_path)['student_steps'] == 2048


# The teacher's files.

def test_a_teacher_plays_as_its_training_said(reference, capsys):
    folder = reference[0] / 'cartpole/ppo/seed-0'
    teacher = read_teacher(find(str(folder)))
    assert settings.flatten(teacher.config)['model.widths'] == (8,)
    assert teacher.scores['score'] == result(reference[0])['teacher']
    assert {'ppo/policy/head/kernel', 'normalizer/mean', 'normalizer/std'} <= set(teacher.values)
    # The same 20 episodes again, from the files alone.
    played, limit = evaluate.play(teacher, 20, True, 0, step=2 ** 31 - 1)
    assert np.mean([score for score, _ in played]) == teacher.scores['score'] and limit == 60
    assert evaluate.main([str(folder), '--episodes', '3']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r'CartPole-v0: [\d.]+ ± [\d.]+ over 3 episodes of \d+ actions$', lines[0])
    assert lines[1] == 'protocol: likeliest actions, true rewards, at most 60 actions, normaliser frozen'


def test_more_episodes_than_simulators_are_the_same(reference, monkeypatch):
    teacher = read_teacher(reference[0] / 'cartpole/ppo/seed-0')
    played, _ = evaluate.play(teacher, 10, True, 0)
    monkeypatch.setattr(evaluate, 'AT_ONCE', 4)
    assert evaluate.play(teacher, 10, True, 0)[0] == played


def test_sampled_actions_are_others(reference):
    teacher = read_teacher(reference[0] / 'cartpole/ppo/seed-0')
    greedy, sampled, again = [evaluate.play(teacher, 10, greedy, 0)[0] for greedy in (True, False, False)]
    assert greedy != sampled and sampled == again


@pytest.mark.parametrize('damage', ['truncated', 'other weights', 'no json', 'not json'])
def test_a_damaged_teacher_is_one_line(reference, tmp_path, capsys, damage):
    folder = tmp_path / 'teacher'
    folder.mkdir()
    for name in ('weights.npz', 'teacher.json'):
        (folder / name).write_bytes((reference[0] / 'cartpole/ppo/seed-0' / name).read_bytes())
    if damage == 'truncated':
        (folder / 'weights.npz').write_bytes((folder / 'weights.npz').read_bytes()[:-100])
    elif damage == 'other weights':
        with np.load(str(folder / 'weights.npz')) as file:
            np.savez(str(folder / 'weights.npz'), **{name: file[name] + 1. for name in file.files})
    elif damage == 'no json':
        (folder / 'teacher.json').unlink()
    else:
        (folder / 'teacher.json').write_text('{"recipe": ')
    assert evaluate.main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1 and str(folder) in error


@pytest.mark.parametrize('name, widths', [('halfcheetah', ['8']), ('pong48', ['2', '2', '2', '8'])])
def test_simulators_of_every_kind_are_learnt_from(tmp_path, name, widths):
    """Vectors of MuJoCo through a normaliser, and frames of a game without; the teacher that is kept plays the same."""
    try:
        make(configuration(name)[0].environment).close()
    except UserError as error:
        pytest.skip(str(error))
    small = [name, '--training.transitions', '512', '--training.evaluate-every', '256', '--training.buffer', '256',
             '--training.batch', '64', '--training.rollout', '16', '--training.episodes', '2',
             '--environment.max-steps', '40', '--model.widths'] + widths
    assert train.main(small + ['--out', str(tmp_path)]) == 0
    folder = tmp_path / name / 'ppo' / 'seed-0'
    found = json.loads((folder / 'result.json').read_text())
    assert found['student_steps'] == 512
    scores = [score for score, _ in evaluate.play(read_teacher(folder), 20, True, 0, step=2 ** 31 - 1)[0]]
    assert np.mean(scores) == pytest.approx(found['fresh']['score'])
    rows = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    assert len(rows) == 2 and rows[0]['fingerprint'] != rows[1]['fingerprint'] == found['fingerprint']


def test_a_sheet_of_frames(tmp_path):
    """Eight a row, the rest black; what MuJoCo draws shows something."""
    frames = [np.full((2, 3, 3), [10 * i, 20, 30], np.uint8) for i in range(11)]
    evaluate.save_frames(tmp_path / 'sheet.png', frames)
    with Image.open(str(tmp_path / 'sheet.png')) as picture:
        sheet = np.array(picture)
    assert sheet.shape == (4, 24, 3)
    assert sheet[0, ::3, 0].tolist() == list(range(0, 80, 10)) and sheet[2, ::3, 0].tolist() == [80, 90, 100] + [0] * 5
    assert sheet[0, 0].tolist() == [0, 20, 30]


def test_a_policy_is_drawn(tmp_path, capsys):
    try:
        make(configuration('halfcheetah')[0].environment)
    except UserError as error:
        pytest.skip(str(error))
    path = tmp_path / 'frames.png'
    assert evaluate.main(['halfcheetah', '--episodes', '1', '--render', str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == 'frames: %s' % path
    with Image.open(str(path)) as picture:
        assert picture.size == (8 * 500, 5 * 500)  # 1,000 actions, one of 25
        parts = np.array(picture.resize((8 * 50, 5 * 50))).reshape(5, 50, 8, 50, 3)
    assert parts.std(axis=(1, 3, 4)).min() > 5. and np.abs(np.diff(parts.astype(float), axis=2)).mean() > .5


# The command line.

@pytest.mark.parametrize('arguments, said', [
    ([], 'name an environment first: cartpole, mountaincar'), (['cartpol'], "did you mean 'cartpole'?"),
    (['cartpole', '--budget', 'quik'], "did you mean 'quick'?"),
    (['cartpole', '--training.gama', '1'], 'did you mean --training.gamma?'),
    (['cartpole', '--training.batch', 'many'], 'many'), (['cartpole', '--training.batch', '0'], 'from 1 on'),
    (['cartpole', '--training.batch', '99999'], 'give at most training.buffer'),
    (['cartpole', '--training.gamma', 'nan'], 'from 0 to 1'), (['cartpole', '--seeds', '1', '1'], 'given twice'),
    (['cartpole', '--model.body', 'impala'], 'does not fit observations [4]'),
    (['cartpole', '--method', 'ppo_light'], 'does not fit observations [4]'),
    (['--seeds', '1', 'cartpole'], 'name an environment first'), (['cartpole', '--training.gamma', '3'], 'from 0 to 1'),
    (['cartpole', '--model.widths'], 'model.widths'),
    (['mountaincar', '--model.log-std', 'inf'], 'give a finite number'),
    (['cartpole', '--out', ''], 'name a folder'),
    (['--env', 'Nothing-v3'], 'gym makes no'),
    (['cartpole', '--training.evaluate-every', '99999999'], 'at most training.transitions')])
def test_errors_are_one_line(arguments, said, capsys, tmp_path, monkeypatch):
    check_refused(arguments, said, capsys, tmp_path, monkeypatch)


@pytest.mark.parametrize('arguments, said', [
    (['pong48', '--environment.frame-size', '8', '--model.body', 'nature'], 'too small'),
    (['--env', 'Pong-v0'], 'does not fit observations [210, 160, 3]'),
    (['pong48', '--model.body', 'nature', '--model.widths', '8', '16'], 'model.widths has 2 numbers: model.body nature takes four'),
    (['pong48', '--model.widths', '8', '16', '32'], 'model.body impala takes four'),
    (['cartpole', '--env', 'Acrobot-v1'], 'cartpole and --env Acrobot-v1: name one of the two')])
def test_errors_of_games_are_one_line(arguments, said, capsys, tmp_path, monkeypatch):
    pytest.importorskip('atari_py', reason='the Atari games are not installed: make simulators')
    check_refused(arguments, said, capsys, tmp_path, monkeypatch)


def check_refused(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1 and said in error
    assert not list(tmp_path.rglob('metrics.jsonl'))


def test_every_environment_has_its_tables_settings():
    expected = {'humanoid': (8192, 1024, 3e-4, .99, (64, 64)), 'standup': (8192, 1024, 3e-4, .99, (64, 64)),
                'mountaincar': (15000, 5000, 1e-3, .995, (512,)), 'cartpole': (16384, 2048, 1e-3, .99, (512,)),
                'halfcheetah': (8192, 1024, 3e-4, .99, (64, 64)), 'pong': (16384, 2048, 1e-3, .99, (16, 32, 32, 256))}
    for name, row in expected.items():
        config = configuration(name)[0]
        training = config.training
        assert (training.buffer, training.batch, training.learning_rate, training.gamma, config.model.widths) == row
        assert (training.clip, training.gradient_steps, training.environments, training.entropy_weight, training.lam,
                training.rollout, training.max_version_lag) == (.2, 10, 512, 0., .95, 32, 4)


def test_another_gym_id_has_humanoids_settings():
    given, sources = options.parse(['--env', 'Acrobot-v1', '--training.batch', '64'])
    assert given.settings.environment.id == 'Acrobot-v1' and options.name_of(given) == 'Acrobot-v1'
    assert sources['environment.id'] == sources['training.batch'] == 'command line'
    assert given.settings.training.buffer == 8192
    given, _ = options.parse(['--env', 'FreewayNoFrameskip-v4'])
    assert given.settings.model.body == 'impala' and given.settings.environment.id == 'FreewayNoFrameskip-v4'


def test_list_and_help(capsys):
    assert train.main(['--list']) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in EXPERIMENTS)
    with pytest.raises(SystemExit) as stopped:
        train.main(['cartpole', '--help'])
    assert stopped.value.code in (0, None)
    assert 'discount [table 6]' in re.sub(r'\s+', ' ', re.sub(r'[│╭╰─╮╯]', ' ', capsys.readouterr().out))


def test_a_teacher_of_images_is_not_one_of_policies(capsys):
    assert evaluate.main(['mnist']) == 2
    assert 'not one of policies' in capsys.readouterr().err


def test_a_name_that_no_teacher_has(tmp_path):
    with pytest.raises(UserError, match='no teacher is called'):
        find(str(tmp_path))
