"""One's own policy, without a simulator: learnt from, judged, repeated, and refused in one line."""

import io
import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf import own_policies
from gas_tf.algorithm import Distillation
from gas_tf.own_policies import act, distil_policy
from runs.display import Display
from runs.errors import UserError
from runs.record import RESULT_KEYS

SIZE = 3
KERNEL = np.random.RandomState(0).randn(SIZE, 2).astype(np.float32)
SMALL = dict(generator__hidden=8, generator__count=2, generator__noise_size=5, schedule__batch_size=16,
             schedule__student_steps=200, schedule__evaluate_every=100, student__learning_rate=.01)


def categories(observations):
    return tf.matmul(observations, tf.get_variable('kernel', [SIZE, 2]))


def gaussian(observations):
    """A deviation that depends on the observation."""
    return tf.tanh(tf.matmul(observations, KERNEL)), .1 * tf.matmul(observations, KERNEL) - 1.


def one_deviation(observations):
    return tf.tanh(tf.matmul(observations, KERNEL)), tf.constant([-1., -.5])


def run(out, teacher=categories, student=(8,), **more):
    if teacher is categories:
        more.setdefault('weights', {'kernel': KERNEL})
    return distil_policy(teacher, student, SIZE, out, display=Display(io.StringIO()), **dict(SMALL, **more))


def plain(values, observations, widths=1):
    x = observations.astype(np.float64)
    for layer in range(1, widths + 1):
        x = np.tanh(x @ values['student/policy/dense%d/kernel' % layer] + values['student/policy/dense%d/bias' % layer])
    return x @ values['student/policy/head/kernel'] + values['student/policy/head/bias']


def test_a_policy_over_categories(tmp_path):
    distilled = run(tmp_path / 'run', schedule__student_steps=400)
    observations = np.random.RandomState(1).randn(500, SIZE).astype(np.float32)
    np.testing.assert_array_equal(act(distilled.values, observations), plain(distilled.values, observations).argmax(1))
    same = np.mean(act(distilled.values, observations) == (observations @ KERNEL).argmax(1))
    assert same > .9
    result = distilled.result
    assert set(RESULT_KEYS) <= set(result) and result['metric'] == 'kl_fresh' and result['best_by'] == 'L_distill'
    assert (distilled.path / 'samples.png').exists() and result['teacher'] is None


@pytest.mark.parametrize('teacher', [gaussian, one_deviation])
@pytest.mark.parametrize('method', ['gas', 'gas_normalised'])
def test_a_gaussian_policy(tmp_path, teacher, method):
    distilled = run(tmp_path / 'run', teacher, (8, 8), method=method, schedule__student_steps=400)
    assert 'student/policy/log_std' in distilled.values
    observations = np.random.RandomState(1).randn(100, SIZE).astype(np.float32)
    actions = act(distilled.values, observations)
    np.testing.assert_allclose(actions, plain(distilled.values, observations, 2), rtol=1e-4, atol=1e-5)
    if method == 'gas_normalised':
        assert np.mean((actions - np.tanh(observations @ KERNEL)) ** 2) < .3 * np.var(np.tanh(observations @ KERNEL))


def test_a_student_of_ones_own(tmp_path):
    def student(observations):
        kernel = tf.get_variable('kernel', [SIZE, 2], initializer=tf.zeros_initializer())
        return tf.matmul(observations, kernel), tf.get_variable('log_std', [2], initializer=tf.zeros_initializer())
    distilled = run(tmp_path / 'run', one_deviation, student)
    assert sorted(distilled.values) == ['student/kernel', 'student/log_std']
    assert np.sum(distilled.values['student/kernel'] * KERNEL) > 0
    assert (distilled.values['student/log_std'] < -.2).all()


def test_one_call_of_many_updates_is_many_calls_of_one(tmp_path, monkeypatch):
    def student(observations):
        return tf.matmul(observations, tf.get_variable('kernel', [SIZE, 2]))
    unrolled = run(tmp_path / 'unrolled', student=student)
    monkeypatch.setattr(own_policies, 'Distillation', lambda *given: Distillation(*given[:-1]))
    assert run(tmp_path / 'single', student=student).result['fingerprint'] == unrolled.result['fingerprint']


def test_a_score_chooses_and_teaches_nothing(tmp_path):
    seen = []

    def score(decide):
        seen.append(decide(np.zeros([4, SIZE])))
        return -float(len(seen))  # the first is the best
    scored, other = run(tmp_path / 'scored', score=score), run(tmp_path / 'other')
    assert (scored.result['metric'], scored.result['best_step'], scored.result['best']) == ('score', 100, -1.)
    assert scored.result['fingerprint'] == other.result['fingerprint'] and seen[0].shape == (4,)


def test_the_student_of_the_least_loss_comes_back(tmp_path):
    """With `best` its numbers, and with `last` those of the last one."""
    adversarial = dict(method='gas', objective__gamma=10., schedule__reset_every=0)  # at last the loss rises
    distilled = run(tmp_path / 'run', schedule__student_steps=600, **adversarial)
    rows = [json.loads(line) for line in (distilled.path / 'metrics.jsonl').read_text().splitlines()]
    least = min(rows, key=lambda row: row['L_distill'])
    result = distilled.result
    assert result['best_step'] == least['student_step'] < 600
    assert (result['best'], result['last']) == (least['kl_fresh'], rows[-1]['kl_fresh'])
    # A run that ends there has no other last student.
    run(tmp_path / 'there', schedule__student_steps=result['best_step'], **adversarial)
    with np.load(str(max((tmp_path / 'there' / 'checkpoints').glob('*.npz')))) as file:
        for name, value in distilled.values.items():
            np.testing.assert_array_equal(file[name], value)


def test_noise_is_a_baseline(tmp_path):
    distilled = run(tmp_path / 'run', method='noise', schedule__student_steps=400)
    observations = np.random.RandomState(1).randn(500, SIZE).astype(np.float32)
    assert np.mean(act(distilled.values, observations) == (observations @ KERNEL).argmax(1)) > .9
    assert not (distilled.path / 'samples.png').exists() and distilled.result['generator_steps'] == 0


def test_the_same_again_and_at_once(tmp_path):
    first, again = run(tmp_path / 'one'), run(tmp_path / 'two')
    assert first.result['fingerprint'] == again.result['fingerprint']
    for name, value in first.values.items():
        np.testing.assert_array_equal(value, again.values[name])
    assert run(tmp_path / 'one').result == first.result
    assert run(tmp_path / 'three', seed=1).result['fingerprint'] != first.result['fingerprint']
    with pytest.raises(UserError):
        run(tmp_path / 'one', seed=1)


def blind(observations):
    return tf.zeros([observations.shape[0], 2])


@pytest.mark.parametrize('given, said', [
    (dict(teacher=blind), 'no gradient to its input'),
    (dict(teacher=lambda x: x[:, 0]), 'logits [b, actions], or (mean [b, d]'),
    (dict(teacher=lambda x: (x, x[0, :2])), 'logits [b, actions], or (mean [b, d]'),
    (dict(teacher=lambda x: (x, x, x)), 'logits [b, actions], or (mean [b, d]'),
    (dict(teacher=lambda x: (x, None)), 'logits [b, actions], or (mean [b, d]'),
    (dict(teacher=lambda x: (x, {})), 'logits [b, actions], or (mean [b, d]'),
    (dict(teacher=lambda x: tf.matmul(x, KERNEL) / 0.), 'not finite'),
    (dict(weights={}), 'hold no kernel'),
    (dict(student=()), 'give a function, or the widths'),
    (dict(student='64'), 'give a function, or the widths'),
    (dict(student=(8.9,)), 'give a function, or the widths'),
    (dict(student=lambda x: tf.matmul(x, tf.get_variable('k', [SIZE, 2])) + 0. * len(str(tf.get_variable('no', [1])))),
     "the student's answers do not depend on student/no"),
    (dict(student=gaussian), 'one of teacher and student gives logits'),
    (dict(student=lambda x: x), 'the student gives 3 numbers, the teacher 2'),
    (dict(teacher=one_deviation, student=lambda x: (x, tf.get_variable('s', [3]))), 'the student gives 3 numbers'),
    (dict(method='dafl'), "method is 'dafl'"),
    (dict(seed=-1), 'seed is -1'),
    (dict(schedule__batch=3), 'no setting'),
    (dict(schedule__batch_size=3), 'give a multiple of generator.count'),
    (dict(schedule__batch_size=2), 'two observations of each generator'),
    (dict(objective__lambda_activation=.1), 'needs the features'),
    (dict(teacher=gaussian, objective__one_hot=1.), 'no meaning for a Gaussian'),
])
def test_what_does_not_fit_is_one_line(tmp_path, given, said):
    with pytest.raises(UserError) as caught:
        run(tmp_path / 'run', **given)
    assert '\n' not in str(caught.value) and said in str(caught.value)
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('found', [None, 'much', float('nan')])
def test_a_score_that_is_no_number(tmp_path, found):
    with pytest.raises(UserError, match='a number is needed'):
        run(tmp_path / 'run', score=lambda decide: found)


def test_patience(tmp_path):
    distilled = run(tmp_path / 'run', score=lambda decide: 0., evaluation__patience=100)
    assert distilled.result['student_steps'] == 200 and distilled.result['best_step'] == 100


def test_moments_that_were_kept_are_what_noise_has(tmp_path):
    """A student that sees the first number alone vary learns nothing of the others."""
    mean, covariance = np.zeros(SIZE), np.diag([1., 0., 0.])
    narrow = run(tmp_path / 'narrow', one_deviation, method='noise', moments=(mean, covariance))
    wide = run(tmp_path / 'wide', one_deviation, method='noise')
    first = [one.values['student/policy/dense1/kernel'] for one in (narrow, wide)]
    np.testing.assert_array_equal(first[0][1:], run_first(tmp_path)[1:])
    assert not np.any(first[1][1:] == run_first(tmp_path)[1:])
    fields = json.loads((narrow.path / 'config.json').read_text())['fields']
    assert len(fields['moments']['value']) == 64
    with pytest.raises(UserError, match='another configuration'):
        run(tmp_path / 'narrow', one_deviation, method='noise', moments=(mean, 2. * covariance))


def run_first(tmp_path):
    """The first layer of the same student before it learns."""
    return run(tmp_path / 'first', one_deviation, method='noise', student__learning_rate=0.).values[
        'student/policy/dense1/kernel']


@pytest.mark.parametrize('method, moments, said', [
    ('gas', (np.zeros(SIZE), np.eye(SIZE)), "moments are for method='noise'"),
    ('noise', np.zeros(SIZE), 'moments: give a mean and a covariance'),
    ('noise', (np.zeros(2), np.eye(SIZE)), r'shapes \(2,\) and \(3, 3\): \(3,\) and \(3, 3\) are needed'),
    ('noise', (np.zeros(SIZE), np.triu(np.ones([SIZE, SIZE]))), 'not symmetric'),
    ('noise', (np.zeros(SIZE), np.full([SIZE, SIZE], np.nan)), 'not everything is finite'),
    ('noise', (np.zeros(SIZE), np.full([SIZE, SIZE], np.inf)), 'not everything is finite'),
    ('noise', (np.full(SIZE, np.inf), np.eye(SIZE)), 'not everything is finite'),
    ('noise', (np.full(SIZE, -1e60), np.eye(SIZE)), 'not everything is finite in single precision'),
    ('noise', (np.zeros(SIZE), np.eye(SIZE) * 1e90), 'not everything is finite in single precision'),
    ('noise', (np.zeros(SIZE), np.eye(SIZE) * 1j), 'complex'),
    ('noise', (np.zeros(SIZE), np.diag([1., 1., -2e-3])), 'no covariance, it has the eigenvalue -0.002'),
    ('noise', (np.zeros(SIZE), -np.eye(SIZE)), 'no covariance, it has the eigenvalue -1'),
    ('noise', (np.zeros(SIZE), [[1., 2., 0.], [2., 1., 0.], [0., 0., 1.]]), 'no covariance, it has the eigenvalue -1')])
def test_moments_that_are_none_are_refused(tmp_path, method, moments, said):
    with pytest.raises(UserError, match=said):
        run(tmp_path / 'run', one_deviation, method=method, moments=moments)
    assert not (tmp_path / 'run').exists()


def test_rounded_moments_are_taken(tmp_path):
    """A covariance of less than full rank in single precision, E[xxᵀ] − E[x]E[x]ᵀ, has eigenvalues below 0."""
    x = np.float32(3. + np.random.RandomState(0).randn(2000, 2) @ [[1., .5, 1.5], [0., 1., 1.]])
    mean = x.mean(axis=0)
    covariance = x.T @ x / np.float32(len(x)) - np.outer(mean, mean)
    covariance[2, 2] -= 1e-4
    assert np.linalg.eigvalsh(np.float64(covariance))[0] < -1e-6
    run(tmp_path / 'run', one_deviation, method='noise', moments=(mean, covariance))


def test_weights_of_another_student_are_refused():
    with pytest.raises(UserError, match='use its own function'):
        act({'student/kernel': KERNEL}, np.zeros([1, SIZE]))


@pytest.mark.parametrize('shape', [(SIZE,), (1, SIZE + 1), (1, 1, SIZE)])
def test_observations_of_another_shape_are_refused(shape):
    values = {'student/policy/dense1/kernel': np.zeros([SIZE, 4]), 'student/policy/dense1/bias': np.zeros(4),
              'student/policy/head/kernel': np.zeros([4, 2]), 'student/policy/head/bias': np.zeros(2)}
    assert act(values, np.zeros([5, SIZE])).shape == (5,)
    with pytest.raises(UserError, match=r'is needed'):
        act(values, np.zeros(shape))
