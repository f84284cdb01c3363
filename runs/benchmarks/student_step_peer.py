"""The PyTorch process of `student_step`, and the check that it does the same work."""

import json
import os
import pathlib
import re
import statistics
import subprocess
from collections import defaultdict

import numpy as np

from runs.benchmarks.student_step_work import STEPS
from runs.errors import UserError

LAYOUTS = ('contiguous', 'channels_last')
TOLERANCE = 1e-3  # relative, of what both sides must agree on
KINK = 30         # what one generator may differ more: see `difference`
TERMS = {'student': ('L_distill',),
         'generator': ('H_each', 'H_mean', 'activation', 'L_adapt')}
PEER_SCRIPT = pathlib.Path(__file__).with_name('student_step_torch.py')


class Differs(Exception):
    """The two sides do not compute the same thing."""


class Peer:
    """The process of the PyTorch side; it sleeps while it has no command."""

    def __init__(self, python, cores):
        if not os.access(str(python), os.X_OK):
            raise UserError('no PyTorch at %s: `make bench` installs it, or '
                            'give --torch-python' % python)
        self._process = subprocess.Popen(
            [str(python), str(PEER_SCRIPT)], stdin=subprocess.PIPE,
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


def check_same(ours, peer, folder):
    """Both sides take their first steps from the same weights and noise.

    Returns:
      The largest relative difference of any loss term or gradient.

    Raises:
      Differs: it is beyond `TOLERANCE`.
    """
    noise, out = (os.path.join(folder, name) for name in ('z.npy', 'out.npz'))
    largest = 0.
    for step in STEPS:
        z, terms, gradients = ours.first_step(step)
        np.save(noise, z)
        for layout in LAYOUTS:
            theirs = peer.ask('compare', layout=layout, step=step, noise=noise,
                              out=out)['terms']
            found = [difference({name: terms[name]}, {name: theirs[name]})
                     for name in TERMS[step]]
            with np.load(out) as file:
                found.append(difference(gradients, dict(file.items())))
            relative, name = max(found)
            if not relative <= TOLERANCE:
                raise Differs('%s step, %s: %s differs from PyTorch by %.1e '
                              '(relative): no timing is shown'
                              % (step, layout, name, relative))
            largest = max(largest, relative)
    return largest
