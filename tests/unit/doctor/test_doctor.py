"""The doctor: what is in order is called so, and every kind of damage is named."""

import hashlib
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from support.real_layouts import annotations, small_moments

from handlib import cli
from handlib.data.interhand.stand_ins import write_intaghand, write_interhand
from handlib.doctor import Finding, examine, examine_given
from handlib.doctor.machine import packages_finding
from handlib.doctor.shipped import shipped_findings, sums_finding
from handlib.hand.mano_file import export_open_hand
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.released.checkpoint import write_checkpoint


def verdicts(findings: list[Finding]) -> list[str]:
    return [finding.verdict for finding in findings]


def the_wrong_one(findings: list[Finding]) -> Finding:
    (finding,) = [finding for finding in findings if finding.verdict == "wrong"]
    assert "\n" not in finding.explanation and finding.to_do
    return finding


def test_packages_that_are_old_or_not_there_are_named():
    lines = ("Python>=3.11", "torch>=2.14", "numpy>=2.0", "roma>=1.5", 'pytest>=8; extra == "dev"')
    declared = [Requirement(line) for line in lines]
    installed = {"python": "3.14.0rc1", "torch": "2.9.1+cpu", "numpy": "2.3.1", "pytest": "9.0"}
    own = packages_finding("", declared, installed)
    assert own.verdict == "wrong"
    assert own.explanation == "expected torch>=2.14 (2.9.1+cpu), roma>=1.5 (not installed)"
    assert packages_finding("dev", declared, installed).verdict == "ok"
    assert packages_finding("dev", declared, installed | {"pytest": "7.0"}).verdict == "missing"


def test_what_ships_is_held_against_its_sums(tmp_path: Path):
    assert verdicts(shipped_findings()) == ["ok", "ok"]
    names, sums = ("a", "b", "c"), {}
    for name in names:
        (tmp_path / name).write_text(name)
        sums[tmp_path / name] = hashlib.sha256(name.encode()).hexdigest()
    (tmp_path / "b").write_text("changed")
    (tmp_path / "c").unlink()
    told = the_wrong_one([sums_finding("letters", sums)]).explanation
    assert told == f"missing or changed: {tmp_path / 'b'}, {tmp_path / 'c'}"


def test_nothing_given_says_where_to_get_it():
    findings = examine_given()
    assert verdicts(findings) == ["missing"] * 4
    assert all("https://" in finding.to_do for finding in findings)


@pytest.mark.parametrize("name", ["mano", "checkpoint", "interhand", "intaghand"])
def test_a_path_that_is_not_there_or_empty_is_wrong(name: str, tmp_path: Path):
    for path in (tmp_path / "nothing", tmp_path):
        assert "wrong" in verdicts(examine_given(**{name: path}))


@pytest.fixture
def mano(tmp_path: Path) -> Path:
    export_open_hand(tmp_path / "mano")
    return tmp_path / "mano"


def test_mano_files_and_the_sign_fault(mano: Path):
    findings = examine_given(mano=mano)[:3]
    assert verdicts(findings) == ["ok"] * 3
    assert findings[0].explanation.startswith("the open hand")
    assert findings[2].explanation == "not found"
    path = mano / "MANO_LEFT.pkl"
    content = pickle.loads(path.read_bytes())
    content["shapedirs"] = content["shapedirs"] * np.array([-1, 1, 1])[:, None]
    path.write_bytes(pickle.dumps(content))
    assert examine_given(mano=mano)[2].explanation.startswith("found")


def test_a_damaged_mano_file_and_exchanged_ones(mano: Path):
    left, right = mano / "MANO_LEFT.pkl", mano / "MANO_RIGHT.pkl"
    whole = left.read_bytes()
    left.write_bytes(whole[:1000])
    assert the_wrong_one(examine_given(mano=mano)).what == "MANO_LEFT"
    left.write_bytes(right.read_bytes())
    right.write_bytes(whole)
    findings = examine_given(mano=mano)[:2]
    assert verdicts(findings) == ["wrong", "wrong"]
    assert "a right hand under the left hand's name" in findings[0].explanation


def test_the_released_checkpoint_whole_and_with_an_entry_gone(tmp_path: Path):
    path = tmp_path / "stand_in.pth"
    write_checkpoint(DIR(DIRConfig.released()), path)
    assert examine_given(checkpoint=path)[1].verdict == "ok"
    content = torch.load(path, weights_only=True)
    del content["net"]["backbone.conv1.weight"]
    torch.save(content, path)
    explanation = the_wrong_one(examine_given(checkpoint=path)).explanation
    assert "1 missing: encoder.backbone.encoders.0.conv1.weight" in explanation


@pytest.fixture
def interhand(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        write_interhand(tmp_path / "interhand", split, list(small_moments()))
    return tmp_path / "interhand"


def test_interhand_whole_cut_short_and_with_a_file_gone(interhand: Path):
    findings = examine_given(interhand=interhand)[2:5]
    assert [f.what for f in findings] == [f"InterHand2.6M {s}" for s in ("train", "val", "test")]
    assert verdicts(findings) == ["ok", "missing", "ok"]
    assert findings[0].explanation == "4 annotation files, and pictures"
    path = annotations(interhand, "joint_3d")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cut short" in the_wrong_one(examine_given(interhand=interhand)).explanation
    path.unlink()
    assert path.name in the_wrong_one(examine_given(interhand=interhand)).explanation


def test_interhand_without_its_pictures(interhand: Path):
    named = json.loads(annotations(interhand, "data").read_text())["images"][0]["file_name"]
    (interhand / "images" / "train" / named).unlink()
    finding = examine_given(interhand=interhand)[2]
    assert finding.verdict == "ok" and "not all" in finding.explanation
    shutil.rmtree(interhand / "images" / "train")
    assert "no pictures" in the_wrong_one(examine_given(interhand=interhand)).explanation


def test_intaghand_and_its_damages(tmp_path: Path):
    write_intaghand(tmp_path, "train", list(small_moments()), size=64)
    findings = examine_given(intaghand=tmp_path)[3:]
    assert verdicts(findings) == ["ok", "missing", "missing"]
    assert findings[0].explanation == "6 pictures with annotations, the first of 64 x 64 pixels"
    (tmp_path / "train" / "img" / "3.jpg").unlink()
    assert "1 of them without the other" in the_wrong_one(examine_given(intaghand=tmp_path)).explanation


def test_everything_is_told_whatever_a_check_runs_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert {"packages", "GPU", "open hand", "MANO"} <= {finding.what for finding in examine()}

    def fail(*_):
        raise ZeroDivisionError

    for name in ("interhand_findings", "machine_findings", "shipped_findings"):
        monkeypatch.setattr(f"handlib.doctor.{name}", fail)
    wrong = [finding for finding in examine(interhand=tmp_path) if finding.verdict == "wrong"]
    assert [finding.what for finding in wrong] == ["machine", "what ships", "InterHand2.6M"]
    assert all(finding.explanation == "ZeroDivisionError" for finding in wrong)


def test_the_command_ends_with_1_only_if_something_is_wrong(
    mano: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("handlib.doctor.machine_findings", list)
    cli.main(["doctor", "--mano", str(mano)])
    assert "MANO_LEFT" in capsys.readouterr().out
    shutil.rmtree(mano)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["doctor", "--mano", str(mano)])
    assert stopped.value.code == 1
    assert "wrong" in capsys.readouterr().out
