"""kill -9 at any moment of a save leaves the last complete checkpoint, or the one just written."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def driven(*arguments):
    done = subprocess.run([sys.executable, os.path.join(HERE, "kill_driver.py")] + [str(each) for each in arguments],
                          env=dict(os.environ, PYTHONPATH=ROOT), stdout=subprocess.PIPE, check=True, timeout=60)
    return json.loads(done.stdout.decode())


def test_killed_at_random_moments(tmp_path):
    seen = driven("random", tmp_path / "checkpoints", 60)
    assert seen["kills"] == 60
    assert seen["steps"] > 0


def test_killed_at_every_system_call(tmp_path):
    seen = driven("calls", tmp_path / "checkpoints")
    before, after = seen["calls"]
    assert before == after >= 15
    assert seen["loaded"] == [3, 4]


def test_a_run_killed_again_and_again_has_the_log_of_one_never_killed(tmp_path):
    seen = driven("run", tmp_path / "run", 400)
    assert seen["kills"] >= 3
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    state, expected = 0.5, []
    for step in range(1, 401):
        state = 3.9 * state * (1 - state)
        expected.append({"step": step, "state": state})
    assert rows == expected
