"""Real processes under mpirun: they learn, share the work and wait for each other."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from mpi_runs import LONG, WIDE, Run, mpi, nothing_is_left  # noqa: F401 (fixtures)

pytestmark = pytest.mark.usefixtures('mpi', 'nothing_is_left')


def test_rollouts_of_the_newest_version_alone_are_enough(tmp_path):
    run = Run(tmp_path / 'out', '--training.max-version-lag', '0', '--training.transitions', '8192')
    assert run.end(90) == (0, '')
    assert [row['lag_histogram'] for row in run.rows()] == [[1.0]]


def test_three_ranks_learn(tmp_path):
    run = Run(tmp_path / 'out')
    code, error = run.end(120)
    assert (code, error) == (0, '')
    result = json.loads((run.folder / 'result.json').read_text())
    assert result['method'] == 'ppo' and result['student_steps'] >= 40960 and result['last'] > 30.
    rows = run.rows()
    assert [row['transitions'] // 8192 for row in rows] == [1, 2, 3, 4, 5]
    for row in rows:
        assert sum(row['lag_histogram']) == pytest.approx(1.) and 0. <= row['lag_mean'] <= 4.
        assert {'dropped_rollouts', 'receiving', 'inference', 'waiting', 'learning'} <= set(row)
    # Of one thread, but for what the evaluations' ends cut off.
    assert .5 < sum(row[part] for row in rows for part in ('receiving', 'inference', 'waiting')) / len(rows) < 1.5
    # The last line of progress has the last evaluation.
    assert re.search(r'40960/40960 steps, score %.1f, ' % rows[-1]['score'], run.said()[0])
    provenance = json.loads((run.folder / 'provenance.json').read_text())
    assert provenance['mpi']['ranks'] == 3 and 'MPICH' in provenance['mpi']['library']
    # And finished is finished.
    code, error = Run(run.out).end(60)
    assert (code, error) == (0, '') and run.rows() == rows


def test_the_workers_share_the_environments_out(tmp_path):
    """By their numbers, from which their episodes are drawn: each is one worker's."""
    patch = """
if rank:
    from ppo import environments
    real = environments.Environments.reset
    def reset(self, step, *more):
        with open(%r + '/rank-%%d' %% rank, 'a') as file:
            print(self.first, len(self), file=file)
        return real(self, step, *more)
    environments.Environments.reset = reset
""" % str(tmp_path)
    assert Run(tmp_path / 'out', '--training.transitions', '8192', patch=patch).end(90)[0] == 0
    parts = [[int(word) for word in line.split()] for rank in (1, 2)
             for line in (tmp_path / ('rank-%d' % rank)).read_text().splitlines()]
    assert parts == [[0, 16], [16, 16], [32, 16], [48, 16]]


def test_a_slow_simulator_is_not_taken_for_a_dead_one(tmp_path):
    """Sixteen environments of a group, half a second each: twice as long as a worker may be silent."""
    patch = """
if rank:
    from ppo import environments
    real, slow = environments.Simulation.step, list(range(16))
    def step(self, action):
        if slow:
            time.sleep(.5)
            slow.pop()
        return real(self, action)
    environments.Simulation.step = step
"""
    assert Run(tmp_path / 'out', '--training.transitions', '8192', patch=patch).end(90) == (0, '')


def test_nobody_spins_while_there_is_nothing_to_do(tmp_path):
    """Simulators that sleep, and answers that take as long: all are idle for most of the time."""
    patch = """
from ppo import central, environments
def slow(real):
    def call(*arguments):
        time.sleep(.2)
        return real(*arguments)
    return call
environments.Environments.step = slow(environments.Environments.step)
central.Central._answer = slow(central.Central._answer)
"""
    run = Run(tmp_path / 'out', *LONG, '--training.evaluate-every', '40960', '--training.environments', '2', patch=patch)
    end = time.time() + 60
    while 'steps/s' not in run.said()[0]:
        assert run.process.poll() is None and time.time() < end, run.said()
        time.sleep(.05)

    def seconds():
        """{rank: processor seconds}."""
        stats = {rank: Path('/proc/%d/stat' % number).read_text().rsplit(')', 1)[1].split()
                 for rank, number in run.ranks().items()}
        return {rank: (int(stat[11]) + int(stat[12])) / os.sysconf('SC_CLK_TCK') for rank, stat in stats.items()}
    time.sleep(2.)  # what starts is not idle
    before = seconds()
    time.sleep(4.)
    spent = {rank: after - before[rank] for rank, after in seconds().items()}
    assert sorted(spent) == [0, 1, 2] and max(spent.values()) < 1.5
    os.kill(run.process.pid, signal.SIGINT)
    assert run.end(20)[0] == 130


def test_a_hostfile_says_where_the_ranks_are(tmp_path):
    (tmp_path / 'hosts').write_text('localhost:3\n')
    run = Run(tmp_path / 'out', '--training.transitions', '8192', launch=('--hostfile', str(tmp_path / 'hosts')))
    assert run.end(90) == (0, '')
    assert (run.folder / 'result.json').exists()


@pytest.mark.parametrize('ranks', [2, 3])
def test_large_messages_both_ways_do_not_block_each_other(tmp_path, ranks):
    """Requests of 256 kB and replies of 128 kB: more than MPI takes without a receiver."""
    run = Run(tmp_path / 'out', '--training.transitions', '4096', '--training.evaluate-every', '4096', patch=WIDE
              + "from ppo import training; training.make = environments.make", ranks=ranks)
    assert run.end(90)[0] == 0
    assert json.loads((run.folder / 'result.json').read_text())['student_steps'] >= 4096


def test_a_mistake_is_said_once(tmp_path):
    run = Run(tmp_path / 'out', '--training.gama', '1')
    code, error = run.end(30)
    assert code == 2 and error.count('did you mean --training.gamma?') == 1


def test_fewer_environments_than_workers_is_one_line(tmp_path):
    code, error = Run(tmp_path / 'out', '--training.environments', '1').end(30)
    assert code == 2 and error.count('error: training.environments is 1: give each of the 2 workers one') == 1
