"""What the refinement widget shows, from estimates whose errors are known."""

import numpy as np
import pytest
from support.explorers import REFINED, halving, one_sample

from handlib import show
from handlib.analysis.interventions import Disturbance
from handlib.show.core.error_colours import error_colours
from handlib.show.refinement import refinement_state

SAMPLE = one_sample(size=32)
RUN = halving(SAMPLE)


def test_errors_are_those_of_the_hands():
    state = refinement_state(SAMPLE, RUN, REFINED, 1)
    joints = (SAMPLE.joints - SAMPLE.joints[:, :1]).numpy()
    expected = 1000 * 0.2 * np.linalg.norm(joints, axis=-1).mean()
    assert state.errors[1].millimetres == pytest.approx(expected, rel=1e-3)
    assert state.errors[0].millimetres == pytest.approx(2 * expected, rel=1e-3)
    assert state.errors[3].millimetres == pytest.approx(0, abs=1e-3)
    vertices = (SAMPLE.vertices - SAMPLE.joints[:, :1]).numpy()
    np.testing.assert_allclose(
        state.vertex_errors, 200 * np.linalg.norm(vertices, axis=-1), rtol=1e-3, atol=1e-2
    )


def test_a_shift_shows_in_the_picture_and_not_in_millimetres():
    still, moved = (refinement_state(SAMPLE, RUN, REFINED, 3, Disturbance(shift=s)) for s in (0.0, 0.2))
    assert moved.errors[3].percent == pytest.approx(10, rel=1e-3)
    assert moved.errors[3].millimetres == pytest.approx(still.errors[3].millimetres, abs=1e-6)
    assert not np.array_equal(moved.picture, still.picture)


def test_words_say_the_stage_its_error_and_what_was_done():
    plain = refinement_state(SAMPLE, RUN, REFINED, 2)
    assert plain.caption.startswith(f"stage 2: joints {plain.errors[2].millimetres:.1f} mm")
    assert all(name in plain.course for name in REFINED)
    done = refinement_state(SAMPLE, RUN, REFINED, 0, Disturbance(rotation=30.0), frozenset({"GCN"}))
    assert done.caption.endswith("(start turned by 30°; without GCN)")


def test_it_begins_at_the_last_estimate_and_colours_surfaces_by_their_error():
    explorer = show.RefinementExplorer(SAMPLE, RUN, REFINED)
    assert explorer.stage.index == 3 and explorer.caption.value.startswith("stage 2 again: joints 0.0 mm")
    explorer.stage.index = 0
    colours = np.frombuffer(explorer.view._colours, np.uint8).reshape(2, 778, 3)
    np.testing.assert_array_equal(colours, error_colours(explorer.state.vertex_errors))
