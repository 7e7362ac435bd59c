"""Warps and normalisation against torchvision."""

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as tv
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode

from search.data.augment import Normalizer, inverse_matrices, random_matrices, warp_images
from search.training.recipe import Augmentation, Warp

BILINEAR = InterpolationMode.BILINEAR
CPU = torch.device("cpu")


def blob(height: int, width: int, channels: int = 1) -> Tensor:
    """A smooth image without symmetry, black at its border: interpolating it twice costs little."""
    y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    first = torch.exp(-((x - width * 0.42) ** 2) / 30 - (y - height * 0.55) ** 2 / 14)
    second = 0.6 * torch.exp(-((x - width * 0.6) ** 2) / 14 - (y - height * 0.38) ** 2 / 14)
    return 150 * torch.stack([first + second * (1 + channel) / channels for channel in range(channels)])


def matrix(angle: float = 0, shear: float = 0, dx: float = 0, dy: float = 0, scale: float = 1) -> Tensor:
    return inverse_matrices(*(torch.tensor([float(value)]) for value in (angle, shear, dx, dy, scale)))


@pytest.mark.parametrize("size", [(28, 28), (20, 33)])
@pytest.mark.parametrize(
    ("angle", "shear", "dx", "dy", "scale"),
    [
        (10, 0, 0, 0, 1),
        (0, 5, 0, 0, 1),
        (0, 0, 3, -2, 1),
        (0, 0, 0, 0, 1.2),
        (-9, 4, -2, 1, 0.8),
        (170, -30, 1, 5, 1.1),
    ],
)
def test_a_warp_is_torchvisions_affine(
    size: tuple[int, int], angle: float, shear: float, dx: int, dy: int, scale: float
) -> None:
    images = 255 * torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    ours = warp_images(images, matrix(angle, shear, dx, dy, scale))
    theirs = tv.affine(images, angle, [dx, dy], scale, [shear, 0.0], interpolation=BILINEAR)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02)


def test_a_rotation_is_torchvisions_rotate() -> None:
    images = 255 * torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    theirs = tv.rotate(images, 12.5, interpolation=BILINEAR)  # counter-clockwise, its affine is clockwise
    torch.testing.assert_close(warp_images(images, matrix(-12.5)), theirs, rtol=0, atol=0.02)


def test_a_warp_is_what_torchvision_does_to_a_picture() -> None:
    image = blob(28, 28)
    picture = Image.fromarray(image[0].round().byte().numpy())
    theirs = np.asarray(tv.affine(picture, 8.0, [2, -1], 1.1, [5.0, 0.0], interpolation=BILINEAR), dtype=np.float32)
    ours = warp_images(image[None], matrix(8, 5, 2, -1, 1.1))[0, 0].numpy()
    assert np.abs(ours - theirs).max() < 2  # of 255: Pillow rounds to whole grey values


def test_composed_warps_are_the_warps_one_after_the_other() -> None:
    image = blob(28, 28)
    turned = tv.affine(image, 10.0, [0, 0], 1.0, [0.0, 0.0], interpolation=BILINEAR)
    moved = tv.affine(turned, -7.0, [2, -3], 1.0, [5.0, 0.0], interpolation=BILINEAR)
    ours = warp_images(image[None], matrix(10) @ matrix(-7, 5, 2, -3))[0]
    swapped = warp_images(image[None], matrix(-7, 5, 2, -3) @ matrix(10))[0]
    error, other = (ours - moved).abs().max(), (swapped - moved).abs().max()
    assert error < 8 < 15 < other  # of 255: what a second interpolation costs, and what another order would


def test_each_image_has_a_warp_of_its_own_and_what_comes_in_is_black() -> None:
    images = torch.full((3, 1, 8, 8), 200.0)
    warped = warp_images(images, torch.cat([matrix(), matrix(dx=3), matrix(dy=-2)]))[:, 0]
    expected = torch.full((3, 8, 8), 200.0)
    expected[1, :, :3] = 0
    expected[2, -2:, :] = 0
    torch.testing.assert_close(warped, expected, rtol=0, atol=1e-3)


def test_random_warps_stay_in_their_ranges_and_fill_them() -> None:
    generator = torch.Generator().manual_seed(3)
    warp = Warp(rotation=10, shear=5, translation=0.1, scale=(0.8, 1.2))
    inverse = random_matrices(Augmentation((warp,)), 20_000, (20, 28), generator)
    assert inverse is not None
    forward = torch.linalg.inv(inverse.double())
    # forward = R S H: its first column is scale * (cos, sin) of the angle
    scale = forward[:, :2, 0].norm(dim=1)
    angle = torch.rad2deg(torch.atan2(forward[:, 1, 0], forward[:, 0, 0]))
    upright = inverse_matrices(angle, angle * 0, angle * 0, angle * 0, scale) @ forward  # H and the translation
    shear = torch.rad2deg(torch.atan(-upright[:, 0, 1]))
    for values, low, high in ((angle, -10, 10), (shear, -5, 5), (scale, 0.8, 1.2)):
        counts = torch.histc(values.float(), 10, low, high)
        assert counts.sum() == 20_000  # none outside
        assert counts.min() > 1_800  # 2,000 expected in each tenth, standard deviation 42
        assert counts.max() < 2_200
    dx, dy = forward[:, 0, 2], forward[:, 1, 2]
    # uniform in -2.8..2.8, rounded: 3 has 0.3 of 5.6, 0 has 1 of 5.6; -2..2 in the other direction
    assert dx.round().unique().tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert dy.round().unique().tolist() == [-2, -1, 0, 1, 2]
    assert (dx - dx.round()).abs().max() < 1e-4
    assert (dx.round() == 3).double().mean() == pytest.approx(0.3 / 5.6, abs=0.01)
    assert (dx.round() == 0).double().mean() == pytest.approx(1 / 5.6, abs=0.015)


def test_two_rotations_add_up() -> None:
    generator = torch.Generator().manual_seed(1)
    inverse = random_matrices(Augmentation((Warp(rotation=10), Warp(rotation=10))), 5_000, (28, 28), generator)
    assert inverse is not None
    angles = torch.rad2deg(torch.atan2(inverse[:, 0, 1], inverse[:, 0, 0]))
    assert 18 < angles.abs().max() <= 20
    assert (angles.abs() < 10).double().mean() == pytest.approx(0.75, abs=0.03)  # the sum of two is triangular


def test_warps_are_applied_in_their_order() -> None:
    enlarge, move = Warp(scale=(2.0, 2.0)), Warp(translation=0.1)  # up to 3 of 28 pixels
    for warps, farthest in (((enlarge, move), 3), ((move, enlarge), 6)):
        inverse = random_matrices(Augmentation(warps), 200, (28, 28), torch.Generator().manual_seed(2))
        assert inverse is not None
        assert torch.linalg.inv(inverse)[:, :2, 2].abs().max() == pytest.approx(farthest, abs=1e-4)


def test_the_generator_alone_decides() -> None:
    augmentation = Augmentation((Warp(rotation=10, translation=0.1),))
    first, again, other = (
        random_matrices(augmentation, 50, (28, 28), torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
    )
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert random_matrices(Augmentation(), 50, (28, 28), torch.Generator()) is None


def test_normalisation_is_torchvisions() -> None:
    pixels = torch.randint(0, 256, (4, 3, 5, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = (0.1307, 0.5, 0.4), (0.3081, 0.2, 0.25)
    theirs = torch.stack([tv.normalize(tv.convert_image_dtype(image), list(mean), list(std)) for image in pixels])
    ours = Normalizer(mean, std, CPU)(pixels)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-6)
