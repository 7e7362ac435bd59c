"""The digits embedded in scikit-learn, brought to the size of MNIST.

1,797 handwritten digits of 8x8 pixels, values 0..16: the test part of "Optical Recognition of Handwritten Digits"
(Alpaydin and Kaynak, UCI Machine Learning Repository, 1998). Each gets a border of two empty pixels, which leaves room
around the digit as MNIST has it, and is then enlarged bilinearly from 12x12 to 28x28.
"""

import numpy as np
import numpy.typing as npt

from underbudget.search.data.store import Part

SIDE = 28
_BORDERED = 12


def read_digits() -> Part:
    """All 1,797 digits, images (1797, 1, 28, 28), in scikit-learn's order."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Part(images=enlarge(digits.images.astype(np.int64)), labels=digits.target.astype(np.int64))


def enlarge(images: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Images (n, 8, 8) of values 0..16 as (n, 1, 28, 28) of values 0..255.

    Bilinear with pixel centres at half-integers, as Pillow and torch (`align_corners=False`) have it, in integers: the
    pixels, and with them the checksum, are the same on every machine.
    """
    # Output pixel i has its centre at (i + 1/2) * 12/28 - 1/2 = (3i - 2) / 7 in input pixels: weights are sevenths.
    scale, rows = 7, np.arange(SIDE)
    left, sevenths = np.divmod(3 * rows - 2, scale)
    weights = np.zeros((SIDE, _BORDERED), dtype=np.int64)
    weights[rows, left.clip(0)] += scale - sevenths
    weights[rows, (left + 1).clip(None, _BORDERED - 1)] += sevenths
    bordered = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    enlarged = weights @ bordered @ weights.T  # scale**2 too large, of 0..16
    divisor = 16 * scale**2
    return ((enlarged * 255 * 2 + divisor) // (2 * divisor)).astype(np.uint8)[:, None]  # rounded half up
