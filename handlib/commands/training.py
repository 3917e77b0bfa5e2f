"""``handlib train``, ``eval`` and ``ablate``: train, measure and compare networks."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from handlib.commands.common import mano_hands, progress, use_threads
from handlib.commands.options import changes
from handlib.data.config import Augmentation
from handlib.data.rendered.names import PartName, WorldName
from handlib.model.config import DIRConfig
from handlib.training.config import RECIPES, LossWeights, Recipe, RecipeName, TrainConfig
from handlib.utils.arguments import check_at_least
from handlib.utils.errors import InputError

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy

    from handlib.data.sample import Sample
    from handlib.model.network import DIR


@dataclass(frozen=True)
class Machine:
    """The hardware that a training runs on. A run may resume on other hardware.

    Args:
        accelerator: kind of device: cpu, cuda or mps; auto takes a GPU if there is one.
        devices: number of devices on each machine.
        num_nodes: number of machines.
        precision: arithmetic. If not given: bf16-mixed where the device is quick at it, else 32-true.
        threads: CPU threads to compute with; 0 leaves the choice to torch.
        workers: processes per device that prepare pictures; 0 prepares them between the steps.
    """

    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    precision: Literal["32-true", "bf16-mixed"] | None = None
    threads: int = 0
    workers: int = 0

    def strategy(self) -> "str | DDPStrategy":
        """Returns how processes work together. Not every step uses every weight (``maps_first``)."""
        from lightning_fabric.strategies import DDPStrategy

        return DDPStrategy(find_unused_parameters=True) if self.devices * self.num_nodes > 1 else "auto"

    def fabric(self) -> "Fabric":
        """Returns Lightning Fabric on these devices; an ``InputError`` if there are no such devices."""
        from lightning_fabric import Fabric

        from handlib.training.precision import training_precision

        for name, least in (("devices", 1), ("num_nodes", 1), ("workers", 0)):
            check_at_least(name, getattr(self, name), least)
        use_threads(self.threads)
        try:
            return Fabric(
                accelerator=self.accelerator,
                devices=self.devices,
                num_nodes=self.num_nodes,
                precision=self.precision or training_precision(self.accelerator),
                strategy=self.strategy(),
            )
        except (RuntimeError, ValueError) as error:
            raise InputError(f"accelerator {self.accelerator}, {self.devices} devices: {error}") from error


def _of(part: str) -> dict[str, Any]:
    return {name: getattr(recipe, part) for name, recipe in RECIPES.items()}


Unnamed = tyro.conf.arg(name="")


def train(
    data: Path,
    out: Path,
    network: RecipeName = "small",
    validation: Path | None = None,
    start_from: Path | None = None,
    photographs: Annotated[tuple[Path, ...], tyro.conf.arg(help_behavior_hint="")] = (),
    mano: Path | None = None,
    machine: Annotated[Machine, Unnamed] = Machine(),
    training: Annotated[dict[str, Any], Unnamed, changes(TrainConfig, _of("training"))] = {},  # noqa: B006
    model: Annotated[dict[str, Any], Unnamed, changes(DIRConfig, _of("network"))] = {},  # noqa: B006
    losses: Annotated[dict[str, Any], changes(LossWeights, _of("losses"))] = {},  # noqa: B006
    augmentation: Annotated[dict[str, Any], changes(Augmentation, _of("augmentation"))] = {},  # noqa: B006
) -> None:
    """Train a network on pairs that 'handlib data' has written. Interrupted? Run it again; it resumes.

    Args:
        data: folder of training pairs. Pictures must have the network's size; layers may be larger.
        out: folder for the checkpoint, the log and, at the end, the network.
        network: recipe to start from; every option below changes one number of it.
            small: two CPU cores can train it. wild: for photographs, from layered pairs.
            released: the authors' own, for GPUs.
        validation: folder of pairs; the network is measured on them from time to time.
        start_from: folder of a trained network; training starts from its weights.
        photographs: pictures without hands, or folders of them, as backgrounds for layered pairs.
        mano: folder of the MANO files that the real pairs were read with; the open hand if not given.
    """
    from handlib.data.rendered.photo_backgrounds import open_photographs
    from handlib.training.loop import train

    recipe = RECIPES[network]
    recipe = Recipe(
        _changed_network(recipe.network, model),
        replace(recipe.training, **training),
        replace(recipe.losses, **losses),
        replace(recipe.augmentation, **augmentation),
    )
    if recipe.training.pretrained and recipe.network.backbone_channels:
        raise InputError("pretrained: these weights are for timm's own widths; name one with --backbone")
    train(
        data,
        out,
        recipe.network,
        recipe.training,
        recipe.losses,
        recipe.augmentation,
        validation=validation,
        start_from=start_from,
        fabric=machine.fabric(),
        workers=machine.workers,
        hands=mano_hands(mano, recipe.network.tips) if mano else None,
        photographs=open_photographs(photographs) if photographs else None,
    )


def _changed_network(config: DIRConfig, model: dict[str, Any]) -> DIRConfig:
    """Returns the network with some fields changed. Another backbone has timm's own sizes."""
    import timm

    if "backbone" in model and model["backbone"] != config.backbone:
        if not timm.is_model(model["backbone"]):
            raise InputError(f"backbone: expected the name of a timm model, got {model['backbone']!r}")
        own = dict.fromkeys(("backbone_layers", "backbone_channels", "backbone_stem_width"))
        model = own | model
    return replace(config, **model)


def evaluate(
    checkpoint: str = "small",
    split: PartName | None = None,
    pairs: Path = Path("runs/two_hands"),
    count: int = 500,
    seed: int = 7,
    world: WorldName = "desk",
    protocol: Literal["INTAG_MCP", "INTAG_WRIST", "INTERNET"] = "INTAG_MCP",
    json: Path | None = None,
    mano: Path | None = None,
) -> None:
    """Measure a network on the benchmark or on fresh pairs; prints errors for each stage and stratum.

    Args:
        checkpoint: a network that ships (handlib models), a folder that holds one, or hf://OWNER/NAME.
        split: measure on all pairs of this benchmark split; if not given, fresh pairs are rendered.
        pairs: folder that 'handlib data benchmark', or another command of 'data', has written to.
        count: number of fresh pairs.
        seed: random seed of the fresh pairs.
        world: how varied the fresh pairs are; the -full worlds have interlocked hands too.
        protocol: how errors are measured.
        json: file to write all numbers to; its folder is made if missing.
        mano: folder of the MANO files that the network was trained with; the open hand if not given.
    """
    from handlib.evaluation import metrics
    from handlib.evaluation.evaluate import evaluate, fresh_batches, tables, write_report
    from handlib.model.network import DIR
    from handlib.utils.files import make_folder

    check_at_least("count", count, 1)
    if json:
        make_folder(json.parent)
    if mano and not split:
        raise InputError("mano: fresh pairs show the open hand; name a --split of real ones")
    model = DIR.from_pretrained(checkpoint)
    if mano:
        model.hands.update(mano_hands(mano, model.config.tips))
    model.eval()
    chosen = getattr(metrics, protocol)
    if mano and chosen.joints == "annotated":
        raise InputError(
            f"protocol: {protocol} measures annotated joints, real pairs in shards have their fits' only; "
            "name INTAG_MCP or INTAG_WRIST"
        )
    size, together = model.config.image_size, 25
    if split:
        measured, source = _batches_of_split(model, pairs, split, together)
    else:
        measured = fresh_batches(world, count, size, seed, together)
        source = {"world": world, "seed": seed, "count": count, "size": size}
    shown = progress(measured, f"batches of {together} pairs", -(-source["count"] // together))
    report = evaluate(model, shown, chosen)
    report |= {"checkpoint": checkpoint, **source}
    print(tables(report, chosen))
    if json:
        write_report(json, report)


def _batches_of_split(
    model: "DIR", pairs: Path, split: str, together: int
) -> tuple[Iterator["Sample"], dict[str, Any]]:
    """Returns all pairs of a split in batches, and the data set's information about them."""
    from handlib.data.shards import check_hands, load_dataset
    from handlib.training.loop import batches

    size = model.config.image_size
    folder = pairs / f"{split}-{size}"
    if not folder.exists():
        make = f"handlib data benchmark --out {pairs} --splits {split} --sizes {size}"
        raise InputError(f"{folder}: not there; make it with '{make}'")
    dataset = load_dataset(folder)
    check_hands(dataset.info, model.hands.values(), folder)
    return batches(dataset, together), asdict(dataset.info)


def ablate(
    list: bool = False,
    run: str | None = None,
    stages: bool = False,
    table: bool = False,
    costs: bool = False,
    seed: int = 0,
    data: Path = Path("runs/train-64-20k"),
    test: Path = Path("runs/two_hands/test-64"),
    runs: Path = Path("runs/ablations"),
    out: Path | None = None,
    steps: int = 2000,
    threads: int = 0,
) -> None:
    """Train networks that differ in one mechanism, measure them in the same way and compare them in a table.

    Args:
        list: print the names of all ablations and the options that each one changes.
        run: train and measure the ablation of this name. Interrupted? Run it again; it resumes.
        stages: train the stages of all ablations that differ in them alone, on one frozen encoder and the
            same batches, and measure them. Interrupted? Run it again; it resumes.
        table: print the table of all results.
        costs: measure arithmetic, memory and time of all networks in the results again, one after the other.
        seed: random seed of the weights, the order of pairs and their augmentation.
        data: folder of training pairs at 64 pixels.
            The repository's results used the first 20000 of the benchmark:
            handlib data make --out DATA --world desk-full --count 20000 --size 64 --seed 11.
        test: folder of test pairs at 64 pixels: a split of the benchmark.
        runs: folder that keeps the trainings.
        out: folder of the results; the repository's own if not given, for stages RUNS/stages/results.
        steps: number of batches, of 32 pairs each.
        threads: CPU threads to compute with; 0 leaves the choice to torch.
    """
    from handlib.analysis import ablations, stage_ablations

    check_at_least("steps", steps, 1)
    if list + table + costs + stages + (run is not None) != 1:
        raise InputError("ablate: expected one of --list, --run NAME, --stages, --table and --costs")
    results = out or ablations.results_folder()
    if list:
        for name, changes in ablations.changes().items():
            print(f"{name:20} {', '.join(f'{k}={v}' for k, v in changes.items())}")
        return
    use_threads(threads)
    if costs:
        ablations.measure_costs(results)
    if run:
        ablations.run(run, seed, data, test, runs, results, steps)
    if stages:
        # Results of stages on a frozen encoder can't stand in one table with those of whole networks.
        results = out or runs / "stages" / "results"
        stage_ablations.run(stage_ablations.NAMES, seed, data, test, runs / "stages", results, steps)
    print(ablations.table(ablations.load_results(results)))
