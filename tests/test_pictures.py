"""Images of any number of channels, and signals, as pictures to be shown."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from underbudget.reports.pictures import CURVE_SIZE, CURVES, as_rows, data_uri


@pytest.mark.parametrize(("channels", "shape"), [(1, (4, 5)), (3, (4, 5, 3)), (2, (4, 5)), (7, (4, 5))])
def test_every_number_of_channels_can_be_shown(channels: int, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (channels, 4, 5), np.uint8)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data_uri(pixels).partition(",")[2]))))
    assert shown.shape == shape
    expected = {1: pixels[0], 3: pixels.transpose(1, 2, 0)}.get(channels, pixels.mean(0).round())
    np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize("shape", [(2, 50, 1), (2, 1, 50)])
def test_a_signal_is_drawn_as_curves(shape: tuple[int, int, int]) -> None:
    signal = np.zeros((2, 50), np.uint8)
    signal[1] = np.linspace(255, 255, 50)
    shown = as_rows(signal.reshape(shape))
    assert shown.shape == (*CURVE_SIZE, 3)
    assert (shown[-1] == CURVES[0]).all()  # zeros lie at the bottom
    assert (shown[0] == CURVES[1]).all()
    assert (shown[1:-1] == 255).all()
