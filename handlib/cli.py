"""The command line (``handlib --help``): the names of all commands, and how errors are reported."""

import difflib
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tyro.conf import DisallowNone
from tyro.extras import SubcommandApp

from handlib.commands import claims, data, doctor, export, hand, models, photographs, training
from handlib.utils.errors import InputError, in_one_line

Command = Callable[..., None]


@dataclass(frozen=True)
class Group:
    """Several commands under one name."""

    about: str
    commands: Mapping[str, Command]


COMMANDS: Mapping[str, Command | Group] = {
    "reconstruct": photographs.reconstruct,
    "video": photographs.video,
    "models": models.models,
    "doctor": doctor.doctor,
    "hand": Group("The hand model as files.", {"export": hand.export}),
    "data": Group(
        "Pairs of hands with exact truth.",
        {
            "make": data.make,
            "layers": data.layers,
            "benchmark": data.benchmark,
            "interhand": data.interhand,
            "intaghand": data.intaghand,
        },
    ),
    "train": training.train,
    "eval": training.evaluate,
    "eval-photos": photographs.eval_photos,
    "ablate": training.ablate,
    "claims": claims.claims,
    "export": Group("Networks for other programs.", {"onnx": export.onnx}),
}


def app_of(commands: Mapping[str, Command | Group]) -> SubcommandApp:
    """Returns a parser for the commands."""
    app = SubcommandApp()
    for name, command in commands.items():
        if isinstance(command, Group):
            app.command(app_of(command.commands), name=name, help=command.about)
        else:
            app.command(name=name)(command)
    return app


def check_command(arguments: Sequence[str], commands: Mapping[str, Command | Group] = COMMANDS) -> None:
    """Raises an :class:`InputError` for an unknown command; the error names the most similar command."""
    if not arguments or arguments[0].startswith("-"):
        return
    name, *rest = arguments
    if name not in commands:
        close = difflib.get_close_matches(name, commands, n=1)
        meant = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(commands)}"
        raise InputError(f"{name}: no such command; {meant}")
    if isinstance(command := commands[name], Group):
        check_command(rest, command.commands)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command. Errors that the user can mend are one line on stderr, with exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        # Not every terminal can print every file name.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if list(arguments) == ["--version"]:
        import handlib

        print(f"handlib {handlib.__version__}")
        return
    try:
        check_command(arguments)
        about = "Two interacting hands from one picture. handlib --version prints the version."
        app_of(COMMANDS).cli(prog="handlib", description=about, args=arguments, config=(DisallowNone,))
    except (InputError, OSError) as error:
        print(f"handlib: {in_one_line(error)}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
