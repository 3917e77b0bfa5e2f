import numpy as np
import torch

from handlib import show
from handlib.show.core.error_colours import LARGEST_ERROR, error_colours


def test_colours_get_darker_with_the_error_and_stop_at_the_largest():
    colours = error_colours(np.linspace(0, LARGEST_ERROR, 50)).astype(float)
    luminance = colours @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) < 0).all()
    assert luminance[0] > 230 and luminance[-1] < 30
    assert np.array_equal(error_colours(np.array([LARGEST_ERROR, 1e6]))[0], error_colours(np.array([1e6]))[0])


def test_joints_with_larger_errors_are_darker():
    errors = torch.zeros(21)
    errors[8] = 30.0
    picture = show.joint_error_picture([torch.zeros(21), errors], ["same", "same"])[:320].astype(int)
    plain, marked = picture[:, :300].sum(-1), picture[:, 300:].sum(-1)
    rows, columns = np.nonzero(plain - marked > 300)
    assert len(rows) > 50 and np.ptp(rows) < 60 and np.ptp(columns) < 60
