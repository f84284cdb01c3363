"""python -m ppo.evaluate TEACHER: the score of a trained policy, with its protocol."""

import sys

from runs.command import Parser, guarded
from runs.errors import UserError

COLUMNS, EVERY = 8, 25  # of a sheet of frames: pictures a row, actions between two
AT_ONCE = 64  # simulators, whatever the number of episodes


def main(arguments=None):
    """The command; returns its exit code, see `runs.command.guarded`."""
    return guarded(lambda: _run(_parsed(arguments)))


def _parsed(arguments):
    parser = Parser(prog='python -m ppo.evaluate', description=__doc__.split(': ')[1])
    parser.add_argument('teacher', metavar='TEACHER', help="a committed teacher's name, or the folder of a run")
    parser.add_argument('--episodes', type=int, default=10)
    parser.add_argument('--sampled', action='store_true', help='sampled actions, not the likeliest')
    parser.add_argument('--seed', type=int, default=0, help='of the episodes')
    parser.add_argument('--render', metavar='FRAMES.PNG', help='draw the first episode, a frame every %d actions' % EVERY)
    given = parser.parse_args(arguments)
    if given.episodes < 1 or given.seed < 0:
        raise UserError('give 1 episode or more, and a seed from 0 on')
    return given


def _run(given):
    import numpy as np
    from ppo.teacher import find, read_teacher
    from ppo.training import protocol
    teacher = read_teacher(find(given.teacher))
    film = Film() if given.render else None
    played, limit = play(teacher, given.episodes, not given.sampled, given.seed, film=film)
    scores = [score for score, _ in played]
    environment = teacher.config.environment
    spread = ' ± %.1f' % np.std(scores, ddof=1) if len(scores) > 1 else ''
    print('%s: %.1f%s over %d episodes of %.0f actions' % (
        environment.id, np.mean(scores), spread, len(scores), np.mean([steps for _, steps in played])))
    frames = protocol(teacher.config, limit)['most_frames']
    print('protocol: %s actions, true rewards, at most %d actions%s, normaliser frozen%s' % (
        'sampled' if given.sampled else 'likeliest', limit,
        ' (%d frames)' % frames if frames != limit else '',
        ', contact forces %s' % environment.contact_forces if 'Humanoid' in environment.id else ''))
    if film:
        if film.error:
            raise film.error
        save_frames(given.render, film.frames)
        print('frames: %s' % given.render)
    return 0


class Film:
    """Frames, uint8 `[h, w, 3]`, of a simulation; error: why one could not be drawn."""

    def __init__(self):
        self.frames, self.error = [], None

    def see(self, simulation):
        """Takes one every so many actions; the simulation runs as long as its steps grow."""
        if not self.error and simulation.steps == len(self.frames) * EVERY:
            try:
                self.frames.append(simulation.frame())
            except UserError as error:
                self.error = error


def play(teacher, episodes, greedy, seed, step=0, film=None):
    """Episodes of a `teacher.Teacher`: ([(score, actions taken)], most actions of one).

    step: of their random stream; film: a `Film` of the first episode.
    """
    import tensorflow.compat.v1 as tf
    from ppo.actor import Actor
    from ppo.environments import Environments
    from runs import determinism
    played = []
    with tf.Graph().as_default() as graph:
        actor = Actor(teacher.config, teacher.spaces, seed)
        with determinism.new_session(graph) as session:
            actor.publish(session, teacher.values, 0)
            choose = actor.chooser(session, greedy)
            while len(played) < episodes:
                environments = Environments(teacher.config.environment, min(AT_ONCE, episodes - len(played)), seed,
                                            first=len(played), stream='evaluation')
                first, filmed = environments.simulations[0], film if not played else None

                def decide(observations):
                    if filmed:
                        filmed.see(first)
                    return choose(observations)
                try:
                    played += environments.play(decide, step)
                finally:
                    environments.close()
    return played, first.limit


def save_frames(path, frames):
    """A sheet of frames, uint8 `[h, w, 3]` each, as a PNG.  Raises UserError where the disk refuses."""
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
