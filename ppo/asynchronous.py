"""Many processes under MPI: rank 0 learns and acts, the others step environments.

mpi4py, and with it MPI, starts when `run` is called, never at an import.
"""

import os
import signal
import sys
import time
import traceback

from ppo import central, worker
from ppo.environments import Stopped
from runs.command import rank_and_size
from runs.errors import Diverged, UserError

WORKER_TIMEOUT = 10.  # seconds without an answer after which a worker is given up; chosen
SENDING_SLEEP = 1e-4  # seconds, at most, between a worker's looks at a message that is on its way; chosen


def run(given, sources, display):
    """One rank's part of training all seeds, one after the other; the exit code."""
    leads = rank_and_size(os.environ)[0] == 0
    watcher = Watcher() if leads else None
    try:
        try:
            from mpi4py import MPI
        except ImportError as error:
            raise UserError('MPI is not installed: make simulators (%s)' % error) from error
        asked, comm = _asked_to_stop() if leads else None, MPI.COMM_WORLD
        if comm.Get_size() < 2:
            raise UserError('MPI gave this process no others: mpi4py was built against another MPI than that of '
                            'mpirun; use the mpirun of this environment')
        if given.settings.training.environments < comm.Get_size() - 1:
            if comm.Get_rank():
                return 2
            raise UserError('training.environments is %d: give each of the %d workers one at least' % (
                given.settings.training.environments, comm.Get_size() - 1))
        try:
            return _lead(comm, MPI, given, sources, display, asked) if leads else _work(comm, given)
        except Exception as error:
            if watcher:
                watcher.dismiss()
            else:  # rank 0 says it, and ends all
                if not isinstance(error, UserError):
                    print(traceback.format_exc(), file=sys.stderr, flush=True)
                    error = UserError('%s: %s; the same command goes on from the last checkpoint' % (
                        type(error).__name__, str(error).strip().split('\n')[0]))
                _Follower(comm).send(central.Failed(str(error)))
                time.sleep(WORKER_TIMEOUT)
            _abort(comm, error)
    finally:
        if watcher:
            watcher.dismiss()


class Watcher:
    """A process that says in one line that rank 0 was killed.

    Launchers kill all others when one process dies, rank 0 too, which has no
    time to say anything.
    """

    def __init__(self):
        read, write = os.pipe()
        if os.fork():
            os.close(read)
            self._write = write
            return
        try:
            os.close(write)
            os.setsid()  # not the launcher's to kill
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            if not os.read(read, 1):  # closed without a word
                os.write(2, b'error: a process of this run was killed: the same command goes on from the last '
                            b'checkpoint\n')
        finally:
            os._exit(0)

    def dismiss(self):
        """Rank 0 ends by itself."""
        if self._write is not None:
            os.write(self._write, b'.')
            os.close(self._write)
            self._write = None


class _Leader:
    """Rank 0's side of the messages."""

    def __init__(self, comm, mpi):
        self._comm, self._any, self._status = comm, mpi.ANY_SOURCE, mpi.Status()
        self._sending, self._receiving = [], []

    def receive(self):
        """(source, message), or None when there is none; those of one source in their order."""
        self._sending = [request for request in self._sending if not request.test()[0]]
        # Not `recv`: it waits, spinning, for all of a large message, whose sender may have stopped in its midst.
        message = self._comm.improbe(source=self._any, status=self._status)
        if message is not None:
            self._receiving.append((self._status.Get_source(), message.irecv()))
        unfinished = set()
        for i, (source, request) in enumerate(self._receiving):
            if source in unfinished:
                continue
            done, content = request.test()
            if done:
                del self._receiving[i]
                return source, content
            unfinished.add(source)
        return None

    def flush(self):
        """Waits until all that was sent is received."""
        back_off = central.BackOff()
        while self._sending:
            self._sending = [request for request in self._sending if not request.test()[0]]
            back_off.idle()

    def send(self, destination, message):
        # Not to be waited for: the worker may be sending, and waiting, too.
        self._sending.append(self._comm.isend(message, dest=destination))


class _Follower:
    """A worker's side."""

    def __init__(self, comm):
        self._comm, self._launcher = comm, os.getppid()

    def receive(self):
        message, back_off = self._comm.improbe(source=0), central.BackOff()
        while message is None:
            self._wait(back_off)
            message = self._comm.improbe(source=0)
        return self._finish(message.irecv())

    def send(self, message):
        self._finish(self._comm.isend(message, dest=0))

    def _finish(self, request):
        """What it brings, with a back-off: a blocking call spins while a large message is on its way."""
        back_off = central.BackOff(SENDING_SLEEP)
        done, content = request.test()
        while not done:
            self._wait(back_off)
            done, content = request.test()
        return content

    def _wait(self, back_off):
        back_off.idle()
        self._check_launcher()

    def _check_launcher(self):
        if os.getppid() != self._launcher:  # it has died
            os._exit(1)


def _work(comm, given):
    port = _Follower(comm)
    while True:
        task = port.receive()
        if task is None:
            return 0
        seed, start = task
        counts = worker.shares(given.settings.training.environments, comm.Get_size() - 1)
        rank = comm.Get_rank()
        worker.work(given.settings, seed, counts[rank - 1], sum(counts[:rank - 1]), port, start)


def _abort(comm, error):
    """Ends all processes, wherever they are, once the reason is said."""
    said = 'error: %s' % error
    if not isinstance(error, UserError):
        said = ''.join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip()
    sys.stdout.flush()
    print(said, file=sys.stderr, flush=True)
    time.sleep(1.)  # mpirun passes on nothing more of a rank's output once it is told to abort
    comm.Abort(2 if isinstance(error, UserError) else 1)


def _lead(comm, mpi, given, sources, display, asked):
    from ppo import options
    port, workers = _Leader(comm, mpi), range(1, comm.Get_size())
    errors = []
    for seed in given.seeds:
        if asked:
            break
        try:
            result = _train(mpi, port, workers, given, sources, seed, display, asked)
        except Diverged as error:  # the other seeds need not
            errors.append('seed %d: %s' % (seed, error))
            continue
        if result is None:
            break
        options.table(display, given, seed, result)
    for rank in workers:
        port.send(rank, None)
    port.flush()
    if errors:
        print('error: %s' % '; '.join(errors), file=sys.stderr)
    if asked:
        print('stopped: the same command goes on from the last checkpoint', file=sys.stderr)
        return 128 + asked[0]
    return 2 if errors else 0


def _asked_to_stop():
    """A list that is not empty any more after Ctrl-C or SIGTERM: MPI must not be interrupted anywhere."""
    asked = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: asked.append(number))
    return asked


def _train(mpi, port, workers, given, sources, seed, display, asked):
    """One seed; the content of result.json, or None when asked to stop."""
    import tensorflow.compat.v1 as tf
    from ppo import options
    from ppo.learning import Learning
    from ppo.training import Training, checked
    from runs import determinism, devices
    from runs.record import Record
    found = devices.told(display, given.require_gpu)
    spaces = checked(given.settings)
    with Record(options.folder(given, seed), options.recorded(given, sources, seed)) as record:
        result = record.result()
        if result:
            return result
        with tf.Graph().as_default() as graph:
            training = Training(
                given.settings, spaces, seed, record,
                # A rollout that began more versions ago is dropped; one more
                # than are in use, so that a new version finds its place.
                given.settings.training.max_version_lag + 2)
            learner, total = training.learner, given.settings.training.transitions
            with determinism.new_session(graph) as session:
                facts = record.write_provenance({'mpi': {
                    'ranks': len(workers) + 1, 'library': mpi.Get_library_version().split('\n')[0].strip()}}, found)
                training.start(session)
                learning = Learning(training)
                actor = central.Central(training, port, workers, learning, WORKER_TIMEOUT)
                for rank in workers:
                    port.send(rank, (seed, learner.version))
                with display.progress('%s seed %d' % (options.name_of(given), seed), learner.transitions,
                                      total) as bar:
                    learning.start()
                    try:
                        actor.run(lambda: bar.update(min(learner.transitions, total), learning.news()),
                                  lambda: bool(asked))
                    except Diverged:
                        actor.stop_workers()
                        raise
                actor.stop_workers()
                if asked:
                    return None
                try:
                    return training.finish(
                        options.name_of(given), given.method, given.budget, facts['commit'])
                except Stopped:
                    return None

