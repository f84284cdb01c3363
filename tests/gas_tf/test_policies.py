"""Policies without their simulator: what is built, what is drawn, how a student is judged, and the same bits again."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import gym
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf import command, experiments, export, policies, run, trajectories
from gas_tf.algorithm import Distillation
from gas_tf.networks.mlp import MLPGenerator
from ppo.experiments import Environment, Model
from ppo.experiments import Experiment as PPO
from ppo.models import ActorCritic
from ppo.spaces import Actions, Spaces
from ppo.teacher import read_teacher, write_teacher
from runs import determinism, settings
from runs.display import Display
from runs.errors import UserError
from runs.published import read_runs
from runs.record import RESULT_KEYS, Record
from runs.streams import stream_key

ROOT = Path(__file__).resolve().parents[2]
KINDS = {'cartpole': ('CartPole-v0', 4, Actions('categorical', 2), (6, 5)),
         'mountaincar': ('MountainCarContinuous-v0', 2, Actions('gaussian', 1), (6,))}
SMALL = {'schedule.student_steps': 40, 'schedule.evaluate_every': 10, 'schedule.reset_every': 20,
         'schedule.batch_size': 16, 'generator.hidden': 8, 'generator.noise_size': 5, 'evaluation.episodes': 2,
         'evaluation.fresh_episodes': 3, 'collection.transitions': 200, 'collection.workers': 2}


def make_teacher(folder, kind, limit=30, name=None):
    """A policy of random weights with a normaliser that matters."""
    own, size, actions, widths = KINDS[kind]
    config = PPO(environment=Environment(id=name or own, max_steps=limit), model=Model(widths=widths))
    random = np.random.RandomState(3)
    with tf.Graph().as_default():
        network = ActorCritic('ppo', config.model, (size,), actions)
        values = network.initial_values(0)
    values['ppo/policy/head/kernel'] = random.randn(widths[-1], actions.size).astype(np.float32)
    values['normalizer/mean'] = random.randn(size).astype(np.float32) * .1
    values['normalizer/std'] = (.5 + random.rand(size)).astype(np.float32)
    folder.mkdir(parents=True)
    write_teacher(folder, config, Spaces((size,), np.dtype(np.float32), actions), values,
                  {'score': 25., 'score_std': 1., 'episodes': 20, 'chosen_at': 26.}, 'none')
    return folder


@pytest.fixture(scope='module', params=sorted(KINDS))
def teacher(request, tmp_path_factory):
    return read_teacher(make_teacher(tmp_path_factory.mktemp('teacher') / request.param, request.param))


@pytest.fixture(scope='module')
def cartpole(tmp_path_factory):
    return make_teacher(tmp_path_factory.mktemp('teacher') / 'cartpole', 'cartpole')


def configured(**changes):
    config = experiments.configuration('cartpole')[0]
    for name, value in dict(SMALL, **changes).items():
        config = settings.replace(config, name, value)
    return config


def normalised(raw, teacher):
    """What the teacher sees of raw observations, float64."""
    return np.clip((raw - teacher.values['normalizer/mean']) / teacher.values['normalizer/std'], -10, 10)


def by_hand(values, observations, scope='ppo'):
    """Output of a tanh network for normalised observations, float64."""
    x = observations.astype(np.float64)
    for layer in range(1, 9):
        name = '%s/policy/dense%d/' % (scope, layer)
        if name + 'kernel' in values:
            x = np.tanh(x @ values[name + 'kernel'] + values[name + 'bias'])
    return x @ values[scope + '/policy/head/kernel'] + values[scope + '/policy/head/bias']


# What is built.

def test_the_teacher_sees_normalised_observations_and_answers_as_by_hand(teacher):
    raw = np.random.RandomState(0).randn(7, *teacher.spaces.shape) * [1e3, 1., .1, 1.][:teacher.spaces.shape[0]]
    expected = normalised(raw, teacher)
    assert np.abs(expected).max() == 10
    with tf.Graph().as_default() as graph:
        network, values = policies.teacher_network(teacher)
        seen = policies.seen(tf.constant(raw, tf.float32), teacher)
        outputs = network(seen)
        answer = outputs.distribution
        with determinism.new_session(graph) as session:
            session.run([tf.assign(v, values[v.op.name]) for v in network.variables])
            said = session.run(answer.logits if hasattr(answer, 'logits') else answer.mean)
            features = session.run(outputs.features)
            np.testing.assert_allclose(session.run(seen), expected, rtol=1e-5)
    np.testing.assert_allclose(said, by_hand(teacher.values, expected), rtol=1e-4, atol=1e-5)
    assert features.shape == (7, teacher.config.model.widths[-1])
    assert not any('value' in name for name in values)


def test_students_are_half_as_wide(teacher):
    assert policies.half((64, 64)) == (32, 32) and policies.half((512, 1)) == (256, 1)
    with tf.Graph().as_default():
        config = configured()
        algorithm, _ = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        kernels = [v for v in algorithm.student.variables if 'dense' in v.op.name and 'kernel' in v.op.name]
        assert [int(v.shape[1]) for v in kernels] == [width // 2 for width in teacher.config.model.widths]
    with tf.Graph().as_default():
        config = configured(**{'student.widths': (9,) * len(teacher.config.model.widths)})
        algorithm, _ = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        assert algorithm.student.body.size == 9


def test_the_generator_by_hand():
    with tf.Graph().as_default() as graph:
        plain, standard = [MLPGenerator('generator_%d' % i, 3, 5, 8, bool(i)) for i in (0, 1)]
        z = np.random.RandomState(0).uniform(-1, 1, (50, 5)).astype(np.float32)
        values = dict(plain.initial_values(0), **standard.initial_values(0))
        with determinism.new_session(graph) as session:
            session.run([tf.assign(v, values[v.op.name]) for v in plain.variables + standard.variables])
            drawn, scaled = session.run([plain(z), standard(z)])
    for name, found in (('generator_0', drawn), ('generator_1', scaled)):
        hidden = np.maximum(z @ values[name + '/dense1/kernel'] + values[name + '/dense1/bias'], 0)
        expected = (hidden @ values[name + '/dense2/kernel'] + values[name + '/dense2/bias']).astype(np.float64)
        if name == 'generator_1':
            expected = (expected - expected.mean(0)) / np.sqrt(expected.var(0) + 1e-5)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-5)
    assert np.abs(values['generator_0/dense1/kernel']).max() <= 1 / np.sqrt(5)


# The same bits, however many updates one session call holds.

@pytest.mark.parametrize('changes', [
    {}, {'generator.count': 4, 'generator.standardised': True}, {'inputs': 'noise'}, {'inputs': 'real'},
    {'student.decay': 'cosine', 'generator.decay': 'cosine', 'objective.gamma_decay': 'cosine'}],
    ids=['gas', 'normalised', 'noise', 'real', 'decay'])
def test_unrolled_updates_have_the_same_bits(teacher, changes, monkeypatch):
    real = np.random.RandomState(1).randn(50, *teacher.spaces.shape).astype(np.float32)
    monkeypatch.setattr(trajectories, 'collect', lambda *_: real)
    config = configured(**dict({'schedule.student_steps': 30}, **changes))

    def trained(unrolled):
        with tf.Graph().as_default() as graph:
            algorithm, values = policies.build(
                config, teacher, policies.source_of_inputs(config, teacher, 4), 4, unrolled)
            with determinism.new_session(graph, rewrites=policies.REWRITES) as session:
                algorithm.start(session, values)
                losses = list(algorithm.epochs(session))
                return losses, algorithm.values(session)
    (losses, values), (others, same) = trained(True), trained(False)
    assert len(losses) == 6 and losses == others
    assert set(values) == set(same)
    for name, array in values.items():
        np.testing.assert_array_equal(array, same[name], err_msg=name)


def test_a_student_of_its_teacher_learns(teacher):
    config = configured(**{'inputs': 'noise', 'schedule.student_steps': 500, 'schedule.batch_size': 64})
    with tf.Graph().as_default() as graph:
        algorithm, values = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        with determinism.new_session(graph) as session:
            algorithm.start(session, values)
            losses = [row['L_distill'] for row in algorithm.epochs(session)]
    assert np.mean(losses[-5:]) < .3 * np.mean(losses[:5])


# In the environment.

def gym_scores(name, decide, episodes, seed, step, limit):
    """Scores of gym's own environment, with the seeds that the evaluation is to use."""
    scores = []
    for i in range(episodes):
        env = gym.make(name).unwrapped
        env.seed(stream_key(seed, 'evaluation/%d/%d' % (i, step)) % 2 ** 31)
        observation, score, done, taken = env.reset(), 0., False, 0
        while not done and taken < limit:
            observation, reward, done, _ = env.step(decide(np.float32(observation)))
            score, taken = score + reward, taken + 1
        scores.append(score)
    return scores


def test_a_student_is_judged_by_its_likeliest_actions(teacher):
    config = configured()
    name = teacher.config.environment.id
    with tf.Graph().as_default() as graph:
        algorithm, values = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        evaluation = policies.InEnvironment(algorithm, teacher, config.evaluation, 7)
        with determinism.new_session(graph) as session:
            algorithm.start(session, values)
            student = session.run({v.op.name: v for v in algorithm.student.variables})
            row = evaluation(session, 30)
            kept = evaluation.of_the_kept(session, 'best', {'step': 30})
            by_loss = evaluation.of_the_kept(session, 'by_loss', {'step': 20})
            again = evaluation.of_the_kept(session, 'best', {'step': 30})
            real = normalised(evaluation._real, teacher)
        evaluation.close()

    def decide(observation):
        output = by_hand(student, normalised(observation, teacher), 'student')
        return int(output.argmax()) if teacher.spaces.actions.kind == 'categorical' else np.clip(output, -1, 1)
    expected = gym_scores(name, decide, 2, 7, 30, 30)
    assert row['score'] == pytest.approx(np.mean(expected), abs=1e-3)
    assert row['score_std'] == pytest.approx(np.std(expected, ddof=1), abs=1e-3)
    assert kept['fresh']['score'] == pytest.approx(np.mean(gym_scores(name, decide, 3, 7, 2 ** 31 - 1, 30)), abs=1e-3)
    assert by_loss == {'by_loss': dict(kept['fresh'], step=20)} and kept['fresh']['episodes'] == 3
    assert kept['random']['score'] != kept['fresh']['score'] and again == kept
    mine, theirs = by_hand(student, real, 'student'), by_hand(teacher.values, real)
    if teacher.spaces.actions.kind == 'categorical':
        p, q = [np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in (theirs, mine)]
        kl = np.sum(p * np.log(p / q), axis=1)
    else:  # both begin with a deviation of 1
        kl = .5 * np.sum((mine - theirs) ** 2, axis=1)
    assert row['kl_real'] == pytest.approx(kl.mean(), rel=1e-3)


def test_trajectories_do_not_depend_on_the_number_of_processes(teacher, monkeypatch, tmp_path):
    collection = dataclasses.replace(configured().collection, transitions=200, workers=3)
    folder = tmp_path / 'workers'
    folder.mkdir()
    (folder / '0.npy').write_text('what a killed run has left')
    collected = trajectories.collect(teacher, collection, 5, folder)
    assert collected.shape == (200,) + teacher.spaces.shape and collected.dtype == np.float32
    assert not folder.exists()
    monkeypatch.setattr(trajectories, 'usable_cores', lambda: 1)
    np.testing.assert_array_equal(trajectories.collect(teacher, collection, 5, folder), collected)
    parts = [trajectories.play(teacher, 16, 5, False, 5, 16 * worker) for worker in range(3)]
    together = np.concatenate(parts, axis=1).reshape((-1,) + teacher.spaces.shape)
    np.testing.assert_array_equal(together[:200], collected)
    assert len(np.unique(collected[:48], axis=0)) == 48  # every environment begins elsewhere
    thin = trajectories.play(teacher, 16, 5, False, 5, every=2)
    np.testing.assert_array_equal(thin, parts[0][::2])


def test_the_diagnostic_sees_what_no_student_learns_from(teacher, tmp_path):
    collection = dataclasses.replace(configured().collection, transitions=4096, workers=1)
    learnt = trajectories.collect(teacher, collection, 5, tmp_path / 'workers')
    with tf.Graph().as_default():
        config = configured()
        algorithm, _ = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 5), 5)
        evaluation = policies.InEnvironment(algorithm, teacher, config.evaluation, 5)
        evaluation.close()
    assert evaluation._real.shape == (2048,) + teacher.spaces.shape
    assert not {row.tobytes() for row in learnt} & {row.tobytes() for row in evaluation._real}


def test_uniform_actions_differ_between_episodes_and_seeds(teacher):
    with tf.Graph().as_default():
        config = configured()
        algorithm, _ = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        seen = []
        for seed in (0, 1):
            evaluation = policies.InEnvironment(algorithm, teacher, config.evaluation, seed)
            seen.append(evaluation._random())
            assert evaluation._random() == seen[-1] and seen[-1]['episodes'] == 3
            evaluation.close()
    assert seen[0] != seen[1]


def test_a_worker_that_fails_is_one_line(teacher, tmp_path):
    with pytest.raises(UserError) as caught:
        trajectories.collect(teacher._replace(path='nowhere'), configured().collection, 0, tmp_path / 'workers')
    assert '\n' not in str(caught.value) and 'a worker that collects episodes failed' in str(caught.value)


# The command.

def arguments(cartpole, out, *more):
    flags = [part for name, value in SMALL.items() for part in ('--' + name.replace('_', '-'), str(value))]
    return ['cartpole', '--teacher', str(cartpole), '--out', str(out)] + flags + list(more)


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


def test_a_run_that_was_stopped_goes_on_with_the_same_bits(cartpole, reference, tmp_path, monkeypatch):
    update, calls = Distillation.update_student, []

    def stopped(self, session):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return update(self, session)
    monkeypatch.setattr(Distillation, 'update_student', stopped)
    assert run.main(arguments(cartpole, tmp_path)) == 130
    assert run.main(arguments(cartpole, tmp_path)) == 0 and len(calls) == 6 + 8 - 4
    _, rows, result = read(tmp_path)
    _, expected, same = read(reference)
    assert without_times(rows) == without_times(expected) and result['fresh'] == same['fresh']
    assert result['fingerprint'] == same['fingerprint']


@pytest.mark.parametrize('method', ['gas_normalised', 'dafl', 'student_kd', 'reset_only', 'noise'])
def test_every_method(cartpole, tmp_path, method, capsys):
    assert run.main(arguments(cartpole, tmp_path, '--method', method, '--schedule.n-student', '1',
                              '--schedule.n-generator', '1')) == 0
    folder, rows, result = read(tmp_path, method)
    assert result['method'] == method and len(rows) == 4
    assert ('one_hot' in rows[0]) == (method == 'dafl')
    assert (folder / 'samples.png').exists() == (rows[0]['images_generated'] > 0) == (
        method not in ('student_kd', 'noise'))
    if method == 'gas_normalised':
        assert rows[-1]['input_std'] == pytest.approx(1., abs=.05) and rows[-1]['input_mean'] < 1e-3
    text = capsys.readouterr().out
    for line in ('^teacher +25.0 ± 1.0 +100.0 % +100.0 %', '^student, seed 0 ', '^random policy .* 0.0 %'):
        assert re.search(line, text, re.M), line
    assert bool(re.search('^paper +200', text, re.M)) == (method in ('dafl', 'student_kd'))


def test_other_inputs_are_not_compared_with_the_paper(cartpole, tmp_path, capsys):
    assert run.main(arguments(cartpole, tmp_path, '--inputs', 'noise')) == 0
    assert read(tmp_path)[2]['paper'] is None and 'paper ' not in capsys.readouterr().out


@pytest.mark.parametrize('patience', [['--evaluation.patience', '5'],  # less than between two evaluations
                                      ['--evaluation.patience', '10'], ['--evaluation.patience-seconds', '1e-9']])
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


def test_a_teacher_of_another_environment(cartpole, tmp_path, capsys):
    out = tmp_path / 'out'
    assert run.main(['mountaincar', '--teacher', str(cartpole), '--out', str(out)]) == 2
    error = capsys.readouterr().err
    assert 'plays CartPole-v0, and mountaincar is MountainCarContinuous-v0' in error and not out.exists()
    assert run.main(['policy', '--out', str(out)]) == 2
    assert '--teacher' in capsys.readouterr().err and not out.exists()
    assert run.main(['policy'] + arguments(cartpole, out)[1:]) == 0
    assert (out / 'policy/gas/seed-0/result.json').exists() and 'paper ' not in capsys.readouterr().out


def test_a_missing_simulator_leaves_nothing(tmp_path, capsys):
    folder = make_teacher(tmp_path / 'teacher', 'cartpole', name='Nowhere-v0')
    assert run.main(['policy', '--teacher', str(folder), '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err
    assert 'Nowhere-v0' in error and error.count('\n') == 1 and not (tmp_path / 'out').exists()


def test_a_teacher_no_better_than_chance_has_a_table(cartpole, reference, capsys):
    options, sources = command.parse(arguments(cartpole, reference))
    task = policies.Task(options, sources, Display(), [])
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


def test_a_missing_teacher_is_trained_first(tmp_path, monkeypatch):
    asked = []

    def call(given, env):
        asked.append(given[1:])
        assert 'PATH' in env and not any(name.startswith('PMI') for name in env)
        make_teacher(tmp_path / 'out/cartpole/ppo/seed-0', 'cartpole')
        return 0
    monkeypatch.setenv('PMI_SIZE', '2')
    monkeypatch.setattr(policies.subprocess, 'call', call)
    monkeypatch.setattr(policies, 'COMMITTED', tmp_path / 'none')
    options, sources = command.parse(['cartpole', '--out', str(tmp_path / 'out')])
    for _ in range(2):
        task = policies.Task(options, sources, type('Display', (), {'line': print}), [])
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
    monkeypatch.setattr(policies.time, 'sleep', wait)
    monkeypatch.setattr(policies, 'COMMITTED', tmp_path / 'none')
    options, sources = command.parse(['cartpole', '--out', str(tmp_path / 'out')])
    with Record(own, {}):
        task = policies.Task(options, sources, Display(), [])
        task.prepare()
    assert task.teacher.scores['score'] == 25. and len(looks) == 2
    assert capsys.readouterr().out.count('waiting for that teacher') == 1


def test_help_has_the_sources_of_policies():
    done = subprocess.run([sys.executable, '-m', 'gas_tf.run', 'humanoid', '--help'], cwd=str(ROOT),
                          stdout=subprocess.PIPE, universal_newlines=True)
    text = ' '.join(done.stdout.split())
    assert done.returncode == 0 and 'table 10: R_g of 10 outer epochs' in text and '--evaluation.patience' in text


# The student as a file.

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
