"""The official files of each data set: names, sizes, md5s, mirrors, normalisation."""

from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class OfficialFile:
    """A file as its authors publish it: `size` in bytes, `md5` of the .gz itself."""

    name: str
    size: int
    md5: str


@dataclass(frozen=True)
class Source:
    """A data set of IDX files.

    `name` is also the folder that holds the files. `mirrors` are URL prefixes,
    tried in order. `mean` and `std` are of the training pixels scaled to 0..1.
    """

    name: str
    train_images: OfficialFile
    train_labels: OfficialFile
    test_images: OfficialFile
    test_labels: OfficialFile
    mirrors: Tuple[str, ...]
    classes: int
    mean: float
    std: float

    @property
    def files(self):
        """The four files, in the order in which they are read."""
        return self.train_images, self.train_labels, self.test_images, self.test_labels


MNIST = Source(
    name='mnist',
    train_images=OfficialFile('train-images-idx3-ubyte.gz', 9912422, 'f68b3c2dcbeaaa9fbdd348bbdeb94873'),
    train_labels=OfficialFile('train-labels-idx1-ubyte.gz', 28881, 'd53e105ee54ea40749a09fcbcd1e9432'),
    test_images=OfficialFile('t10k-images-idx3-ubyte.gz', 1648877, '9fb629c4189551a2d022fa330f9573f3'),
    test_labels=OfficialFile('t10k-labels-idx1-ubyte.gz', 4542, 'ec29112dd5afa0611ce80d1b7f02629c'),
    mirrors=(
        'https://ossci-datasets.s3.amazonaws.com/mnist/',
        'https://storage.googleapis.com/cvdf-datasets/mnist/',
    ),
    classes=10,
    mean=0.1307,  # customary for MNIST, and DAFL's: mean of the 28x28 training pixels
    std=0.3081,
)

FASHION = Source(
    name='fashion',
    train_images=OfficialFile('train-images-idx3-ubyte.gz', 26421880, '8d4fb7e6c68d591d4c3dfef9ec88bf0d'),
    train_labels=OfficialFile('train-labels-idx1-ubyte.gz', 29515, '25c81989df183df01b3e8a0aad5dffbe'),
    test_images=OfficialFile('t10k-images-idx3-ubyte.gz', 4422102, 'bef4ecab320f06d8554ea6380940ec79'),
    test_labels=OfficialFile('t10k-labels-idx1-ubyte.gz', 5148, 'bb300cfdad3c16e7a12a480ee83cd310'),
    mirrors=(
        'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
        'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
    ),
    classes=10,
    mean=0.2860,  # customary for Fashion-MNIST: mean of the 28x28 training pixels
    std=0.3530,
)

SOURCES = {source.name: source for source in (MNIST, FASHION)}
