"""The average of the student's weights: by its definition, judged and kept in their place, and resumed."""

import json

import numpy as np
import pytest
from command_processes import Workshop, content, folder, rows, with_teacher
from tiny_algorithm import assert_same, digits_like, started

from gas_tf import evaluation

RATE = {'student.average': .6}


def student_of(values):
    return {name: array for name, array in values.items() if name.startswith('student/') and 'adam' not in name}


@pytest.mark.parametrize('rate', [.2, .9])
def test_the_average_is_what_its_definition_says(rate):
    """In double precision; of rate .9 the limit is not reached, of .2 after two updates."""
    with started(**{'student.average': rate}) as (algorithm, session):
        before = [student_of(algorithm.values(session))]
        for _ in range(6):
            algorithm.update_student(session)
            before.append(student_of(algorithm.values(session)))
        expected = {name: np.float64(array) for name, array in before[0].items()}
        for t, weights in enumerate(before[1:]):
            kept = min(rate, [1 / 10, 2 / 11, 3 / 12, 4 / 13, 5 / 14, 6 / 15][t])
            expected = {name: kept * expected[name] + (1 - kept) * array for name, array in weights.items()}
        with algorithm.judged(session) as model:
            for name, array in model.items():
                np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-7, err_msg=name)
                assert (array != before[-1][name]).any(), name


def test_it_is_judged_and_the_student_learns_on():
    """The accuracy inside is that of the average; afterwards not a bit of the state has changed."""
    with started(**RATE) as (algorithm, session):
        data = digits_like()
        accuracy = evaluation.Accuracy(algorithm.student, (32, 32, 1))
        for _ in range(12):
            algorithm.update_student(session)
        before = algorithm.values(session)
        with algorithm.judged(session) as model:
            assert_same(student_of(algorithm.values(session)), model)
            of_average = accuracy(session, data.train_images, data.train_labels)
        assert_same(algorithm.values(session), before)
        algorithm.state.load(session, model)
        assert accuracy(session, data.train_images, data.train_labels) == of_average


def test_it_changes_nothing_that_learns():
    with started(**RATE) as (one, session):
        list(one.epochs(session))
        found = one.values(session)
    with started() as (other, session):
        list(other.epochs(session))
        expected = other.values(session)
        with other.judged(session) as model:
            assert_same(model, student_of(expected))
    assert {name for name in found if name not in expected} == {
        'average/' + name for name in student_of(expected)}
    assert_same(expected, found, expected)


def test_a_resumed_run_has_the_same_average():
    with started(**RATE) as (algorithm, session):
        values = [algorithm.values(session) for _ in algorithm.epochs(session)]
    with started(**RATE) as (algorithm, session):
        algorithm.load(session, values[1])
        list(algorithm.epochs(session))
        assert_same(algorithm.values(session), values[-1])


def test_a_run_keeps_the_average_as_its_best_and_goes_on_after_a_kill(tmp_path):
    found = []
    for name, patch in (('whole', ''), ('killed', "hook(checkpoint, 'save', 2, die)")):
        out = tmp_path / name
        out.mkdir()
        with_teacher(out)
        with Workshop() as workshop:
            if patch:
                assert workshop.run(out, '--student.average', '.9', patch=patch).code == -9
            assert workshop.run(out, '--student.average', '.9').code == 0
        found.append(out)
    whole, killed = [folder(out) for out in found]
    assert rows(whole) == rows(killed)
    sentinel = json.loads((whole / 'checkpoints/checkpoint.json').read_text())
    result = content(whole / 'result.json')
    with np.load(str(whole / 'checkpoints' / sentinel['checkpoints'][0]['file'])) as arrays:
        same = result['best_step'] == result['student_steps']
        for name in arrays.files:
            if name.startswith('best/'):
                averaged = arrays['average/' + name[len('best/'):]]
                assert (arrays[name] == averaged).all() == same, name
                assert (arrays[name] != arrays[name[len('best/'):]]).any(), name
