"""Updates per second of policy distillation, beside PyTorch doing the same work.

    python -m runs.benchmarks.policy_step [--works cartpole ...]

The work is an outer epoch of `gas`: N_s updates of the student, N_g of the
generator.  Blocks of epochs of the two sides alternate on the same machine in
the same run.  No ratio is printed before both have computed the same losses and
gradients from the same weights and noise.  Ours is `gas_tf.policies` as a run
drives it; the peer is `policy_step_torch.py`, eager and through torch.compile,
each with one thread and with one per core: the faster one counts.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
import sys
import tempfile
import time

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import experiments, policies
from ppo.experiments import configuration
from ppo.models import ActorCritic
from ppo.spaces import Actions, Spaces
from ppo.teacher import Teacher
from runs import determinism
from runs.benchmarks.beside import (
    BLOCK_SECONDS, BUSY, QUIET, TORCH_PYTHON, Peer, check_same, first_gradients, judged, recorded, sgemm, timed)
from runs.provenance import cpu
from runs.source import ROOT, source_commit
from runs.threads import usable_cores

VARIANTS = ('eager', 'compiled')
TERMS = {'student': ('L_distill',),
         'generator': ('H_each', 'H_mean', 'activation', 'L_adapt')}
PEER_SCRIPT = pathlib.Path(__file__).with_name('policy_step_torch.py')
OUT = ROOT / 'runs' / 'results' / 'benchmarks' / 'policy_step.json'

#: What each environment shows and takes.
SPACES = {'cartpole': Spaces((4,), np.dtype(np.float32), Actions('categorical', 2)),
          'halfcheetah': Spaces((17,), np.dtype(np.float32), Actions('gaussian', 6)),
          'humanoid': Spaces((376,), np.dtype(np.float32), Actions('gaussian', 17))}
#: Least ratios: to PyTorch eager, to PyTorch compiled.
TARGETS = {'cartpole': (3., 1.), 'halfcheetah': (3., 1.), 'humanoid': (1.5, 1.)}


def untrained(name):
    """A `ppo.teacher.Teacher` of first weights."""
    config, spaces = configuration(name)[0], SPACES[name]
    with tf.Graph().as_default():
        values = ActorCritic('ppo', config.model, spaces.shape, spaces.actions).initial_values(0)
    # A first policy hardly depends on its input, and neither do its gradients.
    values['ppo/policy/head/kernel'] *= 100
    return Teacher(config, spaces, values, None, None, None)


class Ours:
    """One work in a graph and session of its own, driven as a run drives it."""

    def __init__(self, name, config, seed=0, unrolled=True):
        tf.logging.set_verbosity(tf.logging.ERROR)  # no deprecations
        self.teacher, self.config, self.seed = untrained(name), config, seed
        self._graph = tf.Graph()
        with self._graph.as_default():
            source = policies.source_of_inputs(config, self.teacher, seed)
            self.algorithm, self._teacher_values = policies.build(config, self.teacher, source, seed, unrolled)
            self._noise = {step: source.noise(step + ' noise', 0) for step in TERMS}
        self.session = determinism.new_session(self._graph, rewrites=policies.REWRITES)
        self.updates = {'student': self.algorithm.update_student, 'generator': self.algorithm.update_generators}

    @property
    def work(self):
        """What the peer has to build, as JSON."""
        config, spaces = self.config, self.teacher.spaces
        widths = list(self.teacher.config.model.widths)
        return {'observation': spaces.shape[0], 'actions': spaces.actions.size,
                'gaussian': spaces.actions.kind == 'gaussian', 'teacher_widths': widths,
                'student_widths': list(policies.student_model(config.student, self.teacher.config.model).widths),
                'hidden': config.generator.hidden, 'noise_size': config.generator.noise_size,
                'batch_size': config.schedule.batch_size, 'n_student': config.schedule.n_student,
                'n_generator': config.schedule.n_generator, 'student_rate': config.student.learning_rate,
                'generator_rate': config.generator.learning_rate, 'alpha': config.objective.alpha,
                'beta': config.objective.beta, 'gamma': config.objective.gamma,
                'lambda_activation': config.objective.lambda_activation}

    def start(self):
        """Draws every first value again: {name: array}, the teacher's among them."""
        algorithm = self.algorithm
        with self._graph.as_default():
            algorithm.start(self.session, self._teacher_values)
        algorithm.student_steps = algorithm.generator_steps = 0
        return dict(self._teacher_values, **dict(
            algorithm.student.initial_values(self.seed), **algorithm.inputs.bank.initial_values(self.seed)))

    def first_step(self, step):
        """(noise, terms, gradients) of a first step from the first values."""
        self.start()
        noise = self.session.run(self._noise[step])
        terms = self.updates[step](self.session)[0]
        return noise, terms, first_gradients(self.algorithm, self.session, step)

    def time(self, step, count, seconds=BLOCK_SECONDS):
        """Milliseconds of up to `count` outer epochs, after one that is discarded."""
        times, start = [], time.perf_counter()
        while len(times) <= count and (len(times) < 3 or time.perf_counter() - start < seconds):
            before = time.perf_counter()
            for update in self.updates.values():
                update(self.session)
            times.append(1e3 * (time.perf_counter() - before))
        return times[1:]


def epoch_flops(work):
    """Floating-point operations of the matrix products of an outer epoch, 2 for a multiply-add."""
    def layers(*sizes):
        return [a * b for a, b in zip(sizes[:-1], sizes[1:])]
    teacher, student = (layers(work['observation'], *(work[side] + [work['actions']]))
                        for side in ('teacher_widths', 'student_widths'))
    drawn = layers(work['noise_size'], work['hidden'], work['observation'])

    def trained(sizes):  # forward, by weights, by input but for the first
        return 3 * sum(sizes) - sizes[0]
    batch = work['batch_size']
    pairs = 3 * batch * work['actions'] if work['gaussian'] else 0  # equation 5 and its gradient
    return 2 * batch * (
        work['n_student'] * (sum(drawn) + sum(teacher) + trained(student))
        + work['n_generator'] * (trained(drawn) + 2 * sum(teacher) + 2 * sum(student) + pairs))


def rows(name, sides, flops, gflops):
    """The two rows of the JSON record from `timed`'s blocks of milliseconds of an epoch.

    sides: 'ours', and (variant, threads) of the peer.
    """
    median = {side: statistics.median(ms for block in blocks for ms in block) for side, blocks in sides.items()}
    mine = sides['ours']
    share = {side: flops / (1e-3 * ms) / (1e9 * gflops) for side, ms in median.items()}
    found = []
    for variant, target in zip(VARIANTS, TARGETS[name]):
        by_threads = {side[1]: median[side] for side in sides if side[0] == variant}
        side = variant, min(by_threads, key=by_threads.get)
        ratios = [statistics.median(theirs) / statistics.median(ours) for ours, theirs in zip(mine, sides[side])]
        found.append({
            'work': '%s, outer epoch' % name, 'peer_name': 'PyTorch %s' % variant, 'unit': 'epochs/s',
            'ours': 1e3 / median['ours'], 'peer': 1e3 / median[side], 'ratio': median[side] / median['ours'],
            'ratio_of_blocks': [min(ratios), max(ratios)], 'target': target, 'ours_ms': median['ours'],
            'peer_ms': median[side], 'peer_threads': side[1],
            'peer_ms_by_threads': {str(threads): ms for threads, ms in sorted(by_threads.items())},
            'gflop': 1e-9 * flops, 'share_of_sgemm': share['ours'], 'peer_share_of_sgemm': share[side]})
    return found


def measure(options, display):
    """Everything that is written: see `runs/results`."""
    cores, load = usable_cores(), os.getloadavg()[0]
    if load > BUSY * cores:
        display.line('warning: load %.2f on %d cores before the start: other work is running, timings are only '
                     'indicative' % (load, cores))
    found, source, busy = [], source_commit(), False
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, 'weights.npz')
        with Peer(PEER_SCRIPT, options.torch_python, cores) as peer:
            version = peer.version
            rates = dict(sgemm(cores), PyTorch=peer.ask('sgemm')['gflops'])
        for name in options.works:
            config = experiments.configuration(name)[0]
            checked, ours = Ours(name, config, unrolled=False), Ours(name, config)
            np.savez(weights, **ours.start())
            with contextlib.ExitStack() as stack:
                peers, relative = {}, 0.
                for threads in sorted({1, cores}):
                    peer = stack.enter_context(Peer(PEER_SCRIPT, options.torch_python, threads))
                    peer.ask('build', work=ours.work, weights=weights)
                    relative = max(relative, check_same(checked, peer, VARIANTS, TERMS, folder))
                    peers.update({(variant, threads): (peer, variant) for variant in VARIANTS})
                display.line('%s: losses and gradients as PyTorch %s within %.0e' % (name, version, relative))
                sides, others = timed(ours, peers, 'epoch', options)
            busy = busy or max(others) > QUIET * cores
            found += [dict(row, other_cores=others, largest_difference=relative)
                      for row in rows(name, sides, epoch_flops(ours.work), max(rates.values()))]
    if busy:
        display.line('warning: other processes worked meanwhile: run it again on a quiet machine')
    return {'machine': {'cpu': cpu()['model'], 'cores': cores},
            'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'load_before': load, 'busy': busy,
            'sgemm_gflops': max(rates.values()), 'sgemm_by': rates, 'commit': source['commit'],
            'dirty': source['dirty'], 'peer_version': version, 'blocks': options.blocks, 'steps': options.steps,
            'rows': found}


def show(result, display):
    """The table of a record."""
    display.table(
        'an outer epoch of gas, batch 512: medians of %d blocks of up to %d epochs' % (
            result['blocks'], result['steps']),
        ('work', 'peer', 'ours', "peer's", 'threads', 'ours is (least)', 'of blocks', 'MFLOP', 'of sgemm', "peer's", 'other work'),
        [(row['work'], row['peer_name'], '%.2f ms' % row['ours_ms'], '%.2f ms' % row['peer_ms'],
          '%d' % row['peer_threads'], judged(row), '%.2f to %.2f' % tuple(row['ratio_of_blocks']), '%.0f' % (1e3 * row['gflop']),
          '%.0f %%' % (100 * row['share_of_sgemm']), '%.0f %%' % (100 * row['peer_share_of_sgemm']),
          '%.2f cores' % max(row['other_cores'])) for row in result['rows']],
        ['sgemm: %.0f GFLOP/s on %d cores of %s' % (
            result['sgemm_gflops'], result['machine']['cores'], result['machine']['cpu']),
         'PyTorch %s' % result['peer_version']])


def parsed(arguments):
    """The command line's options."""
    parser = argparse.ArgumentParser(prog='python -m runs.benchmarks.policy_step',
                                     description=__doc__.partition('\n')[0])
    parser.add_argument('--works', nargs='+', choices=list(SPACES), default=list(SPACES), help='all, if not given')
    parser.add_argument('--blocks', type=int, default=5, help='of each side, in alternation (%(default)s)')
    parser.add_argument('--steps', type=int, default=100, help='epochs of a block, or fewer where %g s have passed '
                        '(%%(default)s)' % BLOCK_SECONDS)
    parser.add_argument('--out', type=pathlib.Path, default=OUT, help='the JSON record (%(default)s)')
    parser.add_argument('--torch-python', type=pathlib.Path, default=TORCH_PYTHON,
                        help='a Python with PyTorch (%(default)s)')
    return parser.parse_args(arguments)


def main(arguments=None):
    """Runs the command line; returns the exit code, see `beside.recorded`."""
    return recorded(parsed(arguments), measure, show)


if __name__ == '__main__':
    sys.exit(main())
