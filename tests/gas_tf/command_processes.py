"""Runs the command in processes of its own, on runs that take a second, and kills them where a test says.

Imported by the tests of this folder; nothing starts at import.
"""

import atexit
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

#: Two epochs of the teacher, three evaluations of the student, a reset at every second epoch.
#: The batches are twice a prime, so that every graph has two towers only.
SMALL = ('--budget', 'smoke', '--teacher.epochs', '2', '--teacher.widths', '4', '4', '8', '8',
         '--teacher.batch-size', '122', '--student.widths', '2', '2', '4', '8', '--generator.count', '2',
         '--generator.widths', '4', '4', '--generator.noise-size', '8', '--schedule.batch-size', '22',
         '--schedule.n-student', '2', '--schedule.n-generator', '1', '--schedule.student-steps', '12',
         '--schedule.evaluate-every', '4', '--schedule.reset-every', '4')
STEPS, EVERY = 12, 4

#: Loads TensorFlow once, and forks, before any session, for each line on its
#: standard input: {"arguments", "patch", "variables", "out", "err"}.
DRIVER = """
import json, os, resource, signal, sys
from gas_tf import algorithm, distillation, images, run, teachers
from runs import devices
from gas_tf.data import dataset, files
from runs import archive, checkpoint, record

# A shell's background processes ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

def hook(owner, name, call, action):
    '''Does action() before the call-th call of owner.name.'''
    real, calls = getattr(owner, name), []
    def wrapped(*arguments, **named):
        calls.append(name)
        if len(calls) == call:
            action()
        return real(*arguments, **named)
    setattr(owner, name, wrapped)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if not child:
        for descriptor, path in ((1, job['out']), (2, job['err'])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), descriptor)
        os.environ.update(job['variables'])
        sys.argv[1:] = job['arguments']
        exec(job['patch'])
        sys.exit(run.main())
    status = os.waitpid(child, 0)[1]
    print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), flush=True)
"""


class Done:
    """What a process left: `code` (minus the signal that killed it), `out` and `err` (text)."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def one_line(self):
        """The only line on stderr."""
        assert self.err.count('\n') == 1 and self.err.endswith('\n'), self.err
        return self.err[:-1]


def environment(**changes):
    """This process's, without what would change a run."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('TF_', 'PMI_', 'OMPI_', 'GAS_', 'COLUMNS', 'FORCE_COLOR'))}
    return dict(kept, PYTHONPATH=str(ROOT), CUDA_VISIBLE_DEVICES='', **changes)


def arguments_in(out, *arguments):
    return ['digits', '--out', str(out)] + list(SMALL) + [str(argument) for argument in arguments]


class Workshop:
    """A process that forks one of the command for each `run`. A context manager."""

    def __enter__(self):
        self._scratch = tempfile.mkdtemp()
        self._process = subprocess.Popen([sys.executable, '-c', DRIVER], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, env=environment(), cwd=str(ROOT))
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        shutil.rmtree(self._scratch)

    def run(self, out, *arguments, patch='', **variables):
        """`Done` of the small run in `out`; `patch`: code that the process does before."""
        job = {'arguments': arguments_in(out, *arguments), 'patch': patch, 'variables': variables}
        texts = [os.path.join(self._scratch, name) for name in ('out', 'err')]
        job.update(out=texts[0], err=texts[1])
        self._process.stdin.write((json.dumps(job) + '\n').encode())
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Done(code, *(pathlib.Path(text).read_text() for text in texts))


def start(out, *arguments, **variables):
    """A started `python -m gas_tf.run` of the small run in `out`."""
    return subprocess.Popen(
        [sys.executable, '-m', 'gas_tf.run'] + arguments_in(out, *arguments), cwd=str(ROOT),
        env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process):
    """`Done` of a started process; one that hangs is killed, and that is an error."""
    try:
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
    return Done(process.returncode, out.decode(), err.decode())


def folder(out, method='gas', seed=0):
    return pathlib.Path(str(out)) / 'digits' / (method + '@smoke') / ('seed-%d' % seed)


def teacher_folder(out):
    return pathlib.Path(str(out)) / 'digits' / 'teacher' / 'seed-0'


def rows(directory):
    """The rows of a folder's log, without the time."""
    lines = (directory / 'metrics.jsonl').read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != 'wall_seconds'} for line in lines]


def content(path):
    return json.loads(path.read_text())


@functools.lru_cache(maxsize=None)
def reference():
    """(folder of all runs, Done) of one small run that nothing disturbed; made once, not to be changed."""
    out = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    done = finish(start(out))
    assert done.code == 0, done.err
    return pathlib.Path(out), done


def with_teacher(out):
    """`out` after a copy of the reference's teacher has been put there."""
    shutil.copytree(str(teacher_folder(reference()[0])), str(teacher_folder(out)))
    return out
