"""What each step of algorithm 1 changes, and by how much."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from tiny_algorithm import TINY, assert_same, sides, started, teacher_values


def test_the_graph_holds_three_sides_and_no_more(tiny):
    names = {v.op.name for v in tf.global_variables()}
    student, generator = [set(side[1]) for side in
                          (sides(tiny.algorithm)['student'], sides(tiny.algorithm)['generator'])]
    teacher = {v.op.name for v in tiny.algorithm.teacher.variables}
    assert not (student & generator or student & teacher or generator & teacher)
    assert names == student | generator | teacher
    saved = tiny.algorithm.state.variables
    assert {v.op.name for v in saved.values()} == student | generator
    # TensorFlow numbers the powers by creation; the saved names do not depend on it.
    assert {name for name in saved if 'power' in name} == {
        '%s_adam/beta%d_power' % (side, i) for side in ('student', 'generator') for i in (1, 2)}


@pytest.mark.parametrize('side', ['student', 'generator'])
def test_a_step_changes_its_own_side_alone(tiny, side):
    algorithm, session = tiny.at_start()
    weights, own = sides(algorithm)[side]
    before = tiny.everything()
    for _ in range(3):
        {'student': algorithm.update_student, 'generator': algorithm.update_generators}[side](session)
    after = tiny.everything()
    assert_same(before, after, set(before) - set(own))
    for name in own:
        # A bias before a batch-norm has no gradient but what rounding leaves.
        if side == 'student' or 'bias' not in name:
            assert np.any(before[name] != after[name]), name
    assert (algorithm.student_steps, algorithm.generator_steps, algorithm.resets) == (
        3 * (side == 'student'), 3 * (side == 'generator'), 0)


def test_the_teacher_never_changes(tiny):
    algorithm, session = tiny.at_start()
    before = tiny.everything()
    list(algorithm.epochs(session))
    after = tiny.everything()
    expected = teacher_values(algorithm)
    for v in algorithm.teacher.variables:
        np.testing.assert_array_equal(before[v.op.name], after[v.op.name])
        np.testing.assert_array_equal(after[v.op.name], expected[v.op.name])
    assert (algorithm.student_steps, algorithm.generator_steps, algorithm.resets) == (12, 8, 2)


def test_which_gradients_exist(tiny):
    algorithm = tiny.algorithm
    student, bank = algorithm.student.variables, algorithm.inputs.bank.variables
    terms = algorithm._generator_updates[0][0]
    for name in ('H_each', 'H_mean', 'activation', 'L_H', 'L_G'):
        assert tf.gradients(terms[name], student) == [None] * len(student), name
    assert None not in tf.gradients(terms['L_H'], bank)
    # Both sides reach L_distill: the adaptive term through the generated input.
    assert None not in tf.gradients(terms['L_adapt'], student)
    assert None not in tf.gradients(algorithm._student_updates[0][0]['L_distill'], bank)


@pytest.mark.parametrize('side', ['student', 'generator'])
def test_a_step_is_adam_on_the_plain_loss(tiny, side):
    """Three updates against Adam in NumPy with gradients of the plain graph."""
    algorithm, session = tiny.at_start()
    rate = {'student': 1e-3, 'generator': 1e-2}[side]
    names = sides(algorithm)[side][0]
    step, loss, gradients = tiny.plain[side]
    m = {n: 0. for n in names}
    v = {n: 0. for n in names}
    sizes = dict.fromkeys(names, 0.)
    for t in (1, 2, 3):
        # From the weights that the run has now, so that differences do not grow.
        values = tiny.everything()
        weights = {n: values[n].astype(np.float64) for n in names}
        expected_loss, g = session.run([loss, dict(zip(names, gradients))], {step: t - 1})
        # A bias before a batch-norm has no gradient but what is rounded.
        rounded = 1e-6 * max(np.abs(array).max() for array in g.values())
        losses, = {'student': algorithm.update_student, 'generator': algorithm.update_generators}[side](session)
        assert losses['L_distill' if side == 'student' else 'L_adapt'] == pytest.approx(
            float(expected_loss), rel=1e-4)
        after = tiny.everything()
        for n in names:
            m[n] = .9 * m[n] + .1 * g[n]
            v[n] = .999 * v[n] + .001 * g[n].astype(np.float64) ** 2
            size = sizes[n] = max(sizes[n], np.abs(g[n]).max())
            slots = after[n + '/%s_adam' % side], after[n + '/%s_adam_1' % side]
            np.testing.assert_allclose(slots[0], m[n], rtol=0, atol=1e-3 * size + rounded, err_msg=n)
            np.testing.assert_allclose(slots[1], v[n], rtol=0, atol=2e-6 * size ** 2 + rounded ** 2,
                                       err_msg=n)
            step_size = rate * np.sqrt(1 - .999 ** t) / (1 - .9 ** t)
            moved = weights[n] - step_size * slots[0] / (np.sqrt(slots[1].astype(np.float64)) + 1e-8)
            np.testing.assert_allclose(after[n], moved, rtol=1e-6, atol=2e-3 * rate, err_msg=n)


def test_losses_that_a_generator_step_returns(tiny):
    algorithm, session = tiny.at_start()
    losses = algorithm.update_generators(session)[0]
    weights = algorithm.objective
    assert {'H_each', 'H_mean', 'activation', 'L_H', 'L_G', 'L_adapt',
            'L_distill_generator'} <= set(losses)
    assert losses['L_H'] == pytest.approx(
        weights.alpha * losses['H_each'] - weights.beta * losses['H_mean'], rel=1e-6)
    assert losses['L_G'] == pytest.approx(
        losses['L_H'] - weights.lambda_activation * losses['activation'], rel=1e-6)
    assert losses['L_adapt'] < losses['L_G'] and weights.gamma > 0
    assert all(np.isscalar(loss) for loss in losses.values())


def test_the_student_learns(tiny):
    algorithm, session = tiny.at_start()
    losses = [algorithm.update_student(session)[0]['L_distill'] for _ in range(150)]
    assert min(losses) > 0
    assert np.mean(losses[-10:]) < .7 * np.mean(losses[:10])


@pytest.fixture(scope='module')
def cosine():
    """A student of the teacher's own shape, and decayed rates and gamma."""
    changes = {'student.decay': 'cosine', 'generator.decay': 'cosine', 'objective.gamma_decay': 'cosine',
               'student.widths': TINY['teacher.widths']}
    with started(**changes) as (algorithm, session):
        yield algorithm, session, algorithm.values(session)


@pytest.mark.parametrize('side, rate, steps', [('student', 1e-3, 12), ('generator', 1e-2, 8)])
@pytest.mark.parametrize('share', [0., .25, .5, .75, 1.])
def test_cosine_decay(cosine, side, rate, steps, share):
    """Adam's first move is the learning rate."""
    algorithm, session, start = cosine
    step = np.int64(share * steps)
    algorithm.load(session, dict(start, **{'counters/%s_steps' % side: step}))
    {'student': algorithm.update_student, 'generator': algorithm.update_generators}[side](session)
    after = algorithm.values(session)
    moved = max(np.abs(after[name] - start[name]).max()
                for name in sides(algorithm)[side][0] if name.endswith('kernel'))
    assert moved == pytest.approx(rate * .5 * (1 + np.cos(np.pi * share)), rel=2e-3, abs=2e-7)


@pytest.mark.parametrize('step', [0, 2, 6])
def test_gamma_decays_with_the_generators_steps(cosine, step):
    algorithm, session, start = cosine
    algorithm.load(session, dict(start, **{'counters/generator_steps': np.int64(step)}))
    losses = algorithm.update_generators(session)[0]
    gamma = (losses['L_G'] - losses['L_adapt']) / losses['L_distill_generator']
    assert gamma == pytest.approx(algorithm.objective.gamma * .5 * (1 + np.cos(np.pi * step / 8)), rel=1e-3)


def test_l_distill_is_positive_unless_the_student_is_the_teacher(cosine):
    algorithm, session, start = cosine
    algorithm.load(session, start)
    assert algorithm.update_student(session)[0]['L_distill'] > 1e-3
    same = dict(start)
    for name, array in teacher_values(algorithm).items():
        same[name.replace('teacher', 'student')] = array
    algorithm.load(session, same)
    assert abs(algorithm.update_student(session)[0]['L_distill']) < 1e-6
    algorithm.load(session, dict(same, **{
        'student/dense2/kernel': 1.1 * same['student/dense2/kernel']}))
    assert algorithm.update_student(session)[0]['L_distill'] > 1e-4
