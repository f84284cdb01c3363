"""python -m gas_tf.data NAME ...: finds or downloads data sets, so that later runs need no network."""

import argparse
import os
import shutil
import sys

from gas_tf.data.dataset import load
from gas_tf.data.errors import DataError
from gas_tf.data.files import locate
from gas_tf.data.sources import SOURCES
from runs.command import guarded


def main(arguments=None):
    """The command; returns its exit code, see `runs.command.guarded`."""
    parser = argparse.ArgumentParser(prog='python -m gas_tf.data', description=__doc__.split(': ')[1])
    parser.add_argument('names', nargs='+', choices=sorted(SOURCES), metavar='NAME',
                        help='one of: %s' % ', '.join(sorted(SOURCES)))
    parser.add_argument('--data-dir', help='where they may be already')
    parser.add_argument('--to', help='folder that gets a copy: ./data is one where runs look')
    given = parser.parse_args(arguments)
    return guarded(lambda: _fetch(given))


def _fetch(given):
    for name in given.names:
        dataset = load(name, given.data_dir)
        print('%s: %d training and %d test images' % (
            name, len(dataset.train_labels), len(dataset.test_labels)))
        if given.to:
            copy(locate(SOURCES[name], given.data_dir), os.path.join(given.to, name))
    return 0


def copy(files, folder):
    """Copies {file name: path} into `folder`; each file appears whole or not at all."""
    try:
        os.makedirs(folder, exist_ok=True)
        for name, path in files.items():
            target = os.path.join(folder, name)
            if not (os.path.exists(target) and os.path.samefile(path, target)):
                shutil.copyfile(path, target + '.part')
                os.replace(target + '.part', target)
    except OSError as error:
        raise DataError('%s: cannot be written (%s)' % (folder, error.strerror)) from error


if __name__ == '__main__':
    sys.exit(main())
