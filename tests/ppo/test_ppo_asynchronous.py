"""Real processes under mpirun: they learn, and however one of them ends, nothing is lost and nobody is left."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MPIRUN = Path(sys.executable).parent / 'mpirun'
ARGUMENTS = ['cartpole', '--training.transitions', '40960', '--training.evaluate-every', '8192', '--training.buffer',
             '2048', '--training.batch', '512', '--training.environments', '64', '--training.episodes', '2',
             '--model.widths', '16', '--environment.max-steps', '60']
SCRIPT = """
import os, sys, time
from ppo import asynchronous, learner, train
asynchronous.WORKER_TIMEOUT = 4.
rank = int(os.environ['PMI_RANK'])
%s
sys.exit(train.main())
"""


@pytest.fixture(scope='module', autouse=True)
def mpi():
    pytest.importorskip('mpi4py', reason='MPI is not installed: make simulators')
    if not MPIRUN.exists():
        pytest.skip('there is no mpirun beside the interpreter')


class Run:
    """Three ranks under mpirun, and what `launch` asks of it."""

    started = []

    def __init__(self, out, *more, patch='', ranks=3, launch=()):
        self.out, self.files = out, [open(str(out) + end, 'w+') for end in ('.out', '.err')]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(('PMI', 'HYDI', 'MPI'))}
        self.process = subprocess.Popen(
            [str(MPIRUN), '-n', str(ranks), *launch, sys.executable, '-c', SCRIPT % patch] + ARGUMENTS
            + ['--out', str(out)] + list(more), cwd=str(ROOT), env=environment, stdin=subprocess.DEVNULL,
            stdout=self.files[0], stderr=self.files[1], start_new_session=True)
        self.started.append(self.process)

    @property
    def folder(self):
        return self.out / 'cartpole/ppo/seed-0'

    def rows(self):
        path = self.folder / 'metrics.jsonl'
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for_row(self, seconds=60):
        """Until the first checkpoint is written; {rank: process}."""
        end = time.time() + seconds
        while not list(self.folder.glob('checkpoints/*')) or not self.rows():
            assert self.process.poll() is None and time.time() < end, self.said()
            time.sleep(.05)
        return self.ranks()

    def ranks(self):
        """{rank: process} of those that have not ended."""
        found = {}
        for path in Path('/proc').glob('[0-9]*'):
            try:
                arguments = (path / 'cmdline').read_bytes()
                variables = (path / 'environ').read_bytes().split(b'\0')
            except OSError:
                continue
            if str(self.out).encode() in arguments and b'mpirun' not in arguments.split(b'\0')[0]:
                rank = [int(v.split(b'=')[1]) for v in variables if v.startswith(b'PMI_RANK=')]
                if rank:
                    found.setdefault(rank[0], int(path.name))  # rank 0's watcher comes after it
        return found

    def end(self, seconds):
        """(exit code, standard error) within that time, and nobody is left."""
        try:
            self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        for _ in range(40):
            if not self.ranks():
                break
            time.sleep(.05)
        assert not self.ranks()
        return self.process.returncode, self.said()[1]

    def said(self):
        for file in self.files:
            file.flush()
        return [Path(file.name).read_text() for file in self.files]


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    for process in Run.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    Run.started.clear()


LONG = ('--training.transitions', '40960000')


def goes_on(run, *more):
    """Asserts that what was saved is there and that the same command goes on from it."""
    before = run.rows()
    again = Run(run.out, *more)
    end = time.time() + 60
    while len(again.rows()) <= len(before):
        assert again.process.poll() is None and time.time() < end, again.said()
        time.sleep(.05)
    assert again.rows()[:len(before)] == before
    os.kill(again.process.pid, signal.SIGINT)
    assert again.end(20)[0] == 130


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
        # Of one thread, but for what an evaluation's ends cut off.
        assert .5 < row['receiving'] + row['inference'] + row['waiting'] < 1.5
    # The last line of progress has the last evaluation.
    assert re.search(r'40960/40960 steps, score %.1f, ' % rows[-1]['score'], run.said()[0])
    provenance = json.loads((run.folder / 'provenance.json').read_text())
    assert provenance['mpi']['ranks'] == 3 and 'MPICH' in provenance['mpi']['library']
    # And finished is finished.
    code, error = Run(run.out).end(60)
    assert (code, error) == (0, '') and run.rows() == rows


@pytest.mark.parametrize('rank', [0, 1, 2])
def test_a_killed_process_ends_the_run(tmp_path, rank):
    run = Run(tmp_path / 'out', *LONG)
    os.kill(run.wait_for_row()[rank], signal.SIGKILL)
    code, error = run.end(10)
    assert code not in (0, None)
    assert [line for line in error.splitlines() if line.startswith('error: ')] == [
        'error: a process of this run was killed: the same command goes on from the last checkpoint']
    assert 'Traceback' not in error
    if rank == 1:
        goes_on(run, *LONG)


def test_a_worker_that_stops_answering_ends_the_run(tmp_path):
    run = Run(tmp_path / 'out', *LONG)
    os.kill(run.wait_for_row()[2], signal.SIGSTOP)
    code, error = run.end(15)
    assert code == 2
    assert error.startswith('error: the worker of rank 2 has not answered for 4 s')
    assert 'Traceback' not in error


@pytest.mark.parametrize('number, expected', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_it_stops(tmp_path, number, expected):
    run = Run(tmp_path / 'out', *LONG)
    run.wait_for_row()
    os.kill(run.process.pid, number)
    code, error = run.end(10)
    assert code == expected
    assert 'stopped: the same command goes on from the last checkpoint' in error and 'Traceback' not in error


def test_asked_to_stop_while_it_starts_it_stops(tmp_path):
    patch = """
if rank == 0:
    class Watcher(asynchronous.Watcher):
        def __init__(self):
            super().__init__()
            open(%r, 'w').close()
            time.sleep(2.)
    asynchronous.Watcher = Watcher
""" % str(tmp_path / 'starting')
    run = Run(tmp_path / 'out', *LONG, patch=patch)
    end = time.time() + 60
    while not (tmp_path / 'starting').exists():
        assert run.process.poll() is None and time.time() < end
        time.sleep(.05)
    os.kill(run.process.pid, signal.SIGINT)
    code, error = run.end(20)
    assert code not in (0, None) and 'Traceback' not in error and not run.rows()
    assert 'the same command goes on from the last checkpoint' in error


def test_a_loss_that_is_not_finite_ends_the_run_before_it_is_saved(tmp_path):
    patch = """
if rank == 0:
    real = learner.Learner.update
    def update(self, session, played, *more):
        if self.version == 9:
            played[0].rewards[0, 0] = float('nan')
        return real(self, session, played, *more)
    learner.Learner.update = update
"""
    run = Run(tmp_path / 'out', *LONG, patch=patch)
    code, error = run.end(60)
    assert code == 2
    errors = [line for line in error.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1 and 'not finite' in errors[0]
    assert [row['version'] for row in run.rows()] == [4, 8]


def test_a_seed_that_diverges_leaves_the_others_alone(tmp_path):
    patch = """
if rank == 0:
    real = learner.Learner.update
    def update(self, session, played, *more):
        if self.seed == 0:
            played[0].rewards[0, 0] = float('nan')
        return real(self, session, played, *more)
    learner.Learner.update = update
"""
    run = Run(tmp_path / 'out', '--training.transitions', '8192', '--seeds', '0', '1', patch=patch)
    code, error = run.end(90)
    errors = [line for line in error.splitlines() if line.startswith('error: ')]
    assert code == 2 and len(errors) == 1 and errors[0].startswith('error: seed 0: ') and 'not finite' in errors[0]
    assert not (run.folder / 'result.json').exists()
    assert (run.folder.parent / 'seed-1/result.json').exists()


def test_what_all_workers_lack_is_said_once(tmp_path):
    patch = """
if rank:
    from ppo import environments
    from runs.errors import UserError
    def make(environment):
        raise UserError('the simulator is not installed here')
    environments.make = make
"""
    code, error = Run(tmp_path / 'out', patch=patch).end(30)
    errors = [line for line in error.splitlines() if line.startswith('error: ')]
    assert code == 2 and len(errors) == 1, error
    assert errors[0].startswith('error: the simulator is not installed here (the worker of rank ')
    assert 'Traceback' not in error


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
    """Simulators that sleep: rank 0 and the workers are idle for most of the time."""
    patch = """
from ppo import environments
real = environments.Environments.step
def step(self, actions):
    time.sleep(.2)
    return real(self, actions)
environments.Environments.step = step
"""
    run = Run(tmp_path / 'out', *LONG, '--training.evaluate-every', '40960', patch=patch)
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


def test_a_mistake_is_said_once(tmp_path):
    run = Run(tmp_path / 'out', '--training.gama', '1')
    code, error = run.end(30)
    assert code == 2 and error.count('did you mean --training.gamma?') == 1


def test_an_environment_that_fails_in_a_worker_ends_the_run(tmp_path):
    patch = """
if rank == 1:
    from ppo import environments
    def step(self, action):
        raise RuntimeError('the simulator is broken')
    environments.Simulation.step = step
"""
    code, error = Run(tmp_path / 'out', patch=patch).end(30)
    assert code == 2 and 'Traceback' in error  # for whoever wrote the simulator; last, for whoever ran it:
    assert [line for line in error.splitlines() if line.startswith('error: ')] == [
        'error: RuntimeError: the simulator is broken; the same command goes on from the last checkpoint '
        '(the worker of rank 1)']


WIDE = """
import gym, numpy
from ppo import environments
class Wide(gym.Env):
    observation_space = gym.spaces.Box(-1., 1., (2000,), numpy.float32)
    action_space = gym.spaces.Box(-1., 1., (1000,), numpy.float32)
    seed = lambda self, seed: None
    reset = lambda self: numpy.zeros(2000)
    step = lambda self, action: (numpy.zeros(2000), 0., False, {})
environments.make = lambda environment: environments.Simulation(Wide(), 20)
"""


@pytest.mark.parametrize('ranks', [2, 3])
def test_large_messages_both_ways_do_not_block_each_other(tmp_path, ranks):
    """Requests of 256 kB and replies of 128 kB: more than MPI takes without a receiver."""
    run = Run(tmp_path / 'out', '--training.transitions', '4096', '--training.evaluate-every', '4096', patch=WIDE
              + "from ppo import training; training.make = environments.make", ranks=ranks)
    assert run.end(90)[0] == 0
    assert json.loads((run.folder / 'result.json').read_text())['student_steps'] >= 4096


def test_a_worker_that_stops_in_the_midst_of_a_large_message_ends_the_run(tmp_path):
    """Rank 0 has its envelope: it may not wait for the rest for ever."""
    patch = WIDE + """
from ppo import training; training.make = environments.make
if rank == 2:
    import signal
    from mpi4py import MPI
    class Stops:
        sent = 0
        def __init__(self, comm):
            self._comm = comm
        def __getattr__(self, name):
            return getattr(self._comm, name)
        def isend(self, *arguments, **more):
            request = self._comm.isend(*arguments, **more)
            Stops.sent += 1
            if Stops.sent == 4:
                os.kill(os.getpid(), signal.SIGSTOP)
            return request
    create = asynchronous._Follower.__init__
    asynchronous._Follower.__init__ = lambda self, comm: create(self, Stops(comm))
"""
    code, error = Run(tmp_path / 'out', *LONG, patch=patch).end(60)
    assert code == 2 and error.startswith('error: the worker of rank 2 has not answered for 4 s'), error


def test_fewer_environments_than_workers_is_one_line(tmp_path):
    code, error = Run(tmp_path / 'out', '--training.environments', '1').end(30)
    assert code == 2 and error.count('error: training.environments is 1: give each of the 2 workers one') == 1
