"""Real processes under mpirun: however one of them ends, nothing is lost and nobody is left."""

import os
import signal
import time

import pytest
from mpi_runs import LONG, WIDE, Run, goes_on, mpi, nothing_is_left  # noqa: F401 (fixtures)

pytestmark = pytest.mark.usefixtures('mpi', 'nothing_is_left')


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
