"""Algorithm 1's order of steps, without a graph, and how its rates fall."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from tiny_algorithm import configured

from gas_tf import experiments
from gas_tf.algorithm import Distillation, check_schedule
from gas_tf.optimisation import decayed
from runs import determinism
from runs.errors import UserError


class Listed(Distillation):
    """Algorithm 1's loop with steps that only say their name."""

    def __init__(self, schedule, bank=True, student_steps=0):
        self.schedule, self.seen, self.groups = schedule, [], [None]
        self.inputs = type('Inputs', (), {'bank': bank})
        self.student_steps, self.generator_steps, self.resets = student_steps, 0, 0

    def update_student(self, session):
        self.seen.append('S')
        self.student_steps += 1
        return [{'L_distill': float(self.student_steps)}]

    def update_generators(self, session):
        self.seen.append('G')
        self.generator_steps += 1
        return [{'L_adapt': float(self.generator_steps)}]

    def reset(self, session, due):
        assert due == [0]
        self.seen.append('R')
        self.resets += 1


def algorithm_1(epochs, n_student, reset_epochs, n_generator, first=0):
    steps = ''
    for e in range(first, epochs):
        steps += 'S' * n_student
        if reset_epochs and e % reset_epochs == 0:
            steps += 'R'
        steps += 'G' * n_generator
    return steps


@pytest.mark.parametrize('epochs, n_student, reset_epochs, n_generator', [
    (7, 3, 2, 2), (4, 1, 1, 1), (5, 2, 3, 4), (6, 2, 0, 1), (3, 4, 9, 2), (3, 2, 1, 0)])
def test_order_of_steps(epochs, n_student, reset_epochs, n_generator):
    schedule = dataclasses.replace(
        experiments.images.Schedule(), student_steps=epochs * n_student, n_student=n_student,
        n_generator=n_generator, reset_every=reset_epochs * n_student)
    run = Listed(schedule)
    assert len(list(run.epochs(None))) == epochs
    numbers = epochs, n_student, reset_epochs, n_generator
    assert ''.join(run.seen) == algorithm_1(*numbers)
    resumed = Listed(schedule, student_steps=2 * n_student)
    list(resumed.epochs(None))
    assert ''.join(resumed.seen) == algorithm_1(*numbers, first=2)
    alone = Listed(schedule, bank=None)
    list(alone.epochs(None))
    assert ''.join(alone.seen) == 'S' * (epochs * n_student)


def test_an_epoch_yields_the_means_of_its_own_losses():
    schedule = dataclasses.replace(
        experiments.images.Schedule(), student_steps=6, n_student=3, n_generator=2, reset_every=0)
    assert list(Listed(schedule).epochs(None)) == [
        {'L_distill': 2., 'L_adapt': 1.5}, {'L_distill': 5., 'L_adapt': 3.5}]


def test_check_schedule():
    check_schedule(configured().schedule, 2)
    check_schedule(configured(**{'schedule.reset_every': 0}).schedule, 2)


@pytest.mark.parametrize('field, value, generators', [
    ('student_steps', 13, 2), ('student_steps', 0, 2), ('student_steps', -3, 2),
    ('evaluate_every', 4, 2), ('evaluate_every', 0, 2), ('evaluate_every', 9, 2),
    ('reset_every', 7, 2), ('reset_every', -6, 2), ('n_student', 0, 2),
    ('n_student', 5, 2), ('batch_size', 9, 2), ('batch_size', 8, 0), ('batch_size', 8, 3)])
def test_numbers_that_do_not_fit_are_one_line(field, value, generators):
    schedule = dataclasses.replace(configured().schedule, **{field: value})
    with pytest.raises(UserError) as caught:
        check_schedule(schedule, generators)
    message = str(caught.value)
    assert '\n' not in message and 'schedule.' in message and 'give a multiple' in message


def test_who_is_due_in_turn():
    """Four generators of a period of eight epochs: all at the start, then one every other epoch."""
    algorithm = object.__new__(Distillation)
    algorithm.groups = [[i] for i in range(4)]
    algorithm.schedule = dataclasses.replace(experiments.images.Schedule(), n_student=5, reset_every=40)
    assert [algorithm._due(e) for e in range(11)] == [
        [0, 1, 2, 3], [], [1], [], [2], [], [3], [], [0], [], [1]]
    algorithm.schedule = dataclasses.replace(algorithm.schedule, reset_every=0)
    assert [algorithm._due(e) for e in range(3)] == [[], [], []]


@pytest.mark.parametrize('decay, expected', [
    ('constant', [2., 2., 2., 2., 2.]), ('cosine', [2., 1., 1. + np.cos(.8 * np.pi), 1. + np.cos(.9 * np.pi), 0.]),
    ('late', [2., 2., 2., 1., 0.])])
def test_ways_down_to_zero(decay, expected):
    with tf.Graph().as_default() as graph:
        step = tf.placeholder(tf.int64, [])
        value = tf.convert_to_tensor(decayed(2., decay, step, 100))
        with determinism.new_session(graph) as session:
            found = [session.run(value, {step: k}) for k in (0, 50, 80, 90, 100)]
    for one, wanted in zip(found, expected):
        assert one == pytest.approx(wanted, abs=1e-6)
    assert decayed(0., decay, step, 100) == 0.  # a number: no term hangs on it
