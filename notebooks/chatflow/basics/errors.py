"""What can go wrong for a user of the launcher: each error is one sentence that says what to do."""


class LaunchError(Exception):
    """A stage did not start. The message ends with the last lines of its log."""

    exit_code = 1


class UsageError(LaunchError):
    """What was asked for cannot be: an unknown stage, a port in use, options that do not fit."""

    exit_code = 2


class MissingError(LaunchError):
    """Something that has to be on the machine is not: Redis, say."""

    exit_code = 3
