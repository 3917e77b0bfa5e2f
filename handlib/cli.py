"""The command line, ``handlib --help``. What is slow to import is imported by the command that needs it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg
from tyro.extras import SubcommandApp

from handlib.errors import InputError

if TYPE_CHECKING:
    from handlib.network import DIR

app = SubcommandApp()
hand = SubcommandApp()
data = SubcommandApp()
app.command(hand, name="hand", help="The hand model as files.")
app.command(data, name="data", help="Pairs of hands with exact truth.")


@hand.command
def export(out: Path) -> None:
    """Write the open hand as MANO_LEFT.pkl and MANO_RIGHT.pkl, for programs that read MANO.

    It has MANO's format, not its values: MANO's coefficients mean something else on it.

    Args:
        out: folder to write to; made if missing.
    """
    from handlib.mano_file import export_open_hand

    export_open_hand(out)
    print(f"{out}: the open hand in the MANO format")


@data.command
def make(
    out: Path,
    split: Literal["train", "test"] = "train",
    count: int = 1000,
    size: int = 128,
    seed: int = 0,
    world: Literal["desk", "studio"] = "desk",
    workers: int = 1,
) -> None:
    """Render pairs of hands with their exact truth.

    Args:
        out: folder to write to; a run that was cut short is carried on.
        split: which half of the world the pairs come from; train and test share nothing.
        count: how many pairs.
        size: side of the square pictures in pixels.
        seed: the same seed gives the same pairs.
        world: how varied they are.
        workers: processes that render at once.
    """
    from handlib.data.synthetic import make_dataset

    make_dataset(out, split=split, count=count, size=size, seed=seed, world=world, workers=workers)


@app.command
def reconstruct(
    picture: Annotated[Positional[Path], arg(metavar="PICTURE")],
    out: Path,
    box: Annotated[str | None, arg(metavar="X,Y,W,H")] = None,
    checkpoint: str = "small",
) -> None:
    """Reconstruct the two hands of a photograph: overlay.png, left.glb, right.glb, result.json.

    Args:
        picture: a JPEG, PNG or WebP file.
        out: folder to write to; made if missing.
        box: where the hands are, in pixels: left, top, width, height. Left out, the network looks for them.
        checkpoint: a network that ships with the package, or a folder or hub name that holds one.
    """
    from handlib.data.photo import parse_box, read_picture
    from handlib.reconstruct import FILES, reconstruct, write_results
    from handlib.skeleton import SIDES

    image = read_picture(picture)
    wanted = parse_box(box) if box else None
    model = load_checkpoint(checkpoint)
    result = reconstruct(model, image, wanted)
    write_results(result, image, model, checkpoint, out)
    print(f"box: {result.box} ({result.origin})")
    for side, confidence in zip(SIDES, result.confidence.tolist(), strict=True):
        print(f"{side} hand: confidence {confidence:.2f}" if confidence else f"{side} hand: not seen")
    print(f"{out}: {', '.join(FILES)}")


def load_checkpoint(name: str) -> "DIR":
    """A network that ships, or one from a folder or the hub; what can't be loaded is an ``InputError``."""
    from handlib.network import DIR, SHIPPED

    shipped = sorted(path.name for path in SHIPPED.glob("*/"))
    if name not in shipped and "/" not in name and not Path(name).is_dir():
        known = f"one of {', '.join(shipped)}, " if shipped else ""
        raise InputError(f"checkpoint: expected {known}a folder, or owner/name on the hub, got {name!r}")
    try:
        return DIR.from_pretrained(name)
    except Exception as error:  # Files from outside make the loaders raise almost anything.
        raise InputError(f"checkpoint {name}: can't be loaded: {error}") from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command. What the user can mend is told in one line on stderr, with exit code 2."""
    try:
        app.cli(prog="handlib", description="Two interacting hands from one picture.", args=arguments)
    except (InputError, OSError) as error:
        print(f"handlib: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
