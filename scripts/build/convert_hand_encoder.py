"""Extracts the encoder of MediaPipe's hand landmark network from its wheel: weights, licence, and a proof.

    python -m venv CONVERT && CONVERT/bin/pip install mediapipe==0.10.21 tflite safetensors
    CONVERT/bin/python scripts/build/convert_hand_encoder.py --out runs/hand_encoder

mediapipe needs another version of numpy than this project, so it gets its own environment. ``proof.npz``
holds the answers of the wheel's own interpreter to pictures made of waves (``waves``): 21 landmarks, which a
test also computes from the converted weights. The weights called ``tail`` are the layers between the
encoder's last map and the landmarks.
"""

import argparse
import importlib.metadata
import shutil
from collections.abc import Iterator
from pathlib import Path

import mediapipe
import numpy as np
import tflite
from google.protobuf import text_format
from mediapipe.calculators.core import split_vector_calculator_pb2  # noqa: F401  a graph's text names them
from mediapipe.calculators.tensor import (  # noqa: F401
    image_to_tensor_calculator_pb2,
    inference_calculator_pb2,
)
from mediapipe.framework import calculator_pb2
from mediapipe.python import packet_creator, packet_getter
from mediapipe.python._framework_bindings import calculator_graph, resource_util
from safetensors.numpy import save_file

NETWORK = "modules/hand_landmark/hand_landmark_full.tflite"
SIZE = 224
"""Side of the pictures that the network was trained on."""
NUM_BLOCKS = 15
ANSWERS = ("landmarks", "presence", "side")
GRAPH = f"""
input_stream: "image"
output_stream: "landmarks"
output_stream: "presence"
output_stream: "side"
node {{
  calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:picture"
  options: {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{
    output_tensor_width: {SIZE} output_tensor_height: {SIZE} keep_aspect_ratio: false
    output_tensor_float_range {{ min: 0.0 max: 1.0 }} }} }}
}}
node {{
  calculator: "InferenceCalculator" input_stream: "TENSORS:picture" output_stream: "TENSORS:answers"
  options: {{ [mediapipe.InferenceCalculatorOptions.ext] {{
    model_path: "mediapipe/{NETWORK}" delegate {{ xnnpack {{}} }} }} }}
}}
node {{
  calculator: "SplitTensorVectorCalculator" input_stream: "answers"
  output_stream: "first" output_stream: "second" output_stream: "third"
  options: {{ [mediapipe.SplitVectorCalculatorOptions.ext] {{
    ranges: {{ begin: 0 end: 1 }} ranges: {{ begin: 1 end: 2 }} ranges: {{ begin: 2 end: 3 }} }} }}
}}
node {{
  calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:first" output_stream: "FLOATS:landmarks"
}}
node {{
  calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:second" output_stream: "FLOATS:presence"
}}
node {{
  calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:third" output_stream: "FLOATS:side"
}}
"""


def waves(phase: float) -> np.ndarray:
    """Returns a picture that needs no file: waves of three colours."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    colours = np.sin(9 * x + 4 * y + phase), np.cos(7 * y - 3 * x + phase), np.sin(20 * x * y - phase)
    return np.rint(127.5 + 100 * np.stack(colours, axis=-1)).astype(np.uint8)


def answers(pictures: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the wheel's answers: landmarks (pictures, 63), presence and side (pictures, 1)."""
    resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
    graph = calculator_graph.CalculatorGraph(
        graph_config=text_format.Parse(GRAPH, calculator_pb2.CalculatorGraphConfig())
    )
    found: dict[str, list[list[float]]] = {name: [] for name in ANSWERS}
    for name, rows in found.items():
        graph.observe_output_stream(
            name, lambda _, packet, rows=rows: rows.append(packet_getter.get_float_list(packet))
        )
    graph.start_run()
    for number, picture in enumerate(pictures):
        frame = packet_creator.create_image_frame(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        graph.add_packet_to_input_stream("image", frame.at(number))
    graph.close_all_packet_sources()
    graph.wait_until_done()
    return {name: np.array(rows, dtype=np.float32) for name, rows in found.items()}


def layers(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields kind, weight (out, in, height, width or out, in) and bias of every layer, in half precision."""
    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    names = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
    stored: dict[int, int] = {}

    def array(tensor: int) -> np.ndarray:
        entry = graph.Tensors(stored.get(tensor, tensor))
        kind = {0: np.float32, 1: np.float16}[entry.Type()]
        data = model.Buffers(entry.Buffer()).DataAsNumpy()
        return np.frombuffer(data.tobytes(), kind).reshape(entry.ShapeAsNumpy()).astype(np.float16)

    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        kind = names[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
        inputs = operator.InputsAsNumpy().tolist()
        if kind == "DEQUANTIZE":
            stored[operator.Outputs(0)] = inputs[0]
        elif kind == "CONV_2D":
            yield kind, array(inputs[1]).transpose(0, 3, 1, 2), array(inputs[2])
        elif kind == "DEPTHWISE_CONV_2D":
            yield kind, array(inputs[1]).transpose(3, 0, 1, 2), array(inputs[2])
        elif kind == "FULLY_CONNECTED":
            yield kind, array(inputs[1]), array(inputs[2])


def named(path: Path) -> dict[str, np.ndarray]:
    """Returns the weights with the names of ``handlib.model.hand_backbone.HandBackbone``, and the tail's."""
    found = list(layers(path))
    names = ["stem", "blocks.0.around", "blocks.0.narrow"]
    names += [f"blocks.{k}.{part}" for k in range(1, NUM_BLOCKS) for part in ("widen", "around", "narrow")]
    names += ["tail.widen", "tail.around"]
    names += ["tail.side", "tail.presence", "tail.landmarks"]
    weights: dict[str, np.ndarray] = {}
    # The last layer, landmarks in metres, is left out.
    for name, (_, weight, bias) in zip(names, found[:-1], strict=True):
        weights[f"{name}.weight"] = np.ascontiguousarray(weight)
        weights[f"{name}.bias"] = np.ascontiguousarray(bias)
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    package = Path(mediapipe.__file__).parent
    save_file(named(package / NETWORK), out / "model.safetensors")
    phases = np.array([0.0, 1.5, 3.0])
    np.savez(out / "proof.npz", phases=phases, **answers([waves(phase) for phase in phases]))
    wheel = importlib.metadata.distribution("mediapipe")
    (licence,) = [file for file in wheel.files or () if file.name == "LICENSE"]
    shutil.copyfile(wheel.locate_file(licence), out / "LICENSE")
    (out / "NOTICE").write_text(
        "The weights in model.safetensors are those of hand_landmark_full.tflite in the package mediapipe\n"
        f"{wheel.version}, Copyright The MediaPipe Authors, under the Apache License 2.0 (see LICENSE).\n"
        "They were renamed and laid out anew; their values are unchanged.\n"
    )


if __name__ == "__main__":
    main()
