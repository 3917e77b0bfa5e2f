"""``handlib export``: networks for other programs."""

from pathlib import Path

from handlib.utils.resources import DEFAULT_NETWORK


def onnx(out: Path, checkpoint: str = DEFAULT_NETWORK) -> None:
    """Write a network as an ONNX file; its metadata describe inputs and outputs. Takes a minute or two.

    Args:
        out: file to write, such as small.onnx; its folder is made if missing.
        checkpoint: a network that ships (handlib models), a folder that holds one, or hf://OWNER/NAME.
    """
    from handlib.deploy.onnx import export_onnx, outputs_of
    from handlib.model.network import DIR

    network = DIR.from_pretrained(checkpoint)
    export_onnx(network, out)
    print(f"{out}: {', '.join(outputs_of(network.config))}")
