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
    from ppo import central, options, training
    from ppo import train as program
    threads, stamps = [], []
    create = central.Learning.__init__

    def remembered(self, *arguments):
        create(self, *arguments)
        threads.append(self)

    class Timed(training.Training):
        def learn(self, played):
            super().learn(played)
            if len(stamps) == WARM_UP and threads:
                threads[0].seconds.update(dict.fromkeys(threads[0].seconds, 0.))
            stamps.append((time.time(), self.learner.transitions))
            return False

        @property
        def finished(self):
            return len(stamps) > WARM_UP + 1 and stamps[-1][0] - stamps[WARM_UP][0] > given.seconds

        def finish(self, *_):
            (start, before), (end, after) = stamps[WARM_UP], stamps[-1]
            shares = {name: seconds / (end - start) for name, seconds in threads[0].seconds.items()} if threads else {}
            print(json.dumps({'steps_per_second': (after - before) / (end - start), 'rank_0': shares}), flush=True)

    central.Learning.__init__ = remembered
    training.Training, options.table = Timed, lambda *_: None
    with tempfile.TemporaryDirectory() as folder:
        return program.main(settings(given) + ['--out', folder])


def simulate(given):
    """Steps the environments with the same random actions throughout, without learning."""
    import numpy as np
    from ppo.environments import Environments
    from ppo.options import parse
    environments = Environments(parse(settings(given))[0].settings.environment, given.environments, 0)
    environments.reset(0)
    kind, size = environments.spaces.actions
    random, steps, start = np.random.RandomState(0), 0, time.time()
    while time.time() - start < given.seconds:
        environments.step(random.randint(size, size=given.environments) if kind == 'categorical'
                          else random.uniform(-1., 1., [given.environments, size]))
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
