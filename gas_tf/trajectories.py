"""Raw observations of a teacher's own episodes, collected by several processes.

`python -m gas_tf.trajectories FOLDER ENVIRONMENTS STEPS ACTIONS SEED WORKER FILE`
is one worker.
"""

import ctypes
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow.compat.v1 as tf

from ppo.actor import Actor
from ppo.environments import Environments
from ppo.teacher import read_teacher
from runs import determinism
from runs.display import duration
from runs.errors import UserError
from runs.files import user_errors
from runs.threads import usable_cores

ENVIRONMENTS = 16  # of each worker
WHEN_PARENT_DIES = 1  # Linux's prctl: the signal to get then


def collect(teacher, collection, seed, folder, say=lambda line: None):
    """Raw observations `[collection.transitions, ...]`.

    The workers are processes, as many at once as there are cores; what each
    collects depends on (seed, its number) alone.

    Args:
      teacher: `ppo.teacher.Teacher`.
      collection: `experiments.policies.Collection`.
      folder: a pathlib.Path for the workers' files; emptied before, removed
        afterwards.
      say: gets a line before, and one when each worker is done.

    Raises:
      UserError: a worker failed, or the disk refuses.
    """
    steps = -(-collection.transitions // (collection.workers * ENVIRONMENTS))

    def work(worker):
        file = folder / ('%d.npy' % worker)
        done = subprocess.run(
            [sys.executable, '-m', 'gas_tf.trajectories', str(teacher.path), str(ENVIRONMENTS), str(steps),
             collection.actions, str(seed), str(worker), str(file)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True)
        if done.returncode:
            raise UserError('a worker that collects episodes failed: %s'
                            % (done.stderr.strip().splitlines() or ['it was killed'])[-1])
        return np.load(str(file))

    with user_errors('cannot write %s' % folder):
        shutil.rmtree(str(folder), ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            with ThreadPoolExecutor(usable_cores()) as pool:
                say("collecting %d observations of the teacher's episodes, %d workers" % (
                    collection.transitions, collection.workers))
                parts, started = [], time.time()
                for part in pool.map(work, range(collection.workers)):
                    parts.append(part)
                    say('worker %d of %d is done after %s' % (
                        len(parts), collection.workers, duration(time.time() - started)))
                # Time first, so that what is cut off are the last steps of all.
                parts = np.concatenate(parts, axis=1)
        finally:
            shutil.rmtree(str(folder), ignore_errors=True)
    return parts.reshape((-1,) + parts.shape[2:])[:collection.transitions]


def play(teacher, environments, steps, greedy, seed, first=0, every=1, stream='trajectories'):
    """Raw observations `[steps / every, environments, ...]` of the teacher's episodes.

    Args:
      greedy: whether it takes its likeliest actions, not sampled ones.
      first: number of the first environment among those of all workers.
      every: how many actions lie between two observations that are kept.
      stream: name of everything that is drawn.

    Raises:
      UserError: the simulator is not installed.
    """
    games = Environments(teacher.config.environment, environments, seed, first, stream=stream)
    try:
        with tf.Graph().as_default() as graph:
            actor = Actor(teacher.config, games.spaces, seed, name='%s/%d' % (stream, first))
            with determinism.new_session(graph) as session:
                actor.publish(session, teacher.values, 0)
                decide, seen = actor.chooser(session, greedy), []
                observations = games.reset(0)
                for step in range(steps):
                    if step % every == 0:
                        seen.append(observations)
                    observations = games.step(decide(observations)).observations
    finally:
        games.close()
    return np.stack(seen)


def main(arguments):
    """One worker; it ends with the process that started it."""
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(WHEN_PARENT_DIES, signal.SIGKILL)
    folder, environments, steps, actions, seed, worker, file = arguments
    part = play(read_teacher(folder), int(environments), int(steps), actions == 'likeliest', int(seed),
                int(worker) * int(environments))
    np.save(file, part)


if __name__ == '__main__':
    main(sys.argv[1:])
