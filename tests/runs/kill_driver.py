"""Kills processes that save checkpoints; prints one JSON line of what was seen. Run by test_run_checkpoint_kill.py.

A forked child saves steps 1, 2, ... in a loop and says so through a pipe; it
dies by SIGKILL, and the parent then loads. Forking, in a process without
TensorFlow, makes a trial cost milliseconds.

    kill_driver.py random FOLDER TRIALS     the parent kills after a random while
    kill_driver.py calls FOLDER             the child kills itself at the k-th system call, for every k
    kill_driver.py run FOLDER STEPS         a run with log and checkpoints, killed and resumed until it is done
"""

import json
import os
import random
import shutil
import signal
import sys
import time

import numpy as np

from runs import archive, checkpoint
from runs.record import Record

PATCHED = ("open", "fsync", "replace", "unlink", "mkdir", "listdir")


def arrays_of(step):
    return {"a:0": np.random.RandomState(step).randn(50, 40).astype(np.float32), "step": np.int64(step)}


def save_from(folder, step, last, pipe):
    while step <= last:
        checkpoint.save(folder, step, arrays_of(step), {"step": step})
        os.write(pipe, b".")
        step += 1


def in_child(action):
    """Forks; the child runs action(pipe). Returns (pid, the pipe's other end)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            action(writing)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    return pid, reading


def ended(pid, reading):
    """(saves that returned, whether SIGKILL ended the child); an exception in it stops the driver."""
    saves = 0
    while True:
        part = os.read(reading, 65536)
        if not part:
            break
        saves += len(part)
    os.close(reading)
    status = os.waitpid(pid, 0)[1]
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status != 0:
        raise SystemExit("the child failed")
    return saves, killed


def check(folder, done):
    """The step that loads: `done`, or the one after it, whole."""
    loaded = checkpoint.load(folder)
    if loaded is None:
        assert done == 0, "lost: {} was saved, nothing loads".format(done)
        return 0
    assert loaded.step in (done, done + 1), "{} was saved, {} loads".format(done, loaded.step)
    assert loaded.extra == {"step": loaded.step}
    assert checkpoint.fingerprint(loaded.arrays) == checkpoint.fingerprint(arrays_of(loaded.step))
    return loaded.step


def at_random(folder, trials):
    chance = random.Random(0)
    step = kills = unnoticed = 0
    for _ in range(trials):
        pid, reading = in_child(lambda pipe: save_from(folder, step + 1, 10 ** 9, pipe))
        time.sleep(chance.uniform(0.0, 0.03))
        os.kill(pid, signal.SIGKILL)
        saves, killed = ended(pid, reading)
        kills += killed
        now = check(folder, step + saves)
        unnoticed += now - step - saves
        step = now
    return {"kills": kills, "steps": step, "saved_but_not_said": unnoticed}


class Bomb:
    """Counts the calls of system functions and dies before or after the k-th."""

    def __init__(self, fatal, after):
        self.fatal, self.after, self.calls = fatal, after, 0

    def wrap(self, function):
        def wrapped(*arguments, **named):
            self.calls += 1
            mine = self.calls
            if mine == self.fatal and not self.after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return function(*arguments, **named)
            finally:  # a call that fails (mkdir of a folder that is there) counts as well
                if mine == self.fatal and self.after:
                    os.kill(os.getpid(), signal.SIGKILL)
        return wrapped


def with_bomb(folder, fatal, after, pipe):
    """Saves step 4 with system calls counted; a write of the archive counts too, half of it done."""
    bomb = Bomb(fatal, after)
    write = archive._HashingFile.write

    def half_write(self, data):
        bomb.wrap(lambda: (write(self, bytes(data)[:len(data) // 2]), self._file.flush()))()
        write(self, bytes(data)[len(data) // 2:])
        return len(data)

    for name in PATCHED:
        setattr(os, name, bomb.wrap(getattr(os, name)))
    archive._HashingFile.write = half_write
    save_from(folder, 4, 4, pipe)


def at_every_call(folder):
    calls, seen = [], set()
    for after in (False, True):
        fatal = 0
        while True:
            fatal += 1
            shutil.rmtree(folder, ignore_errors=True)
            for step in (1, 2, 3):
                checkpoint.save(folder, step, arrays_of(step), {"step": step})
            saves, killed = ended(*in_child(lambda pipe: with_bomb(folder, fatal, after, pipe)))
            now = check(folder, 3 + saves)
            seen.add(now)
            # And the run goes on over whatever was left.
            checkpoint.save(folder, now + 1, arrays_of(now + 1), {"step": now + 1})
            assert check(folder, now + 1) == now + 1
            assert len(os.listdir(folder)) == 3, os.listdir(folder)
            if not killed:  # the save had fewer calls than this
                calls.append(fatal - 1)
                break
    return {"calls": calls, "loaded": sorted(seen)}


def run(folder, steps):
    """A run whose state at a step follows from the step before; it logs every step and saves every seventh."""
    with Record(folder, {}) as record:
        saved = checkpoint.load(record.checkpoints)
        step, state = (saved.step, saved.arrays["state"]) if saved else (0, np.float64(0.5))
        record.rewind(saved.extra["log_position"] if saved else 0)
        while step < steps:
            step, state = step + 1, 3.9 * state * (1 - state)
            record.append({"step": step, "state": state})
            if step % 7 == 0 or step == steps:
                checkpoint.save(record.checkpoints, step, {"state": state}, {"log_position": record.position()})


def until_done(folder, steps):
    chance = random.Random(1)
    kills = 0
    while True:
        pid, reading = in_child(lambda _: run(folder, steps))
        time.sleep(chance.uniform(0.0, 0.05))
        os.kill(pid, signal.SIGKILL)
        if not ended(pid, reading)[1]:
            return {"kills": kills}
        kills += 1


if __name__ == "__main__":
    if sys.argv[1] == "random":
        print(json.dumps(at_random(sys.argv[2], int(sys.argv[3]))))
    elif sys.argv[1] == "run":
        print(json.dumps(until_done(sys.argv[2], int(sys.argv[3]))))
    else:
        print(json.dumps(at_every_call(sys.argv[2])))
