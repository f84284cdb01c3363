"""ppo_steps: what its rows say, and a real block of ours."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runs.benchmarks import ppo_steps
from runs.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def blocks(*rates, **more):
    return [dict({'steps_per_second': rate}, **more) for rate in rates]


def test_rows_by_hand():
    shares = {'inference': .25, 'learning': .5, 'waiting': .125}
    found = {'two workers': blocks(300., 320., 200., rank_0=shares), ppo_steps.PEER: blocks(100., 160., 200.),
             'synchronous': blocks(80., 80., 80.), 'one worker': blocks(150., 150., 150.),
             'simulator': blocks(400., 500., 600.)}
    two, one, scaling = ppo_steps.rows('humanoid', found)
    assert (two['ours'], two['peer'], two['ratio']) == (300., 160., 300. / 160.)
    assert two['ratio_of_blocks'] == [1., 3.] and two['target'] == 1.5 and two['rank_0'] == shares
    assert two['of_simulator'] == 300. / 500. and two['work'] == 'humanoid, 256 environments, two workers'
    assert one['ratio'] == .5 and one['target'] is None
    assert (scaling['peer_name'], scaling['ratio'], scaling['target']) == ('one worker', 2., 1.4)
    assert ppo_steps.rows('cartpole', found)[2]['target'] is None


def test_a_process_that_fails_is_one_line():
    with pytest.raises(UserError, match='the reason$'):
        ppo_steps.ask([sys.executable, '-c', 'import sys; print(1 / 1, file=sys.stderr); sys.exit("the reason")'],
                      'nowhere')


def test_the_simulators_of_all_cores_step_at_once(monkeypatch):
    monkeypatch.setattr(ppo_steps, 'usable_cores', lambda: 3)
    alone = 'import json, time; time.sleep(3); print(json.dumps({"steps_per_second": 7}))'
    start = time.time()
    assert ppo_steps.simulators([sys.executable, '-c', alone], 'nowhere') == {'steps_per_second': 21}
    assert time.time() - start < 8., 'one after the other takes 9 s at least'


@pytest.mark.parametrize('more', [[], ['--simulator'], 'mpirun'])
def test_a_block_of_ours(more):
    mpirun, asynchronous = Path(sys.executable).parent / 'mpirun', more == 'mpirun'
    if asynchronous and not mpirun.exists():
        pytest.skip('there is no mpirun beside the interpreter')
    before, more = ([str(mpirun), '-n', '3'], []) if asynchronous else ([], more)
    command = before + [sys.executable, '-m', 'runs.benchmarks.ppo_steps_ours', 'cartpole', '--environments', '16',
               '--rollout', '8', '--batch', '64', '--seconds', '2'] + more
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout.decode().splitlines()[-1])
    assert found['steps_per_second'] > 100.
    if asynchronous:
        shares = found['rank_0']
        assert set(shares) == {'receiving', 'inference', 'waiting', 'learning'} and all(0. < share <= 1. for share in shares.values())
        assert .8 <= shares['receiving'] + shares['inference'] + shares['waiting'] <= 1.2  # of one thread, but for the rounds at either end
