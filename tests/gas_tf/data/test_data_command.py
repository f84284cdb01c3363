"""python -m gas_tf.data: data sets ahead of time."""

import hashlib

import pytest

from gas_tf.data import __main__ as command
from gas_tf.data import files
from gas_tf.data.errors import DataError
from gas_tf.data.sources import MNIST


@pytest.fixture
def present(monkeypatch):
    """MNIST's files where they are found without a network."""
    monkeypatch.setattr(files.downloads, 'fetch', lambda *_, **__: pytest.skip('MNIST is not here'))
    return files.locate(MNIST)


def test_a_copy_is_whole_and_is_found_by_a_run(present, tmp_path, capsys):
    for _ in range(2):  # again: onto itself
        assert command.main(['mnist', '--data-dir', str(tmp_path / 'data'), '--to', str(tmp_path / 'data')]) == 0
    assert capsys.readouterr().out.splitlines() == ['mnist: 60000 training and 10000 test images'] * 2
    assert sorted(path.name for path in (tmp_path / 'data' / 'mnist').iterdir()) == sorted(present)
    for file in MNIST.files:
        copied = (tmp_path / 'data' / 'mnist' / file.name).read_bytes()
        assert hashlib.md5(copied).hexdigest() == file.md5
    assert set(files.locate(MNIST, str(tmp_path / 'data'), download=False).values()) == {
        str(tmp_path / 'data' / 'mnist' / file.name) for file in MNIST.files}


def test_a_folder_that_cannot_be_written_is_one_line(present, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    assert command.main(['mnist', '--to', str(tmp_path / 'file')]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: %s' % (tmp_path / 'file')) and error.count('\n') == 1


def test_a_copy_that_breaks_off_leaves_no_file_of_that_name(tmp_path):
    (tmp_path / 'first').write_bytes(b'1')
    with pytest.raises(DataError):
        command.copy({'a': str(tmp_path / 'first'), 'b': str(tmp_path / 'nowhere')}, str(tmp_path / 'to'))
    assert [path.name for path in (tmp_path / 'to').iterdir()] == ['a']


def test_an_unknown_name_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(['mnits'])
    assert stopped.value.code == 2 and 'mnist' in capsys.readouterr().err
