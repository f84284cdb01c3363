"""What an environment shows and what it takes."""

from collections import namedtuple

#: kind: 'categorical' or 'gaussian'; size: number of actions, or of their numbers.
Actions = namedtuple('Actions', 'kind size')

#: shape, dtype: of one observation; actions: `Actions`.
Spaces = namedtuple('Spaces', 'shape dtype actions')
