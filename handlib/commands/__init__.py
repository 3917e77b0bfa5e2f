"""The commands of ``handlib``, one module per group; ``cli.py`` gives the commands their names.

A command is a function. Its signature defines the options, its docstring is the help. Slow imports stand in
the function's body, so that ``handlib --help`` answers at once. A command raises
:class:`handlib.utils.errors.InputError` for errors that the user can mend. To add a command, write it here
and name it in ``cli.py``.
"""
