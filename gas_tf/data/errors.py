"""The error of this package."""

from runs.errors import UserError


class DataError(UserError):
    """A data file is missing, damaged or unreachable; the one-line message names it."""
