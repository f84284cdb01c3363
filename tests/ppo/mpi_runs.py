"""ppo.train under a real mpirun: what its tests share."""

import json
import os
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
from ppo import train
rank = int(os.environ['PMI_RANK'])
train._obey_signals_until_mpi_runs(rank)  # as main does: what follows takes seconds to import
from ppo import asynchronous, learner
asynchronous.WORKER_TIMEOUT = 4.
%s
sys.exit(train.main())
"""


LONG = ('--training.transitions', '40960000')

#: Observations and actions so wide that MPI takes no message without a receiver.
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


@pytest.fixture(scope='module')
def mpi():
    pytest.importorskip('mpi4py', reason='MPI is not installed: make simulators')
    if not MPIRUN.exists():
        pytest.skip('there is no mpirun beside the interpreter')


class Run:
    """Three ranks under mpirun, and what `launch` asks of it."""

    started = []

    def __init__(self, out, *more, patch='', ranks=3, launch=()):
        self.out, self.files = out, [open(str(out) + end, 'w+') for end in ('.out', '.err')]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(('PMI', 'HYDI', 'MPI', 'PYTHONUNBUFFERED'))}
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


@pytest.fixture
def nothing_is_left():
    yield
    for process in Run.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    Run.started.clear()


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
