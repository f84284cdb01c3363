"""Environment steps per second of ppo.train, beside stable-baselines' PPO2.

    python -m runs.benchmarks.ppo_steps [--works halfcheetah ...]

End to end: acting, advantages, updates.  Both have the same number of
environments, length of rollouts, networks, gradient steps and batch size, and
alternate in one run on one machine.  Ours runs asynchronously with two workers
and with one, and synchronously; the limit is what the simulator alone does, one
process on each core at once.
"""

import collections
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from ppo.experiments import configuration
from runs.benchmarks.beside import BUSY, QUIET, busy_seconds, judged, sgemm
from runs.command import Parser, guarded
from runs.display import Display
from runs.errors import UserError
from runs.files import atomic_write, json_text, user_errors
from runs.provenance import cpu
from runs.source import ROOT, source_commit
from runs.threads import usable_cores

LONGEST = 600  # seconds of one process
PEER = 'stable-baselines PPO2'
PEERS = ROOT / '.peers'
OUT = ROOT / 'runs' / 'results' / 'benchmarks' / 'ppo_steps.json'

#: environments, rollout, batch; target: least ratio to the peer.
Work = collections.namedtuple('Work', 'environments rollout batch target')
WORKS = {'cartpole': Work(512, 32, 2048, 1.), 'halfcheetah': Work(256, 32, 1024, 1.5),
         'humanoid': Work(256, 32, 1024, 1.5)}
SCALING = {'humanoid': 1.4}  # least ratio of two workers to one


def ask(command, peers):
    """The JSON object that a process prints as its last line.

    Raises:
      UserError: it fails.
    """
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), str(peers)]))
    name = ' '.join(str(part) for part in command[:6])
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=str(ROOT), env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=LONGEST)
    except FileNotFoundError as error:
        raise UserError('there is no %s: make simulators' % command[0]) from error
    except subprocess.TimeoutExpired as error:
        raise UserError('%s does not end within %d s' % (name, LONGEST)) from error
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        lines = done.stderr.strip().splitlines()
        raise UserError('%s ended with %d: %s' % (
            name, done.returncode, lines[-1] if lines else 'it printed nothing')) from error


def measure(name, options):
    """({side: [what each of its blocks gave]}, the sides in alternation; list of the cores that others kept busy)."""
    work = WORKS[name]
    common = ['--environments', work.environments, '--rollout', work.rollout, '--batch', work.batch,
              '--seconds', options.seconds]
    config = configuration(name)[0]
    ours = [sys.executable, '-m', 'runs.benchmarks.ppo_steps_ours', name] + common
    mpirun = pathlib.Path(sys.executable).parent / 'mpirun'
    commands = {
        'two workers': [mpirun, '-n', 3] + ours,
        PEER: [sys.executable, '-m', 'runs.benchmarks.ppo_steps_peer', config.environment.id] + common
              + ['--widths'] + list(config.model.widths),
        'synchronous': ours,
        'one worker': [mpirun, '-n', 2] + ours,
        'simulator': ours + ['--simulator']}
    found, others = {side: [] for side in commands}, []
    for _ in range(options.blocks):
        for side, command in commands.items():
            before, start = _others_seconds(), time.perf_counter()
            found[side].append(ask(command, options.peers) if side != 'simulator' else simulators(command, options.peers))
            others.append(max(0., (_others_seconds() - before) / (time.perf_counter() - start)))
    return found, others


def simulators(command, peers):
    """What a process on each core gives, all at once: two hyperthreads of a core are not two cores."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        found = list(pool.map(lambda _: ask(command, peers), range(usable_cores())))
    return {'steps_per_second': sum(one['steps_per_second'] for one in found)}


def _others_seconds():
    """Processor seconds of all processes but this one and those that it has waited for."""
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy_seconds() - time.process_time() - ours.ru_utime - ours.ru_stime


def rows(name, found):
    """The rows of the JSON record from `measure`'s blocks."""
    rates = {side: [block['steps_per_second'] for block in blocks] for side, blocks in found.items()}
    limit = statistics.median(rates['simulator'])

    def row(side, peer, target=None, **more):
        ours, theirs = statistics.median(rates[side]), statistics.median(rates[peer])
        ratios = [a / b for a, b in zip(rates[side], rates[peer])]
        return dict({'work': '%s, %d environments, %s' % (name, WORKS[name].environments, side), 'ours': ours,
                     'peer': theirs, 'peer_name': peer, 'unit': 'steps/s', 'ratio': ours / theirs,
                     'ratio_of_blocks': [min(ratios), max(ratios)], 'target': target, 'of_simulator': ours / limit},
                    **more)
    shares = [block['rank_0'] for block in found['two workers']]
    return [row('two workers', PEER, WORKS[name].target,
                rank_0={part: statistics.median(share[part] for share in shares) for part in shares[0]}),
            row('synchronous', PEER), row('two workers', 'one worker', SCALING.get(name))]


def show(result, display):
    """The table of a record."""
    display.table('environment steps per second, end to end: medians of %d blocks of %g s' % (
        result['blocks'], result['seconds']),
        ('work', 'ours', 'peer', '', 'ours is (least)', 'of blocks', 'of the simulator*', 'rank 0**'),
        [(row['work'], '%.0f' % row['ours'], '%.0f' % row['peer'], row['peer_name'], judged(row),
          '%.2f to %.2f' % tuple(row['ratio_of_blocks']), '%.0f %%' % (100 * row['of_simulator']),
          ', '.join('%s %.0f %%' % (part, 100 * share) for part, share in row.get('rank_0', {}).items()))
         for row in result['rows']],
        ['*  what it does alone, in as many processes as there are cores', '** shares of the time of its two threads'])


def main(arguments=None):
    """The command; returns its exit code, see `runs.command.guarded`."""
    return guarded(lambda: _run(_parsed(arguments)))


def _parsed(arguments):
    parser = Parser(prog='python -m runs.benchmarks.ppo_steps', description=__doc__.partition('\n')[0])
    parser.add_argument('--works', nargs='+', choices=list(WORKS), default=list(WORKS), help='all, if not given')
    parser.add_argument('--blocks', type=int, default=3, help='of each side, in alternation (%(default)s)')
    parser.add_argument('--seconds', type=float, default=10., help='of a block (%(default)s)')
    parser.add_argument('--peers', type=pathlib.Path, default=PEERS,
                        help='the folder in which stable-baselines is installed (%(default)s)')
    parser.add_argument('--out', type=pathlib.Path, default=OUT, help='the JSON record (%(default)s)')
    options = parser.parse_args(arguments)
    if options.blocks < 1 or not options.seconds > 0:
        raise UserError('give one block or more, and some seconds')
    return options


def _run(options):
    display = Display()
    load, cores, source = os.getloadavg()[0], usable_cores(), source_commit()
    if load > BUSY * cores:
        display.line('warning: load %.2f on %d cores before the start: other work is running, timings are only '
                     'indicative' % (load, cores))
    found, others = [], []
    for name in options.works:
        blocks, meanwhile = measure(name, options)
        found += rows(name, blocks)
        others += meanwhile
    busy = max(others) > QUIET * cores
    if busy:
        display.line('warning: other processes kept up to %.2f of %d cores busy meanwhile' % (max(others), cores))
    result = {'machine': {'cpu': cpu()['model'], 'cores': cores},
              'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'load_before': load, 'busy': busy, 'other_cores': max(others),
              'sgemm_gflops': max(sgemm(cores).values()), 'commit': source['commit'], 'dirty': source['dirty'],
              'blocks': options.blocks, 'seconds': options.seconds, 'rows': found}
    show(result, display)
    with user_errors('cannot write %s' % options.out):
        options.out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(options.out, json_text(result) + '\n')
    display.line('record: %s' % options.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
