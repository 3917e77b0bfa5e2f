"""``handlib export``: networks for other programs."""

from pathlib import Path

from handlib.commands.common import load_checkpoint


def onnx(out: Path, checkpoint: str = "small") -> None:
    """Write a network as an ONNX file, whose metadata say what goes in and out; takes a minute or two.

    Args:
        out: file to write, small.onnx say; its folder is made if missing.
        checkpoint: a network that ships with the package, or a folder or hub name that holds one.
    """
    from handlib.deploy.onnx import OUTPUTS, export_onnx

    export_onnx(load_checkpoint(checkpoint), out)
    print(f"{out}: {', '.join(OUTPUTS)}")
