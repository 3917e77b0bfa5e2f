"""Lists the results that ``handlib ablate --run`` has written in ``data_samples/MANIFEST.json``."""

from make_data_samples import LICENCE, ORIGIN, update_manifest

from handlib.analysis.ablations import RESULTS, results_folder
from handlib.utils.resources import samples_folder

RESULTS_ORIGIN = "handlib ablate --run NAME --seed S, on the benchmark TwoHands"


def main() -> None:
    """Runs the command line."""
    folder, results = samples_folder(), sorted(results_folder().glob("*.json"))
    update_manifest(folder, results, (f"{RESULTS}/",), RESULTS_ORIGIN, LICENCE)
    update_manifest(folder, [folder / "README.md"], ("README.md",), ORIGIN, LICENCE)
    print(f"{len(results)} results")


if __name__ == "__main__":
    main()
