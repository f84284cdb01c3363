"""What benchmarks beside PyTorch share: its process, the check that both sides do the same work, timing in turns."""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

import numpy as np
import tensorflow.compat.v1 as tf

from runs import determinism
from runs.display import Display
from runs.errors import UserError
from runs.files import atomic_write, json_text, user_errors
from runs.source import ROOT

BUSY = 0.3    # load per core above which a warning is due before the start
QUIET = 0.05  # share of the cores that other processes may take meanwhile
BLOCK_SECONDS = 4.  # a block of slow steps ends here, after at least two
TORCH_PYTHON = ROOT / '.venv-torch' / 'bin' / 'python'
TOLERANCE = 1e-3  # relative, of what both sides must agree on
KINK = 30         # what one generator may differ more: see `difference`


def judged(row):
    """A row's ratio beside its least one: '1.7 x (1.5: met)'; without one the ratio alone."""
    ratio = '%.2f x' % row['ratio']
    if row['target'] is None:
        return ratio
    return '%s (%.1f: %s)' % (ratio, row['target'], 'met' if row['ratio'] >= row['target'] else 'not met')


class Differs(Exception):
    """The two sides do not compute the same thing."""


class Peer:
    """The process of the PyTorch side; it sleeps while it has no command."""

    def __init__(self, script, python, cores):
        if not os.access(str(python), os.X_OK):
            raise UserError('no PyTorch at %s: `make bench` installs it, or '
                            'give --torch-python' % python)
        self._process = subprocess.Popen(
            [str(python), str(script)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, universal_newlines=True)
        self.version = self.ask('threads', count=cores)['version']

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def ask(self, command, **arguments):
        """The answer to one command."""
        try:
            self._process.stdin.write(
                json.dumps(dict(arguments, do=command)) + '\n')
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ''
        if not answer:
            raise UserError('the PyTorch process ended at `%s`: its reason '
                            'stands above' % command)
        return json.loads(answer)


def difference(ours, peers):
    """The largest relative difference of two dicts of arrays.

    Each array's by its own norm, or by a thousandth of the norm of all where
    that is larger: a bias before a batch-norm has gradient zero, and what is
    computed for it is rounding.  Of the same array in several generators the
    median counts: where two numbers under a max-pool agree to the last bits,
    either may win, and that one image's gradient moves.  (PyTorch in single
    and in double precision differ so too.)  One generator may therefore be
    `KINK` times as far off.

    Returns:
      (relative difference, name).
    """
    if set(ours) != set(peers):
        raise Differs('names differ: %s' % sorted(set(ours) ^ set(peers))[:3])
    norms = {name: float(np.linalg.norm(a)) for name, a in ours.items()}
    floor = 1e-3 * float(np.linalg.norm(list(norms.values())))
    found = defaultdict(list)
    for name, array in ours.items():
        error = float(np.linalg.norm(np.subtract(array, peers[name])))
        found[re.sub(r'_\d+/', '_*/', name)].append(
            error / max(norms[name], floor))
    return max((max(statistics.median(values), max(values) / KINK), name)
               for name, values in found.items())


def first_gradients(algorithm, session, step):
    """{variable name: gradient} of the first 'student' or 'generator' step that `algorithm` has taken.

    They are read off Adam's first moments, m = (1 - beta1) g.
    """
    if step == 'student':
        trained = [(algorithm.student_optimizer, [algorithm.student])]
    else:
        trained = zip(algorithm.generator_optimizers, algorithm.groups)
    moments = {v.op.name: optimizer.get_slot(v, 'm')
               for optimizer, networks in trained for network in networks for v in network.variables}
    return {name: value / 0.1 for name, value in session.run(moments).items()}


def check_same(ours, peer, variants, terms, folder):
    """Both sides take their first steps from the same weights and noise.

    Args:
      variants: names of the peer's ways of doing it.
      terms: {step: names of the loss terms that both tell}.
      folder: for the arrays that go from one side to the other.

    Returns:
      The largest relative difference of any loss term or gradient.

    Raises:
      Differs: it is beyond `TOLERANCE`.
    """
    noise, out = (os.path.join(folder, name) for name in ('z.npy', 'out.npz'))
    largest = 0.
    for step in terms:
        z, mine, gradients = ours.first_step(step)
        np.save(noise, z)
        for variant in variants:
            theirs = peer.ask('compare', variant=variant, step=step, noise=noise,
                              out=out)['terms']
            found = [difference({name: mine[name]}, {name: theirs[name]})
                     for name in terms[step]]
            with np.load(out) as file:
                found.append(difference(gradients, dict(file.items())))
            relative, name = max(found)
            if not relative <= TOLERANCE:
                raise Differs('%s step, %s: %s differs from PyTorch by %.1e '
                              '(relative): no timing is shown'
                              % (step, variant, name, relative))
            largest = max(largest, relative)
    return largest


def busy_seconds():
    """Processor seconds that the whole machine has worked, its host's share too."""
    with open('/proc/stat') as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    # user, nice, system, idle, waiting, interrupts, soft interrupts, stolen
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf('SC_CLK_TCK')


def timed(ours, peers, step, options):
    """Times steps in alternating blocks.

    peers: {side: (its `Peer`, which of its variants)}.

    Returns:
      ({side, or 'ours': list of blocks of milliseconds}, list over rounds of
      the cores that other processes kept busy meanwhile).
    """
    def others():
        processes = {peer for peer, _ in peers.values()}
        return (busy_seconds() - time.process_time() - sum(
            peer.ask('usage')['cpu_seconds'] for peer in processes), time.perf_counter())

    sides = {name: [] for name in ['ours'] + list(peers)}
    other_cores = []
    for _ in range(options.blocks):
        used, start = others()
        sides['ours'].append(ours.time(step, options.steps))
        for side, (peer, variant) in peers.items():
            sides[side].append(peer.ask(
                'time', variant=variant, step=step, count=options.steps,
                seconds=BLOCK_SECONDS)['ms'])
        used_after, end = others()
        other_cores.append(max(0., (used_after - used) / (end - start)))
    return sides, other_cores


def sgemm(cores, size=2048, repeats=5):
    """GFLOP/s of matrix products in this process, the best of several.

    TensorFlow multiplies one pair per core side by side, as a step's towers
    run; NumPy uses its own threads.
    """
    def best(run, products):
        times = []
        for _ in range(repeats):
            before = time.perf_counter()
            run()
            times.append(time.perf_counter() - before)
        return products * 2e-9 * size ** 3 / min(times)

    a = np.random.RandomState(0).rand(size, size).astype(np.float32)
    with tf.Graph().as_default() as graph:
        variables = [tf.get_variable('a%d' % core, initializer=a + core)
                     for core in range(cores)]
        # One element of each is fetched: TensorFlow drops a product whose
        # value nobody reads.
        products = [tf.matmul(v, v)[0, 0] for v in variables]
        with determinism.new_session(graph) as session:
            session.run(tf.global_variables_initializer())
            rate = best(lambda: session.run(products), cores)
    return {'TensorFlow': rate, 'NumPy': best(lambda: a.dot(a), 1)}


def recorded(options, measure, show):
    """Measures, shows, and writes the record `options.out`; returns an exit code.

    0: done.  1: the two sides differ.  2: the user's error.
    """
    display = Display()
    try:
        result = measure(options, display)
        show(result, display)
        with user_errors('cannot write %s' % options.out):
            options.out.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(options.out, json_text(result) + '\n')
        display.line('record: %s' % options.out)
    except (Differs, UserError) as error:
        print('error: %s' % error, file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    return 0
