"""Re-initialised generators."""

import dataclasses

import numpy as np
import pytest
from tiny_algorithm import SEED, assert_same, sides, started


def after_steps(tiny):
    algorithm, session = tiny.at_start()
    for _ in range(2):
        algorithm.update_student(session)
        algorithm.update_generators(session)
    return algorithm, session, algorithm.values(session)


@pytest.mark.parametrize('reset_slots', [True, False])
def test_reset(tiny, reset_slots):
    algorithm, session, before = after_steps(tiny)
    algorithm.schedule = dataclasses.replace(algorithm.schedule, reset_slots=reset_slots)
    algorithm.reset(session, [0])
    after = algorithm.values(session)
    weights = sides(algorithm)['generator'][0]
    own = [name for name in algorithm.state.variables if name.startswith('generator')]
    assert (algorithm.resets, after['counters/resets']) == (1, 1)
    assert_same(algorithm.inputs.bank.initial_values(SEED, 1), after, weights)
    for name in weights:
        assert np.any(before[name] != after[name]), name
    for name in set(own) - set(weights):
        assert np.any(before[name] != 0)
        if not reset_slots:
            np.testing.assert_array_equal(before[name], after[name])
        elif 'power' in name:
            assert after[name] == np.float32(.999 if 'beta2' in name else .9)
            assert before[name] < after[name]
        else:
            assert np.all(after[name] == 0), name
    assert sum('power' in name for name in own) == 2
    assert_same(before, after, set(before) - set(own) - {'counters/resets'})


def test_after_a_reset_adam_is_as_at_its_first_step(tiny):
    """Slots zero and powers restored: the first move is the learning rate."""
    algorithm, session, _ = after_steps(tiny)
    algorithm.reset(session, [0])
    before = algorithm.values(session)
    algorithm.update_generators(session)[0]
    after = algorithm.values(session)
    for name in sides(algorithm)['generator'][0]:
        if name.endswith('kernel'):
            assert np.abs(after[name] - before[name]).max() == pytest.approx(1e-2, rel=1e-2)


def test_resets_differ_each_time_and_repeat(tiny):
    algorithm, session = tiny.at_start()
    names = [n for n in sides(algorithm)['generator'][0] if n.endswith('kernel')]
    seen = []
    for _ in range(2):
        seen.append([algorithm.values(session)])
        for _ in range(2):
            algorithm.reset(session, [0])
            seen[-1].append(algorithm.values(session))
        tiny.at_start()
    for one, two in zip(*seen):
        assert_same(one, two)
    for name in names:
        for i, j in ((0, 1), (0, 2), (1, 2)):
            assert not np.any(seen[0][i][name] == seen[0][j][name]), name


def test_a_generator_reset_in_turn_leaves_the_others():
    with started(**{'schedule.reset_in_turn': True}) as (algorithm, session):
        for _ in range(3):
            algorithm.update_generators(session)
        before = algorithm.values(session)
        algorithm.reset(session, [1])
        after = algorithm.values(session)
        changed = {name for name in before if np.any(before[name] != after[name])}
        assert {'generator_1/dense/kernel', 'generator_adam_1/beta1_power', 'counters/resets'} <= changed
        assert all(name.startswith(('generator_1/', 'generator_adam_1/', 'counters/')) for name in changed)
        assert_same(algorithm.inputs.bank.generators[1].initial_values(algorithm.seed, 1), after,
                    [v.op.name for v in algorithm.inputs.bank.generators[1].variables])
        algorithm.update_generators(session)
        moved = algorithm.values(session)
        # Adam begins anew for it alone: the first move is the learning rate.
        for i in (0, 1):
            name = 'generator_%d/dense/kernel' % i
            share = np.mean(np.abs(np.abs(moved[name] - after[name]) - 1e-2) < 1e-4)
            assert share > .9 if i == 1 else share < .5
