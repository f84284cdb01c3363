"""python -m gas_tf.data NAME ...: finds or downloads data sets, so that later runs need no network."""

import argparse
import logging
import sys

from gas_tf.data.dataset import load
from gas_tf.data.sources import SOURCES
from runs.errors import UserError


def main(arguments=None):
    """The command; returns its exit code: 0, or 2 after one line on stderr."""
    parser = argparse.ArgumentParser(prog='python -m gas_tf.data', description=__doc__.split(': ')[1])
    parser.add_argument('names', nargs='+', choices=sorted(SOURCES), metavar='NAME',
                        help='one of: %s' % ', '.join(sorted(SOURCES)))
    parser.add_argument('--data-dir', help='where they may be already')
    given = parser.parse_args(arguments)
    logging.basicConfig(format='%(message)s', level=logging.INFO)
    try:
        for name in given.names:
            dataset = load(name, given.data_dir)
            print('%s: %d training and %d test images' % (
                name, len(dataset.train_labels), len(dataset.test_labels)))
    except UserError as error:
        print('error: %s' % error, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
