"""A folder that cannot be looked into ends every command in one line."""

import pytest

from gas_tf import disagreement, export, run
from ppo import evaluate, train
from runs import publish, report

UNREADABLE = 'a' * 300  # of which even root's system says: File name too long


@pytest.mark.parametrize('main, arguments', [
    (run.main, ['digits', '--budget', 'smoke', '--out']),
    (run.main, ['cartpole', '--budget', 'smoke', '--teacher']),
    (run.main, ['pong48', '--budget', 'smoke', '--out']),
    (train.main, ['cartpole', '--budget', 'smoke', '--out']),
    (evaluate.main, []), (export.main, []), (disagreement.main, []), (publish.main, []), (report.main, ['--results']),
    (report.main, ['--root'])])
def test_one_line(main, arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments + [UNREADABLE]) == 2
    said = capsys.readouterr().err
    assert said.startswith('error: cannot ') and said.endswith(': File name too long\n') and said.count('\n') == 1
    assert not list(tmp_path.iterdir())
