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
from handlib.doctor import Finding, as_table, examine, examine_given, has_wrong
from handlib.doctor.data_sets import count_files
from handlib.doctor.machine import extra_finding, package_findings, package_group, python_finding
from handlib.doctor.models import side_of
from handlib.doctor.shipped import open_hand_finding, shipped_findings
from handlib.hand.mano_file import export_open_hand, open_hand_data, open_hand_file
from handlib.hand.skeleton import SIDES
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.released.checkpoint import write_checkpoint


def verdicts(findings: list[Finding]) -> list[str]:
    return [finding.verdict for finding in findings]


def the_wrong_one(findings: list[Finding]) -> Finding:
    (finding,) = [finding for finding in findings if finding.verdict == "wrong"]
    assert "\n" not in finding.explanation and finding.to_do
    return finding


# The machine


@pytest.mark.parametrize(("version", "verdict"), [("3.11.0", "ok"), ("3.14.0rc1", "ok"), ("3.10.9", "wrong")])
def test_python(version: str, verdict: str):
    assert python_finding(version, ">=3.11").verdict == verdict


def test_packages_that_are_old_or_not_there_are_named():
    needed = [Requirement(line) for line in ("torch>=2.14", "numpy>=2.0", "roma>=1.5")]
    total, *bad = package_findings(needed, {"torch": "2.9.1+cpu", "numpy": "2.3.1", "roma": None})
    assert total.explanation == "1 of 3 as declared"
    assert [f.what for f in bad] == ["package torch", "package roma"]
    assert verdicts(bad) == ["wrong", "wrong"]
    assert "2.9.1" in bad[0].explanation and "not installed" in bad[1].explanation


def test_extras_are_only_missing():
    declared = [Requirement(line) for line in ("torch>=2", 'pytest>=8; extra == "dev"', 'x>=1; extra == "y"')]
    assert [r.name for r in package_group(declared, None)] == ["torch"]
    dev = package_group(declared, "dev")
    assert [r.name for r in dev] == ["pytest"]
    assert extra_finding("dev", dev, {"pytest": "9.0"}).verdict == "ok"
    lacking = extra_finding("dev", dev, {"pytest": "7.0"})
    assert lacking.verdict == "missing" and "pytest" in lacking.explanation


# What ships


def test_the_open_hand_and_its_sum(tmp_path: Path):
    asset = tmp_path / "open_hand.npz"
    assert open_hand_finding(open_hand_file()).verdict == "ok"
    assert open_hand_finding(asset).verdict == "wrong"
    for suffix in (".npz", ".sha256"):
        shutil.copy(open_hand_file().with_suffix(suffix), tmp_path)
    assert open_hand_finding(asset).verdict == "ok"
    asset.write_bytes(asset.read_bytes()[:-1])
    assert open_hand_finding(asset).verdict == "wrong"


def test_shipped_files_against_the_manifest(tmp_path: Path):
    assert verdicts(shipped_findings(tmp_path)) == ["missing"]
    names = ("checkpoints/small/model.safetensors", "checkpoints/small/config.json", "train/0000.png")
    manifest = {}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
        manifest[name] = {"bytes": len(name), "sha256": hashlib.sha256(name.encode()).hexdigest()}
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    assert verdicts(shipped_findings(tmp_path)) == ["ok", "ok"]
    (tmp_path / names[1]).write_text("changed")
    (tmp_path / names[2]).unlink()
    checkpoint, pairs = shipped_findings(tmp_path)
    assert checkpoint.what == "checkpoint small" and names[1] in checkpoint.explanation
    assert names[0] not in checkpoint.explanation
    assert pairs.verdict == "wrong" and names[2] in pairs.explanation


# The real thing


def test_nothing_given_says_where_to_get_it():
    findings = examine_given()
    assert verdicts(findings) == ["missing"] * 4
    assert all("https://" in finding.to_do for finding in findings)
    assert not has_wrong(findings)


@pytest.mark.parametrize("name", ["mano", "checkpoint", "interhand", "intaghand"])
def test_a_path_that_is_not_there_or_empty_is_wrong(name: str, tmp_path: Path):
    assert has_wrong(examine_given(**{name: tmp_path / "nothing"}))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert has_wrong(examine_given(**{name: empty}))


@pytest.fixture
def mano(tmp_path: Path) -> Path:
    export_open_hand(tmp_path / "mano")
    return tmp_path / "mano"


def test_sides_are_told_by_the_shape():
    for side in SIDES:
        data = open_hand_data(side)
        assert side_of(data) == side
        assert side_of(data.mirrored()) != side


def test_mano_files(mano: Path):
    findings = examine_given(mano=mano)[:3]
    assert verdicts(findings) == ["ok"] * 3
    assert findings[0].explanation.startswith("the open hand")
    assert findings[2].explanation == "not found"


def test_the_sign_fault_is_seen(mano: Path):
    path = mano / "MANO_LEFT.pkl"
    content = pickle.loads(path.read_bytes())
    content["shapedirs"] = content["shapedirs"] * np.array([-1, 1, 1])[:, None]
    path.write_bytes(pickle.dumps(content))
    assert examine_given(mano=mano)[2].explanation.startswith("found")


def test_exchanged_mano_files_are_refused(mano: Path):
    left, right, other = mano / "MANO_LEFT.pkl", mano / "MANO_RIGHT.pkl", mano / "other"
    left.rename(other)
    right.rename(left)
    other.rename(right)
    findings = examine_given(mano=mano)[:2]
    assert verdicts(findings) == ["wrong", "wrong"]
    assert "a right hand under the left hand's name" in findings[0].explanation


def test_a_damaged_and_a_malicious_mano_file(mano: Path):
    left = mano / "MANO_LEFT.pkl"
    left.write_bytes(left.read_bytes()[:1000])
    assert the_wrong_one(examine_given(mano=mano)).what == "MANO_LEFT"
    left.write_bytes(b"cos\nsystem\n(S'touch should_not_be_there'\ntR.")
    assert "os.system" in the_wrong_one(examine_given(mano=mano)).explanation
    assert not Path("should_not_be_there").exists()


def test_the_released_checkpoint_and_one_with_entries_off(tmp_path: Path):
    path = tmp_path / "stand_in.pth"
    write_checkpoint(DIR(DIRConfig.released()), path)
    assert examine_given(checkpoint=path)[1].verdict == "ok"
    content = torch.load(path, weights_only=True)
    del content["net"]["backbone.conv1.weight"]
    content["net"]["decoder.unheard_of"] = torch.zeros(1)
    torch.save(content, path)
    explanation = the_wrong_one(examine_given(checkpoint=path)).explanation
    assert "1 missing: encoder.backbone.encoders.0.conv1.weight" in explanation
    assert "1 unexpected: decoder.unheard_of" in explanation


@pytest.mark.parametrize("content", [{"weights": {}}, [1, 2], {"net": {"a": 1}}])
def test_files_that_are_no_checkpoint(content: object, tmp_path: Path):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    assert "key 'net'" in the_wrong_one(examine_given(checkpoint=path)).explanation


def test_whatever_a_check_runs_into_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_):
        raise ZeroDivisionError

    for name in ("interhand_findings", "machine_findings", "shipped_findings"):
        monkeypatch.setattr(f"handlib.doctor.{name}", fail)
    wrong = [finding for finding in examine(interhand=tmp_path) if finding.verdict == "wrong"]
    assert [finding.what for finding in wrong] == ["machine", "data_samples", "InterHand2.6M"]
    assert all(finding.explanation == "ZeroDivisionError" for finding in wrong)


@pytest.fixture
def interhand(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        write_interhand(tmp_path / "interhand", split, list(small_moments()))
    return tmp_path / "interhand"


def test_interhand(interhand: Path):
    findings = examine_given(interhand=interhand)[2:5]
    assert [f.what for f in findings] == [f"InterHand2.6M {s}" for s in ("train", "val", "test")]
    assert verdicts(findings) == ["ok", "missing", "ok"]
    assert findings[0].explanation == "4 annotation files, 6 pictures"


def test_interhand_with_a_file_cut_short_or_gone(interhand: Path):
    path = annotations(interhand, "joint_3d")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cut short" in the_wrong_one(examine_given(interhand=interhand)).explanation
    path.unlink()
    assert path.name in the_wrong_one(examine_given(interhand=interhand)).explanation


def test_interhand_without_its_pictures(interhand: Path):
    pictures = sorted((interhand / "images" / "train").rglob("*.jpg"))
    named = json.loads(annotations(interhand, "data").read_text())["images"][0]["file_name"]
    (interhand / "images" / "train" / named).unlink()
    finding = examine_given(interhand=interhand)[2]
    assert finding.verdict == "ok" and "5 pictures; not all" in finding.explanation
    shutil.rmtree(interhand / "images" / "train")
    assert len(pictures) == 6
    assert "no pictures" in the_wrong_one(examine_given(interhand=interhand)).explanation


def test_counting_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("handlib.doctor.data_sets.MOST_COUNTED", 3)
    for number in range(5):
        (tmp_path / f"{number}.jpg").touch()
        assert count_files(tmp_path, ".jpg") == (str(number + 1) if number < 3 else "more than 3")


@pytest.fixture
def intaghand(tmp_path: Path) -> Path:
    write_intaghand(tmp_path / "intaghand", "train", list(small_moments()), size=64)
    return tmp_path / "intaghand"


def test_intaghand(intaghand: Path):
    findings = examine_given(intaghand=intaghand)[3:]
    assert verdicts(findings) == ["ok", "missing", "missing"]
    assert findings[0].explanation == "6 pictures with annotations, the first of 64 x 64 pixels"


def test_intaghand_with_a_picture_gone_or_an_annotation_damaged(intaghand: Path):
    (intaghand / "train" / "img" / "3.jpg").unlink()
    assert "1 of them without the other" in the_wrong_one(examine_given(intaghand=intaghand)).explanation
    (intaghand / "train" / "anno" / "3.pkl").unlink()
    annotation = intaghand / "train" / "anno" / "0.pkl"
    content = pickle.loads(annotation.read_bytes())
    del content["camera"]
    annotation.write_bytes(pickle.dumps(content))
    assert "no usable camera" in the_wrong_one(examine_given(intaghand=intaghand)).explanation


# The command


def test_everything_together_and_as_a_table(mano: Path):
    findings = examine(mano=mano)
    assert {"Python", "packages", "GPU", "open hand", "MANO_RIGHT"} <= {f.what for f in findings}
    assert as_table(findings).row_count == len(findings)


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
