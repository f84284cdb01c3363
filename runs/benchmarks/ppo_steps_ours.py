"""What `ppo_steps` times of ours: ppo.train itself, cut off after some seconds.

Prints one line of JSON: steps_per_second and, under MPI, the shares of rank 0's
time.  With --simulator, the environments alone: their own rate.
"""

import argparse
import json
import sys
import tempfile
import time

WARM_UP = 2  # updates before the clock starts


def settings(given):
    """The arguments of ppo.train for the work of `given`."""
    return [given.environment, '--training.environments', str(given.environments),
            '--training.rollout', str(given.rollout),
            '--training.buffer', str(given.environments * given.rollout), '--training.batch', str(given.batch),
            '--training.epochs', '1', '--training.transitions', str(10 ** 9),
            '--training.evaluate-every', str(10 ** 9)]


def train(given):
    """ppo.train with a training that ends by the clock and records nothing."""
    from ppo import learning, options, training
    from ppo import train as program
    threads, stamps = [], []
    create = learning.Learning.__init__

    def remembered(self, *arguments):
        create(self, *arguments)
        threads.append(self)

    class Timed(training.Training):
        def learn(self, played):
            # From the beginning of one update to that of another: what the threads count is added at an update's end.
            stamps.append((time.time(), self.learner.transitions, dict(threads[0].seconds) if threads else {}))
            super().learn(played)
            return False

        @property
        def finished(self):
            return len(stamps) > WARM_UP + 1 and stamps[-1][0] - stamps[WARM_UP][0] > given.seconds

        def finish(self, *_):
            (start, before, spent), (end, after, spent_then) = stamps[WARM_UP], stamps[-1]
            shares = {name: (seconds - spent[name]) / (end - start) for name, seconds in spent_then.items()}
            print(json.dumps({'steps_per_second': (after - before) / (end - start), 'rank_0': shares}), flush=True)

    learning.Learning.__init__ = remembered
    training.Training, options.table = Timed, lambda *_: None
    with tempfile.TemporaryDirectory() as folder:
        return program.main(settings(given) + ['--out', folder])


def simulate(given):
    """Steps gym's own environments with random actions, drawn beforehand, without anything of ours."""
    import gym
    from ppo.options import parse
    gym.logger.set_level(gym.logger.ERROR)
    name = parse(settings(given))[0].settings.environment.id
    environments = [gym.make(name) for _ in range(given.environments)]
    for environment in environments:
        environment.reset()
    actions = [environments[0].action_space.sample() for _ in range(1000)]
    steps, start = 0, time.time()
    while time.time() - start < given.seconds:
        action = actions[steps // given.environments % len(actions)]
        for environment in environments:
            if environment.step(action)[2]:
                environment.reset()
        steps += given.environments
    print(json.dumps({'steps_per_second': steps / (time.time() - start)}))
    return 0


def main():
    parser = argparse.ArgumentParser(prog='python -m runs.benchmarks.ppo_steps_ours', description=__doc__)
    parser.add_argument('environment')
    for name in ('environments', 'rollout', 'batch'):
        parser.add_argument('--' + name, type=int, required=True)
    parser.add_argument('--seconds', type=float, required=True)
    parser.add_argument('--simulator', action='store_true')
    given = parser.parse_args()
    return simulate(given) if given.simulator else train(given)


if __name__ == '__main__':
    sys.exit(main())
