"""The state of algorithm 1, in and out, and its bits."""

import os
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from tiny_algorithm import assert_same, started

from runs import determinism
from runs.checkpoint import fingerprint  # noqa: F401 (for the processes that tests start)
from runs.state import State

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def test_values_are_copies_and_load_is_exact(tiny):
    algorithm, session = tiny.at_start()
    values = algorithm.values(session)
    assert_same(values, tiny.start)
    list(algorithm.epochs(session))
    assert_same(values, tiny.start)
    algorithm.load(session, values)
    assert_same(algorithm.values(session), values)
    assert (algorithm.student_steps, algorithm.generator_steps, algorithm.resets) == (0, 0, 0)


def straight(other_ops=False, **changes):
    """(losses by epoch, values after each epoch) of a whole run."""
    losses, values = [], []
    with started(other_ops, **changes) as (algorithm, session):
        for epoch_losses in algorithm.epochs(session):
            losses.append(epoch_losses)
            values.append(algorithm.values(session))
    return losses, values


@pytest.fixture(scope='module')
def whole_run():
    return straight()


def test_a_resumed_run_is_the_same_bit_for_bit(whole_run):
    """A new graph and a new session go on from what `values` returned."""
    losses, values = whole_run
    assert len(losses) == 4 and values[-1]['counters/resets'] == 2
    with started() as (algorithm, session):
        for done in (1, 2):
            algorithm.load(session, values[done - 1])
            assert list(algorithm.epochs(session)) == losses[done:]
            assert_same(algorithm.values(session), values[-1])


def test_a_resumed_run_that_resets_in_turn_is_the_same_bit_for_bit():
    changes = {'schedule.reset_in_turn': True}
    losses, values = straight(**changes)
    assert values[-1]['counters/resets'] > 2
    with started(**changes) as (algorithm, session):
        algorithm.load(session, values[1])
        assert list(algorithm.epochs(session)) == losses[2:]
        assert_same(algorithm.values(session), values[-1])


def test_other_ops_in_the_graph_do_not_change_the_bits(whole_run):
    losses, values = straight(other_ops=True)
    assert losses == whole_run[0]
    assert_same(values[-1], whole_run[1][-1])


def test_ops_side_by_side_do_not_change_the_bits():
    script = ('import test_gas_bits as test\n'
              'print(test.fingerprint(test.straight(**{"schedule.student_steps": 6})[1][-1]))')
    runs = []
    for inter_op in ('1', '2'):
        environment = dict(os.environ, TF_NUM_INTEROP_THREADS=inter_op,
                           PYTHONPATH=os.pathsep.join([ROOT, HERE]))
        environment.pop('TF_NUM_INTRAOP_THREADS', None)
        runs.append(subprocess.Popen(
            [sys.executable, '-c', script], env=environment, stdout=subprocess.PIPE))
    digests = [run.communicate()[0].split()[-1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0] and len(digests[0]) == 64
    assert digests[0] == digests[1]


def test_state_refuses_what_it_does_not_know():
    with tf.Graph().as_default() as graph:
        state = State({'a': tf.get_variable('a', [2]), 'b': tf.get_variable('b', [])})
        with determinism.new_session(graph) as session:
            session.run(tf.global_variables_initializer())
            state.load(session, {'a': [1., 2.]})
            state.load(session, {'b': 3.})
            values = state.values(session)
            assert values['a'].tolist() == [1., 2.] and values['b'] == 3.
            with pytest.raises(KeyError):
                state.load(session, {'c': 0.})
            with pytest.raises(ValueError):
                state.load(session, {'a': [1., 2., 3.]})
            assert state.values(session)['a'].tolist() == [1., 2.]
