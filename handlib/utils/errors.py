"""The errors that whoever calls can mend; everything else is a fault of this package."""


class InputError(ValueError):
    """Something given from outside can't be used; the message says what was expected.

    The command line shows the message alone, without a traceback.
    """
