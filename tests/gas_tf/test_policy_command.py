"""The command on policies: what is recorded, the same bits again, and errors of one line."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small_policies import ROOT, arguments, by_hand, make_teacher, normalised

from gas_tf import command, experiments, export, policy_runs, run
from gas_tf.algorithm import Distillation
from ppo.teacher import read_teacher
from runs import determinism, settings
from runs.display import Display
from runs.errors import UserError
from runs.published import read_runs
from runs.record import RESULT_KEYS


@pytest.fixture(scope='module')
def cartpole(tmp_path_factory):
    return make_teacher(tmp_path_factory.mktemp('teacher') / 'cartpole', 'cartpole')


def read(out, method='gas', seed=0):
    folder = out / 'cartpole' / method / ('seed-%d' % seed)
    rows = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    return folder, rows, json.loads((folder / 'result.json').read_text())


@pytest.fixture(scope='module')
def reference(cartpole, tmp_path_factory):
    out = tmp_path_factory.mktemp('policies')
    assert run.main(arguments(cartpole, out)) == 0
    return out


def without_times(rows):
    return [{name: value for name, value in row.items() if name != 'wall_seconds'} for row in rows]


def test_what_is_recorded(reference):
    folder, rows, result = read(reference)
    assert [row['student_step'] for row in rows] == [10, 20, 30, 40]
    assert [row['generator_step'] for row in rows] == [4, 8, 12, 16] and [row['resets'] for row in rows] == [1, 1, 2, 2]
    assert rows[-1]['images_generated'] == 16 * 56
    for name in ('L_distill', 'H_each', 'H_mean', 'L_adapt', 'score', 'score_std', 'episode_steps', 'kl_real',
                 'input_mean', 'input_std', 'pairwise_distance', 'class_entropy'):
        assert name in rows[0], name
    assert set(RESULT_KEYS) <= set(result) and result['metric'] == 'score' and result['teacher'] == 25.
    assert result['best'] == max(row['score'] for row in rows) and result['last'] == rows[-1]['score']
    assert result['paper'] == 200. and result['fresh']['episodes'] == 3
    assert result['by_loss']['step'] == min(rows, key=lambda row: row['L_distill'])['student_step']
    assert result['by_loss']['episodes'] == 3 and result['fresh']['step'] == result['best_step']
    assert (folder / 'samples.png').read_bytes()[:4] == b'\x89PNG'
    assert len(read_runs(reference)) == 1


@pytest.mark.parametrize('method', ['gas', 'student_kd', 'noise_moments'])
def test_a_run_that_was_stopped_goes_on_with_the_same_bits(cartpole, reference, tmp_path, monkeypatch, method):
    if method != 'gas':
        reference = tmp_path / 'whole'
        assert run.main(arguments(cartpole, reference, '--method', method)) == 0
    update, calls = Distillation.update_student, []

    def stopped(self, session):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return update(self, session)
    monkeypatch.setattr(Distillation, 'update_student', stopped)
    given = arguments(cartpole, tmp_path, '--method', method)
    assert run.main(given) == 130
    assert run.main(given) == 0 and len(calls) == 6 + 8 - 4
    _, rows, result = read(tmp_path, method)
    _, expected, same = read(reference, method)
    assert without_times(rows) == without_times(expected) and result['fresh'] == same['fresh']
    assert result['fingerprint'] == same['fingerprint']


@pytest.mark.parametrize('method', [
    'gas_normalised', 'dafl', 'student_kd', 'reset_only', 'noise', 'noise_correlated', 'noise_moments'])
def test_every_method(cartpole, tmp_path, method, capsys):
    assert run.main(arguments(cartpole, tmp_path, '--method', method, '--schedule.n-student', '1',
                              '--schedule.n-generator', '1')) == 0
    folder, rows, result = read(tmp_path, method)
    assert result['method'] == method and len(rows) == 4
    assert ('one_hot' in rows[0]) == (method == 'dafl')
    assert (folder / 'samples.png').exists() == (rows[0]['images_generated'] > 0) == (
        method != 'student_kd' and not method.startswith('noise'))
    if method == 'gas_normalised':
        assert rows[-1]['input_std'] == pytest.approx(1., abs=.05) and rows[-1]['input_mean'] < 1e-3
        assert rows[-1]['input_std_spread'] < .05
    text = capsys.readouterr().out
    for line in ('^teacher +25.0 ± 1.0 +100.0 % +100.0 %', '^student, seed 0 ', '^random policy .* 0.0 %'):
        assert re.search(line, text, re.M), line
    paper = method if method in ('dafl', 'student_kd') else 'gas'
    assert re.search("^paper's %s +200" % paper, text, re.M)


@pytest.mark.parametrize('method', ['gas', 'gas_normalised', 'dafl', 'student_kd', 'noise'])
def test_every_method_of_a_gaussian_policy(tmp_path, method):
    folder, out = make_teacher(tmp_path / 'teacher', 'mountaincar'), tmp_path / 'out'
    assert run.main(['mountaincar'] + arguments(folder, out, '--method', method, '--schedule.n-student', '1',
                                                '--schedule.n-generator', '1')[1:]) == 0
    run_folder = out / 'mountaincar' / method / 'seed-0'
    fields = json.loads((run_folder / 'config.json').read_text())['fields']
    assert (fields['objective.beta']['value'], fields['objective.one_hot']['value']) == (5., 0.)
    rows = [json.loads(line) for line in (run_folder / 'metrics.jsonl').read_text().splitlines()]
    assert len(rows) == 4 and 'one_hot' not in rows[0]
    if method == 'gas':
        check_exported(run_folder, read_teacher(folder), tmp_path)


def check_exported(folder, teacher, tmp_path):
    """From raw observations to the likeliest action and the deviation."""
    raw = np.random.RandomState(0).randn(6, 2).astype(np.float32)
    with np.load(str(export.export(folder, 'npz', tmp_path / 'student.npz'))) as file:
        values = dict(file.items())
    saved = export.export(folder, 'savedmodel', tmp_path / 'student')
    with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
        signature = tf.saved_model.load(session, ['serve'], str(saved)).signature_def['serving_default']
        action, log_std = session.run([signature.outputs[name].name for name in ('action', 'log_std')],
                                      {signature.inputs['observations'].name: raw})
    np.testing.assert_allclose(action, by_hand(values, normalised(raw, teacher), 'student'), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(log_std, np.broadcast_to(values['student/policy/log_std'], [6, 1]))


def test_training_sees_nothing_of_the_evaluations(cartpole, reference, tmp_path):
    """Other episodes, more of them: the same student at every step."""
    assert run.main(arguments(cartpole, tmp_path, '--evaluation.episodes', '4', '--evaluation.fresh-episodes', '2')) == 0
    rows, expected = read(tmp_path)[1], read(reference)[1]
    assert [row['fingerprint'] for row in rows] == [row['fingerprint'] for row in expected]
    assert [row['score_std'] for row in rows] != [row['score_std'] for row in expected]


def test_the_loss_ends_a_run_where_it_chooses(cartpole, reference, tmp_path):
    losses = [row['L_distill'] for row in read(reference)[1]]
    ends = [i for i in range(1, 4) if losses[i] >= min(losses[:i])]
    assert run.main(arguments(cartpole, tmp_path, '--evaluation.stopping', 'loss', '--evaluation.patience', '10')) == 0
    rows, result = read(tmp_path)[1:]
    assert ends, 'losses that only fall end no run early: %r' % losses
    assert len(rows) == ends[0] + 1 < 4
    assert result['best_step'] == 10 * (1 + int(np.argmin(losses[:len(rows)])))


def test_other_inputs_are_not_compared_with_the_paper(cartpole, tmp_path, capsys):
    assert run.main(arguments(cartpole, tmp_path, '--inputs', 'noise')) == 0
    assert read(tmp_path)[2]['paper'] is None and "paper's" not in capsys.readouterr().out


@pytest.mark.parametrize('patience', [['--evaluation.patience', '5'],  # less than between two evaluations
                                      ['--evaluation.patience', '10'],
                                      ['--evaluation.patience-seconds', '1e-9', '--evaluation.patience', '0']])
def test_patience_ends_a_run_and_it_stays_ended(cartpole, tmp_path, patience):
    given = arguments(cartpole, tmp_path, *patience)
    assert run.main(given) == 0
    folder, rows, result = read(tmp_path)
    scores = [row['score'] for row in rows]
    if len(rows) < 4:  # ended by the first evaluation that is no better
        assert scores[:-1] == sorted(set(scores[:-1])) and scores[-1] <= scores[-2]
    else:
        assert scores[:-1] == sorted(set(scores[:-1]))
    assert result['student_steps'] == rows[-1]['student_step'] and result['fingerprint'] == rows[-1]['fingerprint']
    (folder / 'result.json').unlink()  # as if killed before it was written
    assert run.main(given) == 0
    assert read(tmp_path)[1:] == (rows, dict(result, wall_seconds=read(tmp_path)[2]['wall_seconds']))


def test_seconds_of_patience_are_in_the_place_of_updates(cartpole, tmp_path):
    assert run.main(arguments(cartpole, tmp_path, '--evaluation.patience', '5',
                              '--evaluation.patience-seconds', '1e6')) == 0
    assert len(read(tmp_path)[1]) == 4


def test_the_loss_can_choose_the_student(cartpole, reference, tmp_path):
    assert run.main(arguments(cartpole, tmp_path, '--evaluation.stopping', 'loss')) == 0
    _, rows, result = read(tmp_path)
    assert without_times(rows) == without_times(read(reference)[1])  # training sees none of it
    least = min(rows, key=lambda row: row['L_distill'])
    assert (result['best_step'], result['best_by'], result['best']) == (
        least['student_step'], 'L_distill', least['score'])


@pytest.mark.parametrize('more, said', [
    (['--teacher', 'nobody'], 'no teacher is called nobody'),
    (['--student.widths', '3'], 'the teacher has 2 layers'),
    (['--noise.correlation', '1.5'], '--noise.correlation is 1.5: give a share from 0 to 1'),
    (['--method', 'noise_moments', '--collection.transitions', '1'], 'two observations or more'),
    (['--inputs', 'noise', '--noise.correlation', '.5', '--noise.moments', 'real'], 'leave noise.correlation 0'),
    (['--noise.correlation', '.5'], 'are of --inputs noise'),
    (['--method', 'student_kd', '--noise.moments', 'real'], 'are of --inputs noise'),
    (['--student.share', '0'], '--student.share is 0.0: give a number above 0'),
    (['--inputs', 'real', '--collection.transitions', '9'], 'collection.transitions is 9'),
    (['--generator.count', '3'], 'give a multiple of generator.count'),
    (['--method', 'gas_literal'], 'no method is called'),
    (['--objective.lambda', '1'], 'did you mean'),
    (['--generator.standardised', '--generator.count', '16'], 'two observations of each generator'),
])
def test_what_does_not_fit_is_one_line(cartpole, tmp_path, capsys, more, said):
    assert run.main(arguments(cartpole, tmp_path / 'out') + more) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1 and said in error
    assert not (tmp_path / 'out').exists()


def test_a_teacher_no_better_than_chance_has_a_table(cartpole, reference, capsys):
    options, sources = command.parse(arguments(cartpole, reference))
    task = policy_runs.Task(options, sources, Display(), [])
    task.prepare()
    result = read(reference)[2]
    task.table([dict(result, random=dict(result['random'], score=25.))])
    assert re.search('^teacher +25.0 ± 1.0 +100.0 % +$', capsys.readouterr().out, re.M)


def test_one_hot_needs_categories(tmp_path, capsys):
    folder = make_teacher(tmp_path / 'teacher', 'mountaincar')
    assert run.main(['mountaincar', '--teacher', str(folder), '--objective.one-hot', '1', '--out',
                     str(tmp_path / 'out')]) == 2
    assert 'no meaning for a Gaussian policy' in capsys.readouterr().err


def test_dafl_has_its_one_hot_term_where_it_has_a_meaning():
    config, sources = experiments.configuration('policy', 'dafl')
    for kind, hot, beta in (('categorical', 1., 5. / np.log(10.)), ('gaussian', 0., 5.)):
        objective = experiments.policies.for_actions(config, sources, 'dafl', kind)[0].objective
        assert (objective.one_hot, objective.beta) == (hot, pytest.approx(beta))
    given = settings.replace(config, 'objective.beta', 3.)
    changed, told = experiments.policies.for_actions(given, dict(sources, **{'objective.beta': 'command line'}), 'dafl',
                                                     'gaussian')
    assert (changed.objective.one_hot, changed.objective.beta, told['objective.beta']) == (0., 3., 'command line')
    gas = experiments.configuration('policy')
    assert experiments.policies.for_actions(*gas, 'gas', 'gaussian') == gas


def test_help_has_the_sources_of_policies():
    done = subprocess.run([sys.executable, '-m', 'gas_tf.run', 'humanoid', '--help'], cwd=str(ROOT),
                          stdout=subprocess.PIPE, universal_newlines=True)
    text = ' '.join(done.stdout.split())
    assert done.returncode == 0 and 'table 10: R_g of 10 outer epochs' in text and '--evaluation.patience' in text


def test_the_exported_student_acts_on_raw_observations(cartpole, reference, tmp_path):
    folder = read(reference)[0]
    raw = np.random.RandomState(0).randn(6, 4).astype(np.float32)
    teacher = read_teacher(cartpole)
    with np.load(str(export.export(folder, 'npz', tmp_path / 'student.npz'))) as file:
        values = dict(file.items())
    np.testing.assert_array_equal(values['mean'], teacher.values['normalizer/mean'])
    np.testing.assert_array_equal(values['std'], teacher.values['normalizer/std'])
    expected = by_hand(values, normalised(raw, teacher), 'student')
    saved = export.export(folder, 'savedmodel', tmp_path / 'student')
    with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
        signature = tf.saved_model.load(session, ['serve'], str(saved)).signature_def['serving_default']
        action, logits = session.run([signature.outputs[name].name for name in ('action', 'logits')],
                                     {signature.inputs['observations'].name: raw})
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(action, expected.argmax(1))


def test_a_student_without_its_teacher_is_not_exported(tmp_path, capsys):
    folder = make_teacher(tmp_path / 'teacher', 'cartpole')
    assert run.main(arguments(folder, tmp_path)) == 0
    (folder / 'teacher.json').unlink()
    with pytest.raises(UserError, match='is not to be found, whose normaliser'):
        export.export(read(tmp_path)[0], 'npz')
