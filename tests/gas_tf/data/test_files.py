"""The search order, and the md5 of whatever is found."""

import hashlib
import logging
import os
import pathlib
from dataclasses import replace

import pytest

from gas_tf.data import files
from gas_tf.data.errors import DataError
from gas_tf.data.sources import FASHION, MNIST, OfficialFile
from local_mirror import local_mirror


def body(file):
    return b'the bytes of ' + file.name.encode()


def official(file):
    return OfficialFile(file.name, len(body(file)), hashlib.md5(body(file)).hexdigest())


SOURCE = replace(MNIST, train_images=official(MNIST.train_images), train_labels=official(MNIST.train_labels),
                 test_images=official(MNIST.test_images), test_labels=official(MNIST.test_labels))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty world: every place of the search order lies in tmp_path."""
    monkeypatch.setattr(files, '_root', str(tmp_path / 'repository'))
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    monkeypatch.delenv('GAS_DATA', raising=False)
    for folder in ('repository', 'work/here'):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / 'work' / 'here')
    return tmp_path


def fill(folder, chosen=SOURCE.files):
    (folder / SOURCE.name).mkdir(parents=True)
    for file in chosen:
        (folder / SOURCE.name / file.name).write_bytes(body(file))


def folders(paths):
    return {name: pathlib.Path(os.path.abspath(path)).parent.parent for name, path in paths.items()}


def test_each_place_is_used_and_comes_before_the_next(place, monkeypatch):
    order = [place / 'given', place / 'environment', place / 'work/here/data', place / 'repository/data',
             place / 'work/shared/data', place / 'shared/data', place / 'home/.cache/gas_tf']
    monkeypatch.setenv('GAS_DATA', str(place / 'environment'))
    assert [pathlib.Path(os.path.abspath(path)) for _, path in files.places(str(place / 'given'))] == order
    for folder in reversed(order):
        fill(folder)
        found = folders(files.locate(SOURCE, str(place / 'given'), download=False))
        assert found == dict.fromkeys([file.name for file in SOURCE.files], folder)


def test_working_in_the_repository_searches_it_once(place, monkeypatch):
    monkeypatch.chdir(place / 'repository')
    assert [path for _, path in files.places()] == [
        'data', os.path.join('..', 'shared', 'data'), str(place / 'home/.cache/gas_tf')]


def test_explicit_folder_without_the_files_is_named_and_passed_over(place, caplog):
    fill(place / 'given', SOURCE.files[:1])
    fill(place / 'work/here/data')
    with caplog.at_level(logging.WARNING):
        found = folders(files.locate(SOURCE, str(place / 'given'), download=False))
    assert found[SOURCE.files[0].name] == place / 'given'
    assert found[SOURCE.files[1].name] == place / 'work/here/data'
    warning, = caplog.messages
    assert str(place / 'given') in warning and SOURCE.files[1].name in warning
    assert SOURCE.files[0].name not in warning


def test_wrong_md5_stops(place):
    fill(place / 'given')
    fill(place / 'work/here/data')
    spoilt = place / 'given/mnist' / SOURCE.test_labels.name
    spoilt.write_bytes(b'something else')
    with pytest.raises(DataError) as caught:
        files.locate(SOURCE, str(place / 'given'))
    message = str(caught.value)
    for part in (str(spoilt), hashlib.md5(b'something else').hexdigest(), SOURCE.test_labels.md5, 'delete it'):
        assert part in message


def test_missing_everywhere_without_download(place):
    with pytest.raises(DataError) as caught:
        files.locate(SOURCE, download=False)
    message = str(caught.value)
    assert 'data/mnist' in message and str(place / 'home/.cache/gas_tf/mnist') in message and '\n' not in message


def test_missing_files_alone_are_downloaded_into_the_cache(place):
    fill(place / 'work/here/data', SOURCE.files[:2])
    with local_mirror() as mirror:
        mirror.bodies.update({file.name: body(file) for file in SOURCE.files})
        found = folders(files.locate(SOURCE, mirrors=[mirror.url('missing'), mirror.url('whole')]))
        assert mirror.requests == ['missing', 'whole'] * 2
    cache = place / 'home/.cache/gas_tf'
    assert [found[file.name] for file in SOURCE.files] == [place / 'work/here/data'] * 2 + [cache] * 2
    assert sorted(path.name for path in (cache / 'mnist').iterdir()) == sorted(file.name for file in SOURCE.files[2:])
    assert folders(files.locate(SOURCE, download=False)) == found


def test_failed_download_says_where_to_put_the_file(place):
    with local_mirror() as mirror, pytest.raises(DataError) as caught:
        mirror.bodies.update({file.name: body(file) for file in SOURCE.files})
        files.locate(SOURCE, mirrors=[mirror.url('stalled')], stall_seconds=0.2)
    message = str(caught.value)
    assert 'stalled for 0.2 s' in message and '--data-dir' in message
    assert str(place / 'home/.cache/gas_tf/mnist' / SOURCE.files[0].name) in message


def test_official_tables_are_complete():
    for source in (MNIST, FASHION):
        assert [file.name for file in source.files] == [
            'train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz',
            't10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz']
        assert len(source.mirrors) >= 2 and all(mirror.endswith('/') for mirror in source.mirrors)
    assert len({file.md5 for source in (MNIST, FASHION) for file in source.files}) == 8
