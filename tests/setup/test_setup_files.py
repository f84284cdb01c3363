"""The interpreter is found or asked for in one line; every package is pinned."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = '.'.join(platform.python_version_tuple()[:2])


def find(version, *candidate, **environment):
    """(exit code, output, error) of find_python.sh, seeing only what is given."""
    done = subprocess.run(
        ['/bin/sh', str(ROOT / 'find_python.sh'), version, 'SUCH_PYTHON'] + list(candidate),
        env=dict({'PATH': '/nowhere', 'HOME': '/nowhere'}, **environment),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@pytest.fixture
def interpreter(tmp_path):
    """A CPython of this version under the name that a PATH holds."""
    folder = tmp_path / 'bin'
    folder.mkdir()
    link = folder / ('python' + VERSION)
    link.write_text('#!/bin/sh\nexec "%s" "$@"\n' % sys.executable)
    link.chmod(0o755)
    return link


def test_found_on_the_path(interpreter):
    assert find(VERSION, PATH=str(interpreter.parent)) == (
        0, str(interpreter), '')


@pytest.mark.parametrize('root', ['HOME', 'PYENV_ROOT'])
def test_found_in_pyenv(tmp_path, interpreter, root):
    pyenv = tmp_path / ('.pyenv' if root == 'HOME' else 'elsewhere')
    python = pyenv / 'versions' / (VERSION + '.1') / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.symlink_to(interpreter)
    where = tmp_path if root == 'HOME' else pyenv
    assert find(VERSION, **{root: str(where)}) == (0, str(python), '')


def test_a_shim_that_does_not_work_tells_where_the_versions_are(
        tmp_path, interpreter):
    shim = tmp_path / 'pyenv' / 'shims' / ('python' + VERSION)
    shim.parent.mkdir(parents=True)
    shim.write_text('#!/bin/sh\nexit 127\n')
    shim.chmod(0o755)
    python = tmp_path / 'pyenv' / 'versions' / (VERSION + '.2') / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.symlink_to(interpreter)
    assert find(VERSION, PATH=str(shim.parent)) == (0, str(python), '')


def test_none_is_one_line_that_says_what_to_do():
    code, said, error = find('3.99')
    assert (code, said) == (2, '')
    assert error.startswith('error: no CPython 3.99 found')
    assert 'make SUCH_PYTHON=' in error and '\n' not in error


def test_a_wrong_candidate_is_refused(interpreter):
    code, said, error = find('3.99', str(interpreter))
    assert (code, said) == (2, '')
    assert error == 'error: %s is not CPython 3.99' % interpreter
    assert find(VERSION, str(interpreter)) == (0, str(interpreter), '')


@pytest.mark.parametrize('name', ['requirements.txt', 'requirements-simulators.txt'])
def test_every_requirement_is_an_exact_pin(name):
    lines = [line for line in (ROOT / name).read_text().split('\n')
             if line and not line.startswith('#')]
    assert all(re.match(r'^[A-Za-z0-9._-]+==[0-9][0-9.]*$', line)
               for line in lines)
    names = [line.split('==')[0].lower() for line in lines]
    assert len(names) == len(set(names))
    assert set(names) >= ({'tensorflow', 'gym', 'baselines', 'numpy', 'tyro', 'rich'} if name == 'requirements.txt'
                          else {'mpich', 'atari-py', 'free-mujoco-py'})


def libraries(*names, path='/nowhere'):
    """(exit code, error) of install_libraries.sh as one who is not root, where dpkg-query knows nothing."""
    done = subprocess.run(['/bin/sh', str(ROOT / 'install_libraries.sh')] + list(names), env={'PATH': path},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return done.returncode, done.stderr


def commands(folder, **scripts):
    """A PATH that holds these shell scripts and grep."""
    for name, script in dict(scripts, grep='exec %s "$@"' % shutil.which('grep')).items():
        (folder / name).write_text('#!/bin/sh\n%s\n' % script)
        (folder / name).chmod(0o755)
    return str(folder)


INSTALLED = 'echo install ok installed'


def test_libraries_that_are_there_are_left_alone(tmp_path):
    path = commands(tmp_path, **{'dpkg-query': INSTALLED, 'apt-get': 'exit 1', 'id': 'echo 0'})
    assert libraries('libone', 'libtwo', path=path) == (0, '')


def test_missing_libraries_are_named_to_who_may_not_install_them(tmp_path):
    query = 'for name; do :; done; [ "$name" = libone ] && %s' % INSTALLED
    path = commands(tmp_path, **{'dpkg-query': query, 'apt-get': 'exit 1', 'id': 'echo 1000'})
    assert libraries('libone', 'libtwo', path=path) == (
        2, 'error: MuJoCo needs libtwo: sudo apt-get install libtwo\n')


def test_root_installs_missing_libraries_alone(tmp_path):
    log = tmp_path / 'log'
    path = commands(tmp_path, **{'dpkg-query': 'exit 1', 'apt-get': 'echo "$@" >> %s' % log, 'id': 'echo 0'})
    assert libraries('libone', path=path) == (0, '')
    assert log.read_text() == 'install -y --no-install-recommends libone\n'


def test_on_another_system_the_names_are_said(tmp_path):
    code, error = libraries('libone', path=commands(tmp_path))
    assert code == 0 and error.startswith('warning') and 'libone' in error


def test_ci_runs_the_command_of_the_readme():
    assert 'make test' in (ROOT / '.ci' / 'run').read_text()
    assert os.access(str(ROOT / '.ci' / 'run'), os.X_OK)
    readme = (ROOT / 'README.md').read_text()
    assert 'make demo' in readme and 'make test' in readme
