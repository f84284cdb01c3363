"""Policies' updates: which gradients reach whom, and equation 4 of a Gaussian policy by hand."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small_policies import KINDS, by_hand, configured, make_teacher

from gas_tf import policies
from ppo.teacher import read_teacher
from runs import determinism


@pytest.mark.parametrize('kind', sorted(KINDS))
def test_which_gradients_exist_and_who_changes(kind, tmp_path):
    teacher = read_teacher(make_teacher(tmp_path / 'teacher', kind))
    config = configured(**{'objective.lambda_activation': .1})
    with tf.Graph().as_default() as graph:
        algorithm, values = policies.build(config, teacher, policies.source_of_inputs(config, teacher, 0), 0)
        student = algorithm.student.variables
        bank, terms = algorithm.inputs.bank.variables, algorithm._generator_updates[0][0]
        for name in ('H_each', 'H_mean', 'L_G'):
            assert tf.gradients(terms[name], student) == [None] * len(student), name
        for name in ('H_mean', 'L_adapt', 'L_distill_generator'):
            assert None not in tf.gradients(terms[name], bank), name
        # The entropy of one Gaussian is that of its deviation, which no input moves.
        assert (None in tf.gradients(terms['H_each'], bank)) == (teacher.spaces.actions.kind == 'gaussian')
        assert None not in tf.gradients(terms['L_adapt'], student)
        with determinism.new_session(graph) as session:
            algorithm.start(session, values)
            list(algorithm.epochs(session))
            after = session.run({v.op.name: v for v in algorithm.teacher.variables})
    assert set(after) == set(values)
    for name in values:
        np.testing.assert_array_equal(after[name], values[name])


def terms_by_hand(teacher, student, generator, z, objective):
    """(L_distill, L_adapt) of a Gaussian policy, in double precision, as the paper writes them."""
    hidden = np.maximum(z @ generator['generator_0/dense1/kernel'] + generator['generator_0/dense1/bias'], 0.)
    x = hidden @ generator['generator_0/dense2/kernel'] + generator['generator_0/dense2/bias']
    m, n = by_hand(teacher, x, 'teacher'), by_hand(student, x, 'student')
    s, t = teacher['teacher/policy/log_std'], student['student/policy/log_std']
    kl = np.mean(np.sum(t - s + (np.exp(2 * s) + (m - n) ** 2) / (2 * np.exp(2 * t)) - .5, axis=1))
    entropy = np.sum(s + .5 * np.log(2 * np.pi * np.e))
    pairs = -.5 * np.sum((m[:, None] - m) ** 2 / (2 * np.exp(2 * s)) + np.log(4 * np.pi * np.exp(2 * s)), axis=2)
    bound = -np.mean(np.log(np.mean(np.exp(pairs), axis=1)))
    return kl, objective.alpha * entropy - objective.beta * bound - objective.gamma * kl


@pytest.mark.parametrize('side', ['student', 'generator'])
def test_a_step_of_a_gaussian_policy_is_adam_on_the_papers_loss(side, tmp_path):
    """Adam's first moment after one step is a tenth of the gradient: by finite differences."""
    teacher = read_teacher(make_teacher(tmp_path / 'teacher', 'mountaincar'))
    config = configured()
    with tf.Graph().as_default() as graph:
        source = policies.source_of_inputs(config, teacher, 0)
        algorithm, values = policies.build(config, teacher, source, 0, unrolled=False)
        noise = source.noise(side + ' noise', 0)
        with determinism.new_session(graph) as session:
            algorithm.start(session, values)
            z = np.float64(session.run(noise))
            networks = [{v.op.name: np.array(session.run(v), np.float64) for v in network.variables}
                        for network in (algorithm.teacher, algorithm.student, source.bank)]
            {'student': algorithm.update_student, 'generator': algorithm.update_generators}[side](session)
            state = algorithm.values(session)
    own = networks[1 if side == 'student' else 2]
    for name, array in own.items():
        slopes = np.zeros(array.shape)
        for place in np.ndindex(*array.shape):
            kept, sides = array[place], []
            for step in (1e-6, -1e-6):
                array[place] = kept + step
                sides.append(terms_by_hand(*networks, z, config.objective)[side == 'generator'])
            array[place] = kept
            slopes[place] = (sides[0] - sides[1]) / 2e-6
        moment = state['%s/%s_adam' % (name, side)]
        np.testing.assert_allclose(moment * 10, slopes, rtol=2e-3, atol=1e-4 * max(1., np.abs(slopes).max()),
                                   err_msg=name)
        assert slopes.any(), name
