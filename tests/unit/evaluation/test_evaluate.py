"""Evaluation: the mean predictor, independence of batches, fresh pairs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.random_pairs import HANDS, random_pairs
from support.tiny import TINY

from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import Sample
from handlib.evaluation.evaluate import MeanPredictor, evaluate, fresh_batches, one_line, tables, write_report
from handlib.evaluation.hand_metrics import HandMetrics
from handlib.evaluation.metrics import INTERNET
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR


@pytest.fixture(scope="module")
def model() -> DIR:
    torch.manual_seed(0)
    return DIR(TINY).eval()


def hands_by_side() -> dict:
    return dict(zip(SIDES, HANDS, strict=True))


def same_pairs(count: int):
    """Pairs that all have one rotation, the mean pose and shape, and one offset."""
    pairs = random_pairs(count)
    root, shift = pairs.root[:1].expand(count, -1, -1, -1), pairs.joints[:1, :, :1]
    posed = [hand(root_rotation=root[:, h], pose_pca=torch.zeros(count, 45)) for h, hand in enumerate(HANDS)]
    return replace(
        pairs,
        root=root,
        joints=torch.stack([p.joints for p in posed], dim=1) + shift,
        vertices=torch.stack([p.vertices for p in posed], dim=1) + shift,
    )


def test_the_mean_predictor_is_perfect_where_all_pairs_are_the_mean() -> None:
    pairs = same_pairs(5)
    rows = evaluate(MeanPredictor(pairs, hands_by_side()), [pairs], INTERNET)["scores"]["initial"]["all"]
    for name in ("mpjpe", "mpvpe", "mrrpe"):
        assert rows[name] < 1e-3, name
    assert rows["rotation_deg"] < 0.1
    # Its camera is a weak perspective, the true one a pinhole: near, but not the same.
    assert 0 < rows["uv_percent"] < 5


def test_pairs_are_moved_to_where_the_network_is(model: DIR, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def moved(sample: Sample, device: torch.device) -> Sample:
        asked.append(device)
        return sample

    monkeypatch.setattr(Sample, "to", moved)
    monkeypatch.setattr(HandMetrics, "to", lambda metrics, device: asked.append(device) or metrics)
    pairs = random_pairs(4, size=64)
    evaluate(model, [pairs[:2], pairs[2:]])
    assert asked == 3 * [next(model.parameters()).device]


def test_how_pairs_are_cut_into_batches_does_not_matter(model: DIR) -> None:
    pairs = random_pairs(7, size=64)
    whole = evaluate(model, [pairs])["scores"]
    parts = evaluate(model, [pairs[:3], pairs[3:]])["scores"]
    assert list(whole) == ["initial", "stage 1", "stage 2"]
    for name, rows in whole.items():
        for stratum, row in rows.items():
            assert parts[name][stratum] == pytest.approx(row, rel=1e-3), (name, stratum)


def test_a_report_says_its_protocol_and_survives_json(model: DIR, tmp_path: Path) -> None:
    report = evaluate(model, [random_pairs(4, size=64)], INTERNET)
    assert report["protocol"] == str(INTERNET) and str(INTERNET) in tables(report, INTERNET)
    assert f"{report['scores']['stage 2']['all']['mpjpe']:.3g} mm" in one_line(report)
    write_report(tmp_path / "report.json", report)
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_fresh_pairs_are_test_pairs_in_order() -> None:
    first, second = fresh_batches("desk", count=3, size=32, seed=5, batch_size=2)
    assert (len(first), len(second)) == (2, 1)
    expected = make_sample("desk", 32, 5, 2, split="test")
    assert torch.equal(second.image[0], expected.image) and torch.equal(second.joints[0], expected.joints)
