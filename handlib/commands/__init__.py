"""The commands of ``handlib``, a module per group; ``cli.py`` gives them their names.

A command is a function: its signature is what can be written on the command line, its docstring the help. It
imports what is slow in its body, so that ``handlib --help`` answers at once, and raises
:class:`handlib.utils.errors.InputError` for what the user can mend. To add one, write it here and name it in
``cli.py``.
"""
