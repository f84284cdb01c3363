"""How a student is judged in the environment, and the real observations that are collected."""

import dataclasses

import gym
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small_policies import KINDS, by_hand, configured, make_teacher, normalised

from gas_tf import policies, trajectories
from gas_tf.policy_evaluation import InEnvironment
from ppo.teacher import read_teacher
from runs import determinism
from runs.errors import UserError
from runs.streams import stream_key


@pytest.fixture(scope='module', params=sorted(KINDS))
def teacher(request, tmp_path_factory):
    return read_teacher(make_teacher(tmp_path_factory.mktemp('teacher') / request.param, request.param))


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
        evaluation = InEnvironment(algorithm, teacher, config.evaluation, 7)
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
    assert row['real_std'] == pytest.approx(real.std(0).mean(), rel=1e-3)
    assert row['real_std_spread'] == pytest.approx(real.std(0).std(), rel=1e-3)
    assert row['real_mean'] == pytest.approx(np.sqrt(np.mean(real.mean(0) ** 2)), rel=1e-3)


def test_trajectories_do_not_depend_on_the_number_of_processes(teacher, monkeypatch, tmp_path):
    collection = dataclasses.replace(configured().collection, transitions=200, workers=3)
    folder = tmp_path / 'workers'
    folder.mkdir()
    (folder / '0.npy').write_text('what a killed run has left')
    said = []
    collected = trajectories.collect(teacher, collection, 5, folder, said.append)
    assert [line[:17] for line in said] == ['collecting 200 ob', 'worker 1 of 3 is ', 'worker 2 of 3 is ', 'worker 3 of 3 is ']
    assert collected.shape == (200,) + teacher.spaces.shape and collected.dtype == np.float32
    assert not folder.exists()
    monkeypatch.setattr(trajectories, 'usable_cores', lambda: 1)
    np.testing.assert_array_equal(trajectories.collect(teacher, collection, 5, folder), collected)
    parts = [trajectories.play(teacher, 16, 5, False, 5, 16 * worker) for worker in range(3)]
    together = np.concatenate(parts, axis=1).reshape((-1,) + teacher.spaces.shape)
    np.testing.assert_array_equal(together[:200], collected)
    assert len(np.unique(collected[:48], axis=0)) == 48  # every environment begins elsewhere
    likeliest = trajectories.collect(
        teacher, dataclasses.replace(collection, actions='likeliest', workers=1), 5, folder)
    np.testing.assert_array_equal(likeliest, trajectories.play(teacher, 16, 13, True, 5).reshape((-1,) + teacher.spaces.shape)[:200])
    assert not np.array_equal(likeliest, trajectories.collect(
        teacher, dataclasses.replace(collection, workers=1), 5, folder))
    thin = trajectories.play(teacher, 16, 5, False, 5, every=2)
    np.testing.assert_array_equal(thin, parts[0][::2])


def test_the_diagnostic_sees_what_no_student_learns_from(teacher, tmp_path):
    collection = dataclasses.replace(configured().collection, transitions=4096, workers=1)
    learnt = trajectories.collect(teacher, collection, 5, tmp_path / 'workers')
    with tf.Graph().as_default():
        config = configured()
        algorithm, _ = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 5), 5)
        evaluation = InEnvironment(algorithm, teacher, config.evaluation, 5)
        evaluation.close()
    assert evaluation._real.shape == (2048,) + teacher.spaces.shape
    assert not {row.tobytes() for row in learnt} & {row.tobytes() for row in evaluation._real}


def test_uniform_actions_differ_between_episodes_and_seeds(teacher):
    with tf.Graph().as_default():
        config = configured()
        algorithm, _ = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        seen = []
        for seed in (0, 1):
            evaluation = InEnvironment(algorithm, teacher, config.evaluation, seed)
            seen.append(evaluation._random())
            assert evaluation._random() == seen[-1] and seen[-1]['episodes'] == 3
            evaluation.close()
            assert seen[-1]['score'] == pytest.approx(np.mean(
                [random_score(teacher.config.environment.id, seed, number) for number in range(3)]), abs=1e-3)
    assert seen[0] != seen[1]


def random_score(name, seed, number, limit=30):
    """Of uniform actions in gym's own environment."""
    env = gym.make(name).unwrapped
    env.seed(stream_key(seed, 'random/%d/%d' % (number, 2 ** 31 - 1)) % 2 ** 31)
    env.action_space.seed(stream_key(seed, 'random actions/%d' % number) % 2 ** 31)
    score, done, taken = 0., False, 0
    env.reset()
    while not done and taken < limit:
        _, reward, done, _ = env.step(env.action_space.sample())
        score, taken = score + reward, taken + 1
    return score


def test_a_worker_that_fails_is_one_line(teacher, tmp_path):
    with pytest.raises(UserError) as caught:
        trajectories.collect(teacher._replace(path='nowhere'), configured().collection, 0, tmp_path / 'workers')
    assert '\n' not in str(caught.value) and 'a worker that collects episodes failed' in str(caught.value)
