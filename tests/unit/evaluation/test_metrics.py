"""Errors against hand-computed values, what protocols must not see, sums over batches and processes."""

from dataclasses import replace

import pytest
import roma
import torch
import torch.multiprocessing
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_pairs import HANDS, noisy_estimate, random_pairs, true_estimate
from torch import Tensor

from handlib.data.sample import STRATA, Sample
from handlib.evaluation.hand_metrics import HandMetrics
from handlib.evaluation.metrics import (
    INTAG_MCP,
    INTAG_WRIST,
    INTERNET,
    UNITS,
    Protocol,
    align,
    auc,
    evaluate_batch,
    joint_errors,
    pck,
    procrustes,
)
from handlib.evaluation.scores import Rows, format_table, means_of, sums_by_stratum
from handlib.geometry.rotation import rotation_from_6d, rotation_to_6d
from handlib.model.estimate import LENGTH_UNIT, Estimate, Prediction
from handlib.utils.errors import InputError

PROTOCOLS = (INTAG_WRIST, INTAG_MCP, INTERNET)
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: p.name)
SAMPLE = random_pairs(4)
TRUE = true_estimate(SAMPLE)
NOISY = noisy_estimate(SAMPLE)
unit = st.floats(-1, 1, width=32, allow_subnormal=False)


def errors_of(estimate: Estimate, protocol: Protocol = INTERNET, sample: Sample = SAMPLE, **options):
    return evaluate_batch(estimate, sample, protocol, HANDS, **options)


def prediction_of(*estimates: Estimate) -> Prediction:
    maps = torch.zeros(len(estimates[0].offset), 3, 2, 2)
    return Prediction(estimates, maps, maps)


@every_protocol
def test_truth_is_without_error(protocol):
    errors = errors_of(TRUE, protocol)
    assert list(errors) == list(UNITS)
    perfect_auc = errors.pop("auc")
    torch.testing.assert_close(perfect_auc, torch.ones(4), atol=1e-4, rtol=0)
    for name, value in errors.items():
        torch.testing.assert_close(value, torch.zeros(4), atol=2e-3, rtol=0, msg=name)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 3, width=32, allow_subnormal=False))
def test_scaled_protocols_give_the_size_away(factor):
    bigger = replace(TRUE, joints=TRUE.joints * factor, vertices=TRUE.vertices * factor)
    for protocol in (INTAG_WRIST, INTAG_MCP):
        errors = errors_of(bigger, protocol)
        for name in ("mpjpe", "mpvpe", "joint_px", "vertex_px"):
            assert errors[name].max() < 5e-3, name
    from_wrist = (SAMPLE.joints - SAMPLE.joints[:, :, :1]).norm(dim=-1).mean((1, 2)) * 1000
    errors = errors_of(bigger, INTERNET)
    torch.testing.assert_close(errors["mpjpe"], abs(factor - 1) * from_wrist, atol=1e-2, rtol=1e-4)
    torch.testing.assert_close(errors["mrrpe"], torch.zeros(4), atol=1e-3, rtol=0)
    assert errors["pa_mpjpe"].max() < 5e-3


@settings(max_examples=20, deadline=None)
@given(st.tuples(unit, unit, unit), st.tuples(unit, unit, unit))
def test_moving_truth_and_estimate_together_changes_no_distance(rotation, shift):
    turn, move = roma.rotvec_to_rotmat(torch.tensor(rotation)), torch.tensor(shift)
    sample = replace(
        SAMPLE,
        joints=SAMPLE.joints @ turn.mT + move,
        vertices=SAMPLE.vertices @ turn.mT + move,
        root=turn @ SAMPLE.root,
    )
    params = replace(NOISY.params, root=rotation_to_6d(turn @ rotation_from_6d(NOISY.params.root)))
    estimate = replace(
        NOISY,
        params=params,
        joints=NOISY.joints @ turn.mT,
        vertices=NOISY.vertices @ turn.mT,
        offset=NOISY.offset @ turn.mT,
    )
    for protocol in PROTOCOLS:
        before, after = errors_of(NOISY, protocol), errors_of(estimate, protocol, sample)
        for name in ("mpjpe", "mpvpe", "pa_mpjpe", "mrrpe", "auc", "rotation_deg"):
            torch.testing.assert_close(after[name], before[name], atol=1e-2, rtol=1e-3, msg=name)


@every_protocol
def test_swapping_the_hands_changes_nothing(protocol):
    def swapped(x: Tensor) -> Tensor:
        return x.flip(1)

    names = ("joints", "vertices", "root", "pose", "betas")
    sample = replace(SAMPLE, **{name: swapped(getattr(SAMPLE, name)) for name in names})
    params = replace(NOISY.params, root=swapped(NOISY.params.root))
    places = {name: swapped(getattr(NOISY, name)) for name in ("joints", "vertices", "uv")}
    estimate = replace(NOISY, params=params, offset=-NOISY.offset, **places)
    other = evaluate_batch(estimate, sample, protocol, HANDS[::-1])
    torch.testing.assert_close(other, errors_of(NOISY, protocol), atol=1e-3, rtol=1e-4)


def test_one_misplaced_joint_by_hand():
    moved = TRUE.joints.clone()
    moved[:, 1, 4, 0] += 0.021
    errors = errors_of(replace(TRUE, joints=moved))
    torch.testing.assert_close(errors["mpjpe"], torch.full((4,), 21 / 42), atol=1e-4, rtol=0)
    pixels = SAMPLE.intrinsics[:, 0] * 0.021 / SAMPLE.joints[:, 1, 4, 2] / 42
    torch.testing.assert_close(errors["joint_px"], pixels, atol=1e-4, rtol=0)
    torch.testing.assert_close(errors["joint_percent"], 100 * pixels / 16, atol=1e-4, rtol=0)
    assert errors["auc"][0].item() == pytest.approx(1 - (21 / 50) / 42, abs=1e-5)


def test_uv_error_is_that_of_the_networks_own_camera():
    shifted = replace(TRUE, uv=TRUE.uv + torch.tensor([0.06, -0.08]))
    errors = errors_of(shifted)
    torch.testing.assert_close(errors["uv_percent"], torch.full((4,), 5.0), atol=1e-3, rtol=0)
    assert errors["joint_percent"].max() < 1e-3


@every_protocol
def test_offset_error_is_the_relative_root_error(protocol):
    offset = TRUE.offset + torch.tensor([0.012, 0.0, -0.016]) / LENGTH_UNIT
    errors = errors_of(replace(TRUE, offset=offset), protocol)
    torch.testing.assert_close(errors["mrrpe"], torch.full((4,), 20.0), atol=1e-2, rtol=0)
    assert errors["mpjpe"].max() < 1e-3


def test_offset_leads_away_from_the_origin_hand():
    from_left, from_right = (align(TRUE, SAMPLE, p, HANDS) for p in (INTAG_WRIST, INTERNET))
    torch.testing.assert_close(from_right.true_offset, SAMPLE.joints[:, 0, 0] - SAMPLE.joints[:, 1, 0])
    assert torch.einsum("bi,bi->b", from_left.true_offset, from_right.true_offset).max() < 0
    torch.testing.assert_close(from_left.offset, from_left.true_offset)


def test_a_turned_hand_counts_as_wrong():
    turn = roma.rotvec_to_rotmat(torch.tensor([0.0, 1.0, 0.0]))
    roots = rotation_from_6d(TRUE.params.root).clone()
    roots[:, 0] = roots[:, 0] @ turn
    errors = errors_of(replace(TRUE, params=replace(TRUE.params, root=rotation_to_6d(roots))))
    torch.testing.assert_close(errors["rotation_deg"], torch.full((4,), 57.29578 / 2), atol=0.05, rtol=0)
    assert errors["rotation_wrong"].tolist() == [0.5] * 4


def test_regressed_joints_come_from_the_surface_alone():
    nonsense = replace(TRUE, joints=torch.rand_like(TRUE.joints))
    torch.testing.assert_close(errors_of(nonsense, INTAG_WRIST), errors_of(TRUE, INTAG_WRIST))
    assert errors_of(nonsense, INTERNET)["mpjpe"].min() > 100


def test_the_root_alone_changes_the_number():
    wrist, mcp = (errors_of(NOISY, protocol)["mpjpe"] for protocol in (INTAG_WRIST, INTAG_MCP))
    assert (wrist - mcp).abs().min() > 0.01


def test_masked_joints_do_not_count():
    valid = torch.ones(4, 2, 21, dtype=torch.bool)
    valid[0, 1, 4] = False  # one joint
    valid[1, 0, 0] = False  # a root: the whole left hand
    valid[2] = False  # everything
    displaced = NOISY.joints.clone()
    displaced[0, 1, 4] += 1.0
    displaced[1, 0, 1:] += 1.0
    errors, other = errors_of(NOISY, valid=valid), errors_of(replace(NOISY, joints=displaced), valid=valid)
    torch.testing.assert_close(other, errors, equal_nan=True, atol=1e-3, rtol=1e-4)
    single = (NOISY.joints + SAMPLE.joints[:, :, :1] - SAMPLE.joints).norm(dim=-1)
    torch.testing.assert_close(errors["mpjpe"][1], single[1, 1].mean() * 1000)
    assert errors["mrrpe"].isnan().tolist() == [False, True, True, False]
    assert all(errors[n].isnan()[2] for n in ("mpjpe", "mpvpe", "pa_mpjpe", "joint_px", "vertex_px", "auc"))
    unmasked = errors_of(NOISY, INTAG_MCP, valid=valid)
    torch.testing.assert_close(unmasked, errors_of(NOISY, INTAG_MCP))


@settings(max_examples=20, deadline=None)
@given(
    st.tuples(unit, unit, unit),
    st.tuples(unit, unit, unit),
    st.floats(0.25, 3, width=32, allow_subnormal=False),
)
def test_procrustes_removes_a_similarity(rotation, shift, factor):
    turn = roma.rotvec_to_rotmat(torch.tensor(rotation))
    moved = replace(TRUE, joints=factor * TRUE.joints @ turn.mT + torch.tensor(shift))
    assert errors_of(moved)["pa_mpjpe"].max() < 0.02


def test_procrustes_takes_the_surface_along():
    turn, shift = roma.rotvec_to_rotmat(torch.tensor([0.3, -1.1, 0.7])), torch.tensor([0.2, -0.1, 0.4])
    points = {name: 1.7 * getattr(TRUE, name) @ turn.mT + shift for name in ("joints", "vertices")}
    aligned = align(replace(TRUE, **points), SAMPLE, INTERNET, HANDS)
    back = procrustes(aligned)
    torch.testing.assert_close(back.vertices, aligned.true_vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(back.joints, aligned.true_joints, atol=1e-5, rtol=0)
    torch.testing.assert_close(back.true_vertices, aligned.true_vertices)


def test_procrustes_does_not_mirror():
    mirrored = replace(TRUE, joints=TRUE.joints * torch.tensor([-1.0, 1.0, 1.0]))
    assert errors_of(mirrored)["pa_mpjpe"].min() > 1


def test_pck_and_its_area():
    errors = torch.tensor([[0.0, 25.0, 50.0, 100.0, torch.nan]])
    assert pck(errors, torch.tensor([0.0, 25.0, 60.0, 100.0])).tolist() == [0.25, 0.5, 0.75, 1.0]
    assert auc(errors).item() == pytest.approx((1 + 0.5) / 4)
    real = joint_errors(align(NOISY, SAMPLE, INTERNET, HANDS))
    curve = pck(real, torch.linspace(0, 50, 20001))
    assert auc(real).mean().item() == pytest.approx(torch.trapezoid(curve, dx=1 / 20000).item(), abs=1e-4)


def test_numbers_that_are_not_finite_are_refused():
    root = NOISY.params.root.clone()
    root[1] = torch.nan
    with pytest.raises(InputError, match=r"estimate\.params\.root: expected finite .* nan at \[1, 0, 0\]"):
        errors_of(replace(NOISY, params=replace(NOISY.params, root=root)))


def summarise(errors: dict[str, torch.Tensor], stratum: torch.Tensor) -> Rows:
    return means_of(list(errors), *sums_by_stratum(errors, stratum))


def test_summary_has_a_row_per_stratum_that_occurs():
    errors = {"mpjpe": torch.tensor([1.0, 2.0, 6.0]), "mrrpe": torch.tensor([4.0, torch.nan, 8.0])}
    rows = summarise(errors, torch.tensor([2, 2, 0]))
    assert rows == {
        "all": {"samples": 3, "mpjpe": 3.0, "mrrpe": 6.0},
        "apart": {"samples": 1, "mpjpe": 6.0, "mrrpe": 8.0},
        "touching": {"samples": 2, "mpjpe": 1.5, "mrrpe": 4.0},
    }


def shard(rank: int, count: int) -> tuple[Prediction, Sample]:
    """Every process builds the same seven pairs and takes its share, which isn't the same for all."""
    sample = random_pairs(7, seed=5)
    mine = torch.arange(rank, 7, count)
    share = sample[mine]
    return prediction_of(noisy_estimate(share, 10 + rank), noisy_estimate(share, 20 + rank, 0.003)), share


def test_batches_add_up_to_the_whole():
    together, apart = HandMetrics(INTAG_MCP, HANDS, 2), HandMetrics(INTAG_MCP, HANDS, 2)
    sample = random_pairs(7, seed=5)
    first, second = noisy_estimate(sample, 1), noisy_estimate(sample, 2, 0.003)
    together.update(prediction_of(first, second), sample)
    for part in (slice(0, 3), slice(3, 7)):
        apart.update(prediction_of(first[part], second[part]), sample[part])
    whole = together.compute()
    assert list(whole) == ["initial", "stage 1"]
    for name in whole:
        assert list(whole[name]) == ["all", *(s for k, s in enumerate(STRATA) if (sample.stratum == k).any())]
        for row in whole[name]:
            assert apart.compute()[name][row] == pytest.approx(whole[name][row], rel=1e-4)
    by_hand = summarise(evaluate_batch(second, sample, INTAG_MCP, HANDS), sample.stratum)
    assert whole["stage 1"]["all"] == pytest.approx(by_hand["all"])
    assert whole["stage 1"]["all"]["mpvpe"] < whole["initial"]["all"]["mpvpe"]


def one_process(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    metrics = HandMetrics(INTERNET, HANDS, 2)
    metrics.update(*shard(rank, 2))
    torch.save(metrics.compute(), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def assert_is_the_whole(found) -> None:
    alone = HandMetrics(INTERNET, HANDS, 2)
    for rank in (0, 1):
        alone.update(*shard(rank, 2))
    for name, rows in alone.compute().items():
        assert found[name].keys() == rows.keys()
        for row in rows:
            assert found[name][row] == pytest.approx(rows[row], rel=1e-5)


def test_parts_add_up_to_the_whole():
    first, second = (HandMetrics(INTERNET, HANDS, 2) for _ in range(2))
    first.update(*shard(0, 2))
    second.update(*shard(1, 2))
    first.merge_state(second)
    assert_is_the_whole(first.compute())


@pytest.mark.slow
def test_processes_add_up_to_the_whole(tmp_path):
    torch.multiprocessing.spawn(one_process, (str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        assert_is_the_whole(torch.load(tmp_path / f"{rank}.pt"))


@every_protocol
def test_a_table_names_its_protocol_and_units(protocol):
    rows = summarise(errors_of(NOISY, protocol), SAMPLE.stratum)
    text = format_table(rows, protocol)
    described, blank, header, _, *body = text.splitlines()
    assert described == str(protocol) and blank == ""
    assert protocol.name in described and protocol.root in described
    assert "mpjpe (mm)" in header and "joint_percent (% of side)" in header
    assert [line.split("|")[1].strip() for line in body] == list(rows)
    assert f"{rows['all']['mpjpe']:.2f}" in body[0]
    assert len({len(line) for line in (header, *body)}) == 1
    chosen = format_table(rows, protocol, ["mrrpe", "samples"]).splitlines()[2]
    assert [cell.strip() for cell in chosen.split("|")[1:-1]] == ["", "mrrpe (mm)", "samples"]


def test_a_readers_error_stands_in_the_librarys_place():
    own = {"mean_position_error": lambda points, true_points, valid: points.new_full((len(points),), 7.0)}
    library, found = errors_of(NOISY), errors_of(NOISY, parts=own)
    for name in UNITS:
        expected = torch.full((4,), 7.0) if name in ("mpjpe", "mpvpe", "pa_mpjpe") else library[name]
        torch.testing.assert_close(found[name], expected, msg=name)
    metrics = HandMetrics(INTERNET, HANDS, 1, own)
    metrics.update(prediction_of(NOISY), SAMPLE)
    assert metrics.compute()["initial"]["all"]["mpjpe"] == 7.0
