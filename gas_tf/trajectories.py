"""Observations of a teacher's own episodes, collected by several processes.

python -m gas_tf.trajectories FOLDER ENVIRONMENTS STEPS ACTIONS SEED WORKER FILE
is one worker.
"""

import os
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from ppo.actor import Actor
from ppo.environments import Environments
from ppo.normalizer import CLIP
from ppo.teacher import read_teacher
from runs import determinism
from runs.errors import UserError

ENVIRONMENTS = 16  # of each worker


def normalised(observations, values):
    """Observations as the teacher's networks see them, float32.

    Args:
      observations: `[n, ...]`; values: the teacher's, its normaliser among them.
    """
    scaled = (observations - values['normalizer/mean']) / values['normalizer/std']
    return np.clip(scaled, -CLIP, CLIP).astype(np.float32)


def collect(teacher, collection, seed):
    """Normalised observations `[collection.transitions, ...]`, float32.

    The workers are processes, as many at once as there are cores; what each
    collects depends on (seed, its number) alone.

    Args:
      teacher: `ppo.teacher.Teacher`.
      collection: `experiments.policies.Collection`.

    Raises:
      UserError: a worker failed.
    """
    steps = -(-collection.transitions // (collection.workers * ENVIRONMENTS))
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, '%d.npy' % worker) for worker in range(collection.workers)]
        waiting = [[sys.executable, '-m', 'gas_tf.trajectories', str(teacher.path), str(ENVIRONMENTS), str(steps),
                    collection.actions, str(seed), str(worker), file] for worker, file in enumerate(files)]
        running = []
        try:
            while waiting or running:
                while waiting and len(running) < (os.cpu_count() or 1):
                    running.append(subprocess.Popen(waiting.pop(0), stderr=subprocess.PIPE, text=True))
                said = running[0].communicate()[1]
                if running.pop(0).returncode:
                    raise UserError('a worker that collects episodes failed: %s'
                                    % (said.strip().splitlines() or ['it was killed'])[-1])
        finally:
            for process in running:
                process.kill()
                process.wait()
        # Time first, so that what is cut off are the last steps of all.
        parts = np.concatenate([np.load(file) for file in files], axis=1)
    return parts.reshape((-1,) + parts.shape[2:])[:collection.transitions]


def play(teacher, environments, steps, greedy, seed, first=0):
    """Normalised observations `[steps, environments, ...]` of the teacher's episodes.

    first: number of the first environment among those of all workers.
    """
    games = Environments(teacher.config.environment, environments, seed, first, stream='trajectories')
    with tf.Graph().as_default() as graph:
        actor = Actor(teacher.config, games.spaces, seed, name='trajectories/%d' % first)
        with determinism.new_session(graph) as session:
            actor.publish(session, teacher.values, 0)
            decide, seen = actor.chooser(session, greedy), []
            observations = games.reset(0)
            for _ in range(steps):
                seen.append(observations)
                observations = games.step(decide(observations)).observations
    games.close()
    return normalised(np.stack(seen), teacher.values)


def main(arguments):
    folder, environments, steps, actions, seed, worker, file = arguments
    part = play(read_teacher(folder), int(environments), int(steps), actions == 'likeliest', int(seed),
                int(worker) * int(environments))
    np.save(file, part)


if __name__ == '__main__':
    main(sys.argv[1:])
