"""``handlib export``: networks for other programs."""

from pathlib import Path

from handlib.utils.resources import DEFAULT_NETWORK


def onnx(out: Path, checkpoint: str = DEFAULT_NETWORK) -> None:
    """Write a network as an ONNX file, whose metadata say what goes in and out; takes a minute or two.

    Args:
        out: file to write, small.onnx say; its folder is made if missing.
        checkpoint: a network that ships (handlib models), a folder that holds one, or hf://OWNER/NAME.
    """
    from handlib.deploy.onnx import OUTPUTS, export_onnx
    from handlib.model.network import DIR

    export_onnx(DIR.from_pretrained(checkpoint), out)
    print(f"{out}: {', '.join(OUTPUTS)}")
