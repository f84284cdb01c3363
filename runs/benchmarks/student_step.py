"""Student and generator steps per second, beside PyTorch doing the same work.

    python -m runs.benchmarks.student_step [--works gas ...] [--profile]

Blocks of steps of the two sides alternate on the same machine in the same run.
No ratio is printed before both have computed the same losses and gradients from
the same weights and noise.  Ours is `gas_tf.images` as a run drives it;
the peer is `student_step_torch.py` in an environment of its own, in the faster
of PyTorch's two memory formats.
"""

import argparse
import os
import pathlib
import resource
import statistics
import sys
import tempfile
import time

import numpy as np

from runs.benchmarks.beside import (
    BLOCK_SECONDS, BUSY, QUIET, TORCH_PYTHON, Peer, check_same, recorded, sgemm, timed)
from runs.benchmarks.student_step_work import STEPS, WORKS, Ours, settings_of, step_flops
from runs.display import Display
from runs.provenance import cpu
from runs.source import ROOT, source_commit
from runs.threads import usable_cores

TARGETS = {'student': 1.3, 'generator': 1.}  # least ratios
LAYOUTS = ('contiguous', 'channels_last')
TERMS = {'student': ('L_distill',),
         'generator': ('H_each', 'H_mean', 'activation', 'L_adapt')}
PEER_SCRIPT = pathlib.Path(__file__).with_name('student_step_torch.py')
OUT = ROOT / 'runs' / 'results' / 'benchmarks' / 'student_step.json'


def row(name, step, sides, flops, gflops):
    """A row of the JSON record from `timed`'s blocks."""
    median = {side: statistics.median(ms for block in blocks for ms in block)
              for side, blocks in sides.items()}
    layout = min(LAYOUTS, key=median.get)
    ratios = [statistics.median(theirs) / statistics.median(mine)
              for mine, theirs in zip(sides['ours'], sides[layout])]
    share = {side: flops / (1e-3 * median[side]) / (1e9 * gflops)
             for side in median}
    return {
        'work': 'mnist %s, %s step' % (name, step), 'peer_name': 'PyTorch',
        'unit': 'steps/s', 'ours': 1e3 / median['ours'],
        'peer': 1e3 / median[layout], 'ratio': median[layout] / median['ours'],
        'ratio_of_blocks': [min(ratios), max(ratios)],
        'target': TARGETS[step],
        'ours_ms': median['ours'], 'peer_ms': median[layout],
        'peer_layout': layout,
        'layouts_ms': {side: median[side] for side in LAYOUTS},
        'gflop': 1e-9 * flops, 'share_of_sgemm': share['ours'],
        'peer_share_of_sgemm': share[layout]}


def measure(options, display):
    """Everything that is written: see `runs/results`."""
    cores, load = usable_cores(), os.getloadavg()[0]
    if load > BUSY * cores:
        display.line('warning: load %.2f on %d cores before the start: other '
                     'work is running, timings are only indicative'
                     % (load, cores))
    rows, source = [], source_commit()
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, 'weights.npz')
        with Peer(PEER_SCRIPT, options.torch_python, cores) as peer:
            version = peer.version
            rates = dict(sgemm(cores), PyTorch=peer.ask('sgemm')['gflops'])
        gflops = max(rates.values())
        for name in options.works:
            ours = Ours(settings_of(name))
            np.savez(weights, **ours.start())
            for checking in (True, False):  # two processes: the peer's memory
                with Peer(PEER_SCRIPT, options.torch_python, cores) as peer:
                    peer.ask('build', work=ours.work, weights=weights)
                    if checking:
                        relative = check_same(ours, peer, LAYOUTS, TERMS, folder)
                        display.line('%s: losses and gradients as PyTorch %s '
                                     'within %.0e' % (name, version, relative))
                        continue
                    ours.start()
                    flops = step_flops(ours.work)
                    for step in STEPS:
                        sides, others = timed(
                            ours, {layout: (peer, layout) for layout in LAYOUTS}, step, options)
                        # Ours is one process: the peak of all works so far.
                        rows.append(dict(
                            row(name, step, sides, flops[step], gflops),
                            other_cores=others, largest_difference=relative,
                            peak_mib=resource.getrusage(
                                resource.RUSAGE_SELF).ru_maxrss / 1024,
                            peer_peak_mib=peer.ask('usage')['mib']))
            ours.session.close()
    busy = any(max(r['other_cores']) > QUIET * cores for r in rows)
    if busy:
        display.line(
            'warning: other processes took up to %.1f of %d cores while steps '
            'were timed. The ratios are then too high, not only uncertain: '
            'PyTorch waits for its slowest thread in every op. Run it again on '
            'a quiet machine' % (max(max(r['other_cores']) for r in rows), cores))
    return {
        'machine': {'cpu': cpu()['model'], 'cores': cores},
        'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
        'load_before': load, 'busy': busy,
        'sgemm_gflops': gflops, 'sgemm_by': rates,
        'commit': source['commit'], 'dirty': source['dirty'],
        'peer_version': version,
        'blocks': options.blocks, 'steps': options.steps, 'rows': rows}


def show(result, display):
    """The table of a record."""
    display.table(
        'steps of MNIST, batch 512, 8 generators: medians of %d blocks of up '
        'to %d steps' % (result['blocks'], result['steps']),
        ('work', 'ours', 'PyTorch', 'ours is', 'of blocks', 'GFLOP*',
         'of sgemm', "PyTorch's", 'layout', 'peak memory', "PyTorch's",
         'other work'),
        [(r['work'], '%.1f ms' % r['ours_ms'], '%.1f ms' % r['peer_ms'],
          '%.2f x' % r['ratio'], '%.2f to %.2f' % tuple(r['ratio_of_blocks']),
          '%.1f' % r['gflop'], '%.0f %%' % (100 * r['share_of_sgemm']),
          '%.0f %%' % (100 * r['peer_share_of_sgemm']), r['peer_layout'],
          '%.0f MiB' % r['peak_mib'], '%.0f MiB' % r['peer_peak_mib'],
          '%.2f cores' % max(r['other_cores']))
         for r in result['rows']],
        ['* of the plain formulation, 2 for a multiply-add; a cheaper equal '
         'formulation shows as a larger share',
         'sgemm: %.0f GFLOP/s on %d cores of %s'
         % (result['sgemm_gflops'], result['machine']['cores'],
            result['machine']['cpu']),
         'PyTorch %s' % result['peer_version']])


def profile(options, display):
    """The twelve op types that take most of each of our steps."""
    for name in options.works:
        ours = Ours(settings_of(name))
        for step in STEPS:
            ours.run(step)
            ops, wall = ours.profile(step)
            total = sum(ops.values())
            display.table(
                '%s, %s step: %.1f ms traced, %.1f ms in ops on all threads'
                % (name, step, wall, total), ('op', 'ms', 'share'),
                [(op, '%.2f' % ms, '%.0f %%' % (100 * ms / total))
                 for op, ms in ops.most_common(12)])
        ours.session.close()


def parsed(arguments):
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog='python -m runs.benchmarks.student_step',
        description=__doc__.partition('\n')[0])
    parser.add_argument('--works', nargs='+', choices=list(WORKS),
                        default=list(WORKS), help='all, if not given')
    parser.add_argument('--blocks', type=int, default=5,
                        help='of each side, in alternation (%(default)s)')
    parser.add_argument('--steps', type=int, default=10,
                        help='of a block, or fewer where %g s have passed '
                        '(%%(default)s)' % BLOCK_SECONDS)
    parser.add_argument('--out', type=pathlib.Path, default=OUT,
                        help='the JSON record (%(default)s)')
    parser.add_argument('--torch-python', type=pathlib.Path,
                        default=TORCH_PYTHON,
                        help='a Python with PyTorch (%(default)s)')
    parser.add_argument('--profile', action='store_true',
                        help='only show where the time of our steps goes')
    return parser.parse_args(arguments)


def main(arguments=None):
    """Runs the command line; returns the exit code, see `beside.recorded`."""
    options = parsed(arguments)
    if options.profile:
        profile(options, Display())
        return 0
    return recorded(options, measure, show)


if __name__ == '__main__':
    sys.exit(main())
