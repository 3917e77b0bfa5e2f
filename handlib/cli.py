"""The command line, ``handlib --help``: the names of all commands, and how they fail."""

import sys
from collections.abc import Sequence

from tyro.extras import SubcommandApp

from handlib.commands import data, doctor, export, hand, photographs, training
from handlib.utils.errors import InputError, in_one_line

hands = SubcommandApp()
hands.command(hand.export)

pairs = SubcommandApp()
pairs.command(data.make)
pairs.command(data.benchmark)
pairs.command(data.interhand)
pairs.command(data.intaghand)

exports = SubcommandApp()
exports.command(export.onnx)

app = SubcommandApp()
app.command(hands, name="hand", help="The hand model as files.")
app.command(pairs, name="data", help="Pairs of hands with exact truth.")
app.command(photographs.reconstruct)
app.command(photographs.video)
app.command(doctor.doctor)
app.command(training.train)
app.command(training.evaluate, name="eval")  # type: ignore[call-overload]
app.command(training.ablate)
app.command(exports, name="export", help="Networks for other programs.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command. What the user can mend is told in one line on stderr, with exit code 2."""
    try:
        app.cli(prog="handlib", description="Two interacting hands from one picture.", args=arguments)
    except (InputError, OSError) as error:
        print(f"handlib: {in_one_line(error)}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
