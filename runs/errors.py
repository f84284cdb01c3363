"""The one kind of error that is shown to a user without a traceback."""


class UserError(Exception):
    """A user's mistake, or a condition that only the user can mend.

    The message is one line. A command prints it on stderr and exits with
    status 2; every other exception is a defect and keeps its traceback.
    """


class Diverged(UserError):
    """A run's numbers are not finite any more; other runs may go on."""
