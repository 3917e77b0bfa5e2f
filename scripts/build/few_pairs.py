"""Trains stages with joints and with vertices on few pairs: writes ``data_samples/few_pairs.json``.

An interrupted run resumes.
"""

import argparse
from pathlib import Path

import torch

from handlib.analysis.few_pairs import learn_from_few_pairs
from handlib.utils.resources import samples_folder

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of 64-pixel training pairs")
    parser.add_argument("--test", type=Path, required=True, help="folder of 64-pixel test pairs")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations/stages"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    learn_from_few_pairs(arguments.data, arguments.test, arguments.runs, samples_folder() / "few_pairs.json")
