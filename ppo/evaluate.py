"""python -m ppo.evaluate TEACHER: the score of a trained policy, with its protocol."""

import argparse
import sys

from runs.command import guarded
from runs.errors import UserError

COLUMNS, EVERY = 8, 25  # of a sheet of frames: pictures a row, actions between two


def main(arguments=None):
    """The command; returns its exit code, see `runs.command.guarded`."""
    parser = argparse.ArgumentParser(prog='python -m ppo.evaluate', description=__doc__.split(': ')[1])
    parser.add_argument('teacher', metavar='TEACHER', help="a committed teacher's name, or the folder of a run")
    parser.add_argument('--episodes', type=int, default=10)
    parser.add_argument('--sampled', action='store_true', help='sampled actions, not the likeliest')
    parser.add_argument('--seed', type=int, default=0, help='of the episodes')
    parser.add_argument('--render', metavar='FRAMES.PNG', help='draw the first episode, a frame every %d actions' % EVERY)
    given = parser.parse_args(arguments)
    return guarded(lambda: _run(given))


def _run(given):
    import numpy as np
    from ppo.teacher import find, read_teacher
    if given.episodes < 1:
        raise UserError('--episodes is %d: give 1 or more' % given.episodes)
    teacher = read_teacher(find(given.teacher))
    frames = [] if given.render else None
    played = play(teacher, given.episodes, not given.sampled, given.seed, frames)
    scores = [score for score, _ in played]
    environment = teacher.config.environment
    spread = ' ± %.1f' % np.std(scores, ddof=1) if len(scores) > 1 else ''
    print('%s: %.1f%s over %d episodes of %.0f actions' % (
        environment.id, np.mean(scores), spread, len(scores), np.mean([steps for _, steps in played])))
    print('protocol: %s actions, true rewards, %s, normaliser frozen' % (
        'sampled' if given.sampled else 'likeliest',
        'at most %d actions' % environment.max_steps if environment.max_steps else "gym's limit of actions"))
    if given.render:
        save_frames(given.render, frames)
        print('frames: %s' % given.render)
    return 0


def play(teacher, episodes, greedy, seed, frames=None):
    """Episodes of a `teacher.Teacher`: [(score, actions taken)].

    frames: a list that gets frames of the first episode.
    """
    import tensorflow.compat.v1 as tf
    from ppo.actor import Actor
    from ppo.environments import Environments
    from runs import determinism
    environments = Environments(teacher.config.environment, episodes, seed, stream='evaluation')
    with tf.Graph().as_default() as graph:
        actor = Actor(teacher.config, environments.spaces, seed)
        with determinism.new_session(graph) as session:
            actor.publish(session, teacher.values, 0)
            choose, first = actor.chooser(session, greedy), environments.simulations[0]

            def decide(observations):
                # The first one is among those that run as long as its steps grow.
                if frames is not None and first.steps == len(frames) * EVERY:
                    frames.append(first.frame())
                return choose(observations)
            try:
                return environments.play(decide, 0)
            finally:
                environments.close()


def save_frames(path, frames):
    """A sheet of frames, uint8 `[h, w, 3]` each, as a PNG."""
    import cv2
    import numpy as np
    from runs.files import atomic_write, user_errors
    blank = np.zeros_like(frames[0])
    rows = [frames[i:i + COLUMNS] for i in range(0, len(frames), COLUMNS)]
    columns = min(COLUMNS, len(frames))
    sheet = np.concatenate([np.concatenate(row + [blank] * (columns - len(row)), axis=1) for row in rows])
    with user_errors('cannot write %s' % path):
        atomic_write(path, cv2.imencode('.png', sheet[:, :, ::-1])[1].tobytes())


if __name__ == '__main__':
    sys.exit(main())
