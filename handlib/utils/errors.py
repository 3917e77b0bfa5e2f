"""The errors that whoever calls can mend; everything else is a fault of this package."""


class InputError(ValueError):
    """Something given from outside can't be used; the message says what was expected.

    The command line shows the message alone, without a traceback.
    """


def in_one_line(error: Exception) -> str:
    """Returns an error's message; of an ``OSError`` the file and the reason, without its number."""
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(said.split())
