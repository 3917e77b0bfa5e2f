"""Turns trained runs of ``wild`` into the files that ship: weights, training history, numbers, a card.

    handlib data benchmark --out runs/two_hands --splits wild-test --sizes 224
    python scripts/build/ship_wild.py RUN ...
    python scripts/build/calibrate_confidence.py
    python scripts/build/ship_wild.py --measure
    python scripts/build/ship_wild.py --photographs FOLDER
    python scripts/build/measure_search.py --handless FOLDER ...
    python scripts/build/ship_wild.py --card

``--photographs`` is a folder of annotated photographs (``handlib.evaluation.photo_scores``). If it holds
MediaPipe's ``answers.json`` and ``answers-whole.json`` (``scripts/experiments/mediapipe_answers.py``), they
are scored too. Only numbers are kept.
"""

import argparse
import json
from pathlib import Path

import torch
from make_data_samples import update_manifest
from ship_checkpoint import TRAINING, constant_answer, history, write_history

from handlib.analysis.comparison import mean_interval, paired_difference
from handlib.commands.training import evaluate as evaluate_command
from handlib.data.shards import load_dataset
from handlib.evaluation.evaluate import COLUMNS, write_report
from handlib.evaluation.metrics import INTAG_MCP
from handlib.evaluation.photo_scores import THRESHOLDS, read_annotations, read_answers, report, score_folder
from handlib.evaluation.scores import format_table
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.photos.finder import finder
from handlib.training.run_folder import CHECKPOINT
from handlib.training.schedule import RANGES
from handlib.utils.files import write_between_marks, write_text
from handlib.utils.resources import networks_folder

NAME = "wild"
OUT = networks_folder() / NAME
CONFIDENCE = Path(__file__).resolve().parents[2] / "handlib" / "assets" / "confidence.json"
ORIGIN = (
    "trained by handlib train on rendered pairs of the open hand, from the encoder of MediaPipe's hand "
    "landmark network (mediapipe 0.10.21)"
)
LICENCE = "MIT; the encoder Apache-2.0, see handlib/assets/hand_encoder"
ROOT = Path(__file__).resolve().parents[2]
README, MEASUREMENTS_PAGE = ROOT / "README.md", ROOT / "docs" / "measurements.md"
KEPT = ("pck@0.1", "pck@0.2", "pck@0.5", "error", "swapped", "missing")


def ship(folders: list[Path], validation: Path) -> None:
    runs, curve = history(folders)
    for folder, run in zip(folders, runs, strict=True):
        run["steps_done"] = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=False)["step"]
    model = DIR(DIRConfig.wild())
    model.load_state_dict(DIR.from_pretrained(folders[-1]).state_dict())
    model.half().save_pretrained(OUT)
    write_history(OUT, model, runs, curve, load_dataset(validation))


def measure(benchmark: Path, validation: Path) -> None:
    """Writes the scores of ``wild``, and of a constant answer, on rendered pictures."""
    evaluate_command(NAME, split="wild-test", pairs=benchmark, json=OUT / "wild-test.json")
    test = load_dataset(benchmark / "wild-test-224")
    write_report(OUT / "constant.json", constant_answer(load_dataset(validation), test))


def measure_photographs(photographs: Path) -> None:
    """Writes the scores of ``wild``, ``small`` and MediaPipe on annotated photographs."""
    annotations = read_annotations(photographs)
    finders = {name: finder(DIR.from_pretrained(name).eval()) for name in (NAME, "small")}
    answers = {"boxes": photographs / "answers.json", "no boxes": photographs / "answers-whole.json"}
    scores: dict[str, dict] = {}
    for boxes in (True, False):
        way = "boxes" if boxes else "no boxes"
        asked = dict(finders)
        if answers[way].exists():
            asked["mediapipe"] = read_answers(answers[way])
        each = {name: score_folder(photographs, find, boxes) for name, find in asked.items()}
        scores[way] = {name: report(annotations, scored) for name, scored in each.items()}
        for place, most in enumerate(THRESHOLDS):
            found = {name: [score.pck[place] for score in scored.values()] for name, scored in each.items()}
            for name, shares in found.items():
                interval, kept = mean_interval(shares), scores[way][name]["all"]
                kept[f"pck@{most} interval"] = [max(0.0, interval.low), min(1.0, interval.high)]
                if name != NAME:
                    ahead = paired_difference(found[NAME], shares)
                    kept[f"pck@{most}: {NAME} ahead by"] = [ahead.mean, ahead.low, ahead.high]
    write_text(OUT / "photographs.json", json.dumps(scores, indent=1) + "\n")


def runs_told(runs: list[dict]) -> str:
    """Returns a line per run: its pairs, and how many of its steps it took."""
    lines = []
    for number, run in enumerate(runs, start=1):
        config, data = run["training"], run["data"]
        start = "from the hand network's encoder" if number == 1 else "with the weights so far"
        maps = f"; only the joint maps in the first {100 * config['maps_first']:.0f} % of the steps"
        lines.append(
            f"{number}. {start}, {data['count']} layered pairs (seed {data['seed']}): {run['steps_done']} of "
            f"{config['steps']} steps of {config['batch_size']} pairs, Muon (the encoder: AdamW at "
            f"{config['backbone_rate']:g} of its rate), learning rate {config['learning_rate']:g}"
            f"{maps if config['maps_first'] else ''}."
        )
    return "\n".join(lines)


def photographs_told() -> str:
    """Returns the table of scores on photographs."""
    scores = json.loads((OUT / "photographs.json").read_text())
    count = round(scores["boxes"][NAME]["all"]["pictures"])
    lines = [
        "| | PCK@0.1 | PCK@0.2 | PCK@0.5 | error | swapped | missing hands |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for way, rows in scores.items():
        for name, groups in rows.items():
            numbers = " | ".join(f"{groups['all'][key]:.2f}" for key in KEPT)
            lines.append(f"| {name}, {way} | {numbers} |")
    groups = [group for group in scores["boxes"][NAME] if group != "all"]
    lines += ["", "PCK@0.2 with boxes, by kind of picture:", "", f"| | {' | '.join(groups)} |"]
    lines.append(f"|---|{'---:|' * len(groups)}")
    for name, rows in scores["boxes"].items():
        numbers = " | ".join(f"{rows[group]['pck@0.2']:.2f}" for group in groups)
        lines.append(f"| {name} | {numbers} |")
    return f"""{count} photographs that people have annotated (`handlib eval-photos FOLDER`; they aren't
ours to pass on). None was trained on, and no weights were chosen by them; but the way in which hands are
searched, and views across a table, were worked out while looking at these pictures, so expect others to be
somewhat worse. PCK: share of joints within so many hand sizes; error: in hand sizes; swapped: pictures in
which left and right were exchanged. With so few pictures a share is uncertain by 0.1 and more.

{chr(10).join(lines)}

MediaPipe's hand landmarker was trained on photographs of hands and its answers were the annotations' starting
points, which favours it; a hand that it doesn't find counts as missed. `wild` starts from that landmarker's
encoder and has seen rendered pairs only since; which hands are there is told with the help of that
landmarker's network."""


def search_told() -> str:
    """Returns the table of the hands found in rendered pictures and in photographs without hands."""
    answers = json.loads((OUT / "search.json").read_text())["answers"]
    told = {
        "both hands": "both hands",
        "the right one": "just this hand",
        "the other side": "a hand of the other side",
        "one hand": "one of the two",
        "no hand": "no hand",
    }
    lines = [
        f"| the picture shows | pictures | {' | '.join(told.values())} |",
        f"|---|---:|{'---:|' * len(told)}",
    ]
    for shown, counts in answers.items():
        numbers = " | ".join(str(counts.get(name, 0)) for name in told)
        lines.append(f"| {shown} | {sum(counts.values())} | {numbers} |")
    return "\n".join(lines)


def what_to_expect() -> str:
    """Returns the README's words about what to expect on photographs."""
    scores = json.loads((OUT / "photographs.json").read_text())
    own, others = scores["boxes"][NAME], scores["boxes"]
    alone = scores["no boxes"][NAME]["all"]

    def share(rows: dict, group: str = "all") -> str:
        return f"{100 * rows[group]['pck@0.2']:.0f} %"

    views = ", ".join(
        f"{share(own, group)} {group.removeprefix('view: ').replace('_', ' ')}"
        for group in own
        if group.startswith("view")
    )
    mediapipe = others["mediapipe"]
    missing = 100 * mediapipe["all"]["missing"]
    low, high = own["all"]["pck@0.2 interval"]
    count = round(own["all"]["pictures"])
    return f"""**What to expect of a photograph.** On {count} photographs that people have annotated, `wild`
puts {share(own)} of the joints within a fifth of a hand's size when it is told where the hands are
({views}), {100 * alone["pck@0.2"]:.0f} % when it has to find them; left and right are exchanged in
{100 * own["all"]["swapped"]:.0f} % of the pictures. `small`, which has never seen a photograph, reaches
{share(others["small"])}, MediaPipe's hand landmarker, which was trained on photographs, {share(mediapipe)}
(it finds no second hand in {missing:.0f} % of the pictures). So few pictures leave `wild`'s share uncertain
(95 %: {100 * low:.0f} to {100 * high:.0f} %), and don't settle which of the two is better. How this was
measured stands on the [card of `wild`](../data_samples/checkpoints/wild/README.md)."""


def in_short() -> str:
    """Returns the line of README about photographs."""
    scores = json.loads((OUT / "photographs.json").read_text())
    own, alone = (scores[way][NAME]["all"] for way in ("boxes", "no boxes"))
    mediapipe = scores["no boxes"]["mediapipe"]["all"]
    low, high = alone["pck@0.2 interval"]
    return (
        f"- **Photographs:** `{NAME}` puts {100 * own['pck@0.2']:.0f} % of the joints of "
        f"{own['pictures']:.0f} annotated photographs within a fifth of a hand's size, "
        f"{100 * alone['pck@0.2']:.0f} % when it has to find the hands itself (95 %: {100 * low:.0f} to "
        f"{100 * high:.0f}). MediaPipe's hand landmarker has {100 * mediapipe['pck@0.2']:.0f} %; so few "
        "pictures don't settle which is better."
    )


def card() -> str:
    """Returns the model card."""
    training = json.loads((OUT / TRAINING).read_text())
    test = json.loads((OUT / "wild-test.json").read_text())
    constant = json.loads((OUT / "constant.json").read_text())["scores"]["initial"]["all"]
    confidence = json.loads(CONFIDENCE.read_text())["measured"]
    *_, final = test["scores"].values()
    parameters = sum(p.numel() for p in DIR.from_pretrained(OUT).parameters())
    size = training["network"]["image_size"]
    by_estimate = {name: rows["all"] for name, rows in test["scores"].items()}
    return f"""# {NAME}: a DIR for photographs, on an encoder that knows photographs of hands

DIR in the configuration `DIRConfig.wild()`: {parameters / 1e6:.1f} million parameters, {size} x {size}
pixels, weights kept in half precision. The answer to photographs: `handlib.reconstruct` takes it by default.

## Where it comes from

Its encoder began as the encoder of MediaPipe's hand landmark network (package `mediapipe` 0.10.21, Copyright
The MediaPipe Authors, Apache License 2.0: licence and notice in `handlib/assets/hand_encoder`), which its
authors trained on photographs of hands. So this network is **not** trained on rendered pairs alone, as
`small` is. The encoder's first third is unchanged; all else was trained here, on rendered pairs. Licence of
the rest: MIT.

`handlib.reconstruct` asks that hand landmark network, whole and unchanged, for a second opinion on every hand
that `wild` has located: is this a hand? Presence and confidence take it into account
(`handlib/photos/hand_network.py`).

## Training

{runs_told(training["runs"])}

Every picture is composed anew and comes with its mirror image. The first run's pairs were rendered before the
world had views across a table. 2500 of them were rendered again for the second run, 8750 for most of the
third run and for the later ones. The first three runs saw 192 pixels, the later ones {size}. From the fifth
run on, {100 * RANGES.upright:.0f} % of the pictures were turned so that the hands point up.

It looks at a picture three times. The joint maps of the first look tell in which direction the hands point.
Then the picture is turned so that they point up, and looked at again, also in the mirror
(`DIRConfig.upright`, `DIRConfig.mirror`). The joint maps of all three looks are averaged.

{training["curve"][-1]["hours"]:.1f} hours on two cores of a CPU, and the rendering before it.
All settings and the curve are in `training.json`; the dashed lines are what a constant answer scores.

![Curve](curve.png)

## Measured on rendered pictures

What `handlib eval --checkpoint {NAME} --split wild-test` prints, {test["count"]} pictures. A constant answer
has an MPJPE of {constant["mpjpe"]:.1f} mm and a PA-MPJPE of {constant["pa_mpjpe"]:.1f} mm.
{test.get("remark", "")}

{format_table(by_estimate, INTAG_MCP, COLUMNS)}

The last estimate by how near the hands are:

{format_table(final, INTAG_MCP, ["samples", *COLUMNS])}

Confidence, on {confidence["hands"]} hands in squares around two hands, one or none: the network calls
{100 * confidence["absent_hands_told_absent"]:.0f} % of the missing hands missing and
{100 * confidence["present_hands_told_present"]:.0f} % of the others present. It says
"just this hand" of {100 * confidence["one_hand_told_so"]:.0f} % of the squares with one hand, and "no hand"
of {100 * confidence["no_hand_told_so"]:.0f} % of those without. Confidence differs from the share of hands
that were found by {100 * confidence["mean_difference"]:.0f} % on average
(`scripts/build/calibrate_confidence.py`).

When `handlib.reconstruct` has to search larger pictures for hands, it is right less often. What it answers
(`scripts/build/measure_search.py`):

{search_told()}

## Measured on photographs

{photographs_told()}

## Limits

Hands that are small in the picture or seen from unusual sides are often wrong, and left and right can be
exchanged where somebody faces the camera. A single hand is sometimes taken for two at one place. Fingers that
interlock are placed badly in photographs. Gloves, tattoos and children's hands weren't in its
world.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Ship the network wild.")
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--benchmark", type=Path, default=Path("runs/two_hands"))
    parser.add_argument("--validation", type=Path, default=Path("runs/wild/val-224"))
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--card", action="store_true")
    options = parser.parse_args()
    if options.measure:
        measure(options.benchmark, options.validation)
    elif options.photographs:
        measure_photographs(options.photographs)
    elif options.card:
        write_text(OUT / "README.md", card())
        write_between_marks(MEASUREMENTS_PAGE, "ship_wild.py", what_to_expect())
        write_between_marks(README, "ship_wild.py", in_short())
        shipped = sorted(path for path in OUT.iterdir() if path.is_file())
        folder = networks_folder()
        update_manifest(folder.parent, shipped, (f"{folder.name}/{NAME}/",), ORIGIN, LICENCE)
    else:
        ship(options.runs, options.validation)


if __name__ == "__main__":
    main()
