"""Warps, perspective, jitter, erasing and normalisation against torchvision."""

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as tv
from PIL import Image
from torch import Tensor
from torchvision.transforms import ColorJitter, InterpolationMode, RandomErasing, RandomPerspective
from torchvision.transforms.functional import _get_perspective_coeffs

from underbudget.search.training.geometric_augmentation import (
    Normalizer,
    fill_of,
    inverse_matrices,
    perspective_matrices,
    random_matrices,
    transform_images,
)
from underbudget.search.training.pixel_augmentation import change_pixels, random_pixel_changes
from underbudget.search.training.recipe import Affine, Augmentation, Erasing, Jitter, Masks, Perspective

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
    ours = transform_images(images, matrix(angle, shear, dx, dy, scale))
    theirs = tv.affine(images, angle, [dx, dy], scale, [shear, 0.0], interpolation=BILINEAR)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02)


def test_a_rotation_is_torchvisions_rotate() -> None:
    images = 255 * torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    theirs = tv.rotate(images, 12.5, interpolation=BILINEAR)  # counter-clockwise, its affine is clockwise
    torch.testing.assert_close(transform_images(images, matrix(-12.5)), theirs, rtol=0, atol=0.02)


def test_a_warp_is_what_torchvision_does_to_a_picture() -> None:
    image = blob(28, 28)
    picture = Image.fromarray(image[0].round().byte().numpy())
    theirs = np.asarray(tv.affine(picture, 8.0, [2, -1], 1.1, [5.0, 0.0], interpolation=BILINEAR), dtype=np.float32)
    ours = transform_images(image[None], matrix(8, 5, 2, -1, 1.1))[0, 0].numpy()
    assert np.abs(ours - theirs).max() < 2  # of 255: Pillow rounds to whole grey values


def test_composed_warps_are_the_warps_one_after_the_other() -> None:
    image = blob(28, 28)
    turned = tv.affine(image, 10.0, [0, 0], 1.0, [0.0, 0.0], interpolation=BILINEAR)
    moved = tv.affine(turned, -7.0, [2, -3], 1.0, [5.0, 0.0], interpolation=BILINEAR)
    ours = transform_images(image[None], matrix(10) @ matrix(-7, 5, 2, -3))[0]
    swapped = transform_images(image[None], matrix(-7, 5, 2, -3) @ matrix(10))[0]
    error, other = (ours - moved).abs().max(), (swapped - moved).abs().max()
    assert error < 8 < 15 < other  # of 255: what a second interpolation costs, and what another order would


def test_each_image_has_a_warp_of_its_own_and_what_comes_in_is_black() -> None:
    images = torch.full((3, 1, 8, 8), 200.0)
    warped = transform_images(images, torch.cat([matrix(), matrix(dx=3), matrix(dy=-2)]))[:, 0]
    expected = torch.full((3, 8, 8), 200.0)
    expected[1, :, :3] = 0
    expected[2, -2:, :] = 0
    torch.testing.assert_close(warped, expected, rtol=0, atol=1e-3)


def test_random_warps_stay_in_their_ranges_and_fill_them() -> None:
    generator = torch.Generator().manual_seed(3)
    warp = Affine(rotation=10, shear=5, translation=0.1, scale=(0.8, 1.2))
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
    inverse = random_matrices(Augmentation((Affine(rotation=10), Affine(rotation=10))), 5_000, (28, 28), generator)
    assert inverse is not None
    angles = torch.rad2deg(torch.atan2(inverse[:, 0, 1], inverse[:, 0, 0]))
    assert 18 < angles.abs().max() <= 20
    assert (angles.abs() < 10).double().mean() == pytest.approx(0.75, abs=0.03)  # the sum of two is triangular


def test_warps_are_applied_in_their_order() -> None:
    enlarge, move = Affine(scale=(2.0, 2.0)), Affine(translation=0.1)  # up to 3 of 28 pixels
    for warps, farthest in (((enlarge, move), 3), ((move, enlarge), 6)):
        inverse = random_matrices(Augmentation(warps), 200, (28, 28), torch.Generator().manual_seed(2))
        assert inverse is not None
        assert torch.linalg.inv(inverse)[:, :2, 2].abs().max() == pytest.approx(farthest, abs=1e-4)


def test_the_generator_alone_decides() -> None:
    augmentation = Augmentation((Affine(rotation=10, translation=0.1),))
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


def test_a_perspective_is_torchvisions() -> None:
    """The same corners give the same picture, and the same eight coefficients."""
    generator = torch.Generator().manual_seed(0)
    for height, width in ((28, 28), (20, 33)):
        image = 255 * torch.rand(1, 2, height, width, generator=generator)
        start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        for end in (start, [[3, 1], [width - 3, 4], [width - 1, height - 6], [5, height - 2]]):
            ours = perspective_matrices(torch.tensor([end]).float(), (height, width))
            theirs = tv.perspective(image, start, end, interpolation=BILINEAR)
            torch.testing.assert_close(transform_images(image, ours, perspective=True), theirs, rtol=0, atol=0.02)
            centre = torch.tensor([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]], dtype=torch.float64)
            from_corner = torch.linalg.inv(centre) @ ours[0].double() @ centre
            coefficients = (from_corner / from_corner[2, 2]).flatten()[:8].tolist()
            assert coefficients == pytest.approx(_get_perspective_coeffs(start, end), rel=1e-4, abs=1e-6)


def test_affine_maps_are_the_same_by_both_ways() -> None:
    images = 255 * torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    matrices = random_matrices(Augmentation((Affine(30, 20, 0.2, (0.6, 1.5)),)), 20, (28, 28), torch.Generator())
    assert matrices is not None
    torch.testing.assert_close(
        transform_images(images, matrices, perspective=True), transform_images(images, matrices), rtol=0, atol=0.05
    )


def test_a_perspective_comes_after_the_warps() -> None:
    image, size, warp = blob(28, 28), (28, 28), Affine(rotation=40)
    both, turn = (
        random_matrices(Augmentation((warp,), view), 1, size, torch.Generator().manual_seed(8))
        for view in (Perspective(0.6, 1.0), None)
    )
    assert both is not None
    assert turn is not None
    centre = torch.tensor([[1, 0, -14], [0, 1, -14], [0, 0, 1]], dtype=torch.float64)
    view = torch.linalg.inv(turn.double())[0] @ both[0].double()
    start = [[0, 0], [27, 0], [27, 27], [0, 27]]
    mapped = (
        torch.linalg.inv(torch.linalg.inv(centre) @ view @ centre) @ torch.tensor([[*c, 1] for c in start]).double().T
    )
    end = (mapped[:2] / mapped[2]).T
    assert (end - end.round()).abs().max() < 1e-3  # corners go to whole pixels, as torchvision has it
    turned = transform_images(image[None], turn)[0]
    theirs = tv.perspective(turned, start, end.round().int().tolist(), interpolation=BILINEAR)
    assert (transform_images(image[None], both, perspective=True)[0] - theirs).abs().max() < 8  # a second interpolation


@pytest.mark.parametrize("size", [(28, 28), (9, 20)])
def test_random_perspectives_move_the_corners_as_torchvision_does(size: tuple[int, int]) -> None:
    """Corner by corner the offsets are uniform over the whole pixels that RandomPerspective.get_params draws from."""
    height, width = size
    augmentation, count = Augmentation(perspective=Perspective(0.4, 0.7)), 20_000
    back = random_matrices(augmentation, count, size, torch.Generator().manual_seed(4))
    assert back is not None
    moved = ~(back == torch.eye(3)).all(2).all(1)
    stay = 1 / np.prod([(int(0.4 * (side // 2)) + 1) ** 4 for side in size])  # drawn, with all corners where they were
    assert moved.double().mean() == pytest.approx(0.7 * (1 - stay), abs=0.012)
    centre = torch.tensor([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]], dtype=torch.float64)
    forward = torch.linalg.inv(torch.linalg.inv(centre) @ back[moved].double() @ centre)
    torch.manual_seed(0)
    theirs = torch.tensor([RandomPerspective.get_params(width, height, 0.4)[1] for _ in range(4_000)])
    corners = ((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1))
    for index, corner in enumerate(corners):
        mapped = forward @ torch.tensor([*map(float, corner), 1.0], dtype=torch.float64)
        places = mapped[:, :2] / mapped[:, 2:]
        assert (places - places.round()).abs().max() < 0.01
        for axis in (0, 1):
            values, counts = places[:, axis].round().unique(return_counts=True)
            assert values.tolist() == theirs[:, index, axis].unique().tolist()
            assert counts.min() > 0.9 * counts.sum() / len(counts)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("brightness", "contrast"), [(1.4, 1.0), (0.6, 1.0), (1.0, 1.4), (1.0, 0.6), (1.9, 0.3), (0.5, 2.5), (0, 0)]
)
def test_jitter_is_torchvisions(channels: int, brightness: float, contrast: float) -> None:
    image = torch.rand(1, channels, 12, 15, generator=torch.Generator().manual_seed(0))
    both = [[brightness, contrast, order, 0, 0, 0, 0] for order in (0.0, 1.0)]
    ours = change_pixels(255 * image.expand(2, -1, -1, -1), torch.tensor(both)) / 255
    brightness_first = tv.adjust_contrast(tv.adjust_brightness(image, brightness), contrast)[0]
    contrast_first = tv.adjust_brightness(tv.adjust_contrast(image, contrast), brightness)[0]
    torch.testing.assert_close(ours, torch.stack([brightness_first, contrast_first]), rtol=0, atol=1e-5)


def test_random_jitter_is_drawn_as_torchvision_draws_it() -> None:
    drawn = random_pixel_changes(Augmentation(jitter=Jitter(0.4, 1.2)), 30_000, (28, 28), torch.Generator())
    assert drawn is not None
    assert drawn.shape == (30_000, 3)  # nothing is erased
    assert drawn[:, 2].unique().tolist() == [0, 1]
    assert drawn[:, 2].mean() == pytest.approx(0.5, abs=0.012)
    theirs = ColorJitter(0.4, 1.2)
    for column, bounds in ((0, theirs.brightness), (1, theirs.contrast)):
        counts = torch.histc(drawn[:, column], 10, *bounds)
        assert counts.sum() == 30_000  # none outside
        assert counts.min() > 2_750


def test_erasing_blackens_the_rectangle_that_torchvision_would() -> None:
    images = 1 + 254 * torch.rand(2, 3, 10, 14, generator=torch.Generator().manual_seed(0))
    rectangles = torch.tensor([[1, 1, 0, 2, 3, 4, 5], [1, 1, 0, 0, 0, 0, 7]]).float()
    theirs = torch.stack([tv.erase(images[0], 2, 3, 4, 5, torch.zeros(1)), images[1]])
    assert torch.equal(change_pixels(images, rectangles), theirs)


@pytest.mark.parametrize("erasing", [Erasing(0.8), Erasing(0.3, (0.4, 0.9), (0.2, 5.0))])
def test_random_rectangles_are_distributed_as_torchvisions(erasing: Erasing) -> None:
    """Two samples of each number, ours and theirs, by the two-sample Kolmogorov-Smirnov distance."""
    count = 4_000
    drawn = random_pixel_changes(Augmentation(erasing=erasing), count, (20, 28), torch.Generator().manual_seed(2))
    assert drawn is not None
    assert (drawn[:, :2] == 1).all()  # brightness and contrast as they are
    torch.manual_seed(1)
    empty, theirs = torch.empty(1, 20, 28), []
    for _ in range(count):
        top, left, height, width, value = RandomErasing.get_params(empty, erasing.area, erasing.ratio, [0.0])
        theirs.append([top, left, height, width] if value.numel() == 1 else [0, 0, 0, 0])
    found = torch.tensor([item for item in theirs if item[2]]).float()
    erased = drawn[drawn[:, 5] > 0, 3:]
    assert len(erased) / count == pytest.approx(erasing.probability * len(found) / count, abs=0.035)
    for column in range(4):
        both = torch.cat([erased[:, column], found[:, column]]).unique()
        ours = (erased[:, column] <= both[:, None]).double().mean(1)
        assert (ours - (found[:, column] <= both[:, None]).double().mean(1)).abs().max() < 0.06


def test_retouches_are_none_where_there_is_nothing_to_do_and_leave_the_warps() -> None:
    warps, size = (Affine(rotation=10),), (28, 28)
    assert random_pixel_changes(Augmentation(warps), 5, size, torch.Generator()) is None
    plain, more = Augmentation(warps), Augmentation(warps, Perspective(0.2, 0.0), Jitter(0.1, 0.1), Erasing())
    first, second = (random_matrices(each, 50, size, torch.Generator().manual_seed(3)) for each in (plain, more))
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)


def test_a_mirror_is_torchvisions_flip_and_happens_as_often_as_asked() -> None:
    images = 255 * torch.rand(400, 3, 9, 14, generator=torch.Generator().manual_seed(0))
    matrices = random_matrices(Augmentation(mirror=0.3), 400, (9, 14), torch.Generator().manual_seed(1))
    assert matrices is not None
    ours = transform_images(images, matrices)
    flipped = matrices[:, 0, 0] < 0
    torch.testing.assert_close(ours[flipped], tv.hflip(images[flipped]), rtol=0, atol=0.02)
    torch.testing.assert_close(ours[~flipped], images[~flipped], rtol=0, atol=0.02)
    assert flipped.double().mean() == pytest.approx(0.3, abs=0.07)  # three standard deviations


def test_a_mirror_comes_after_the_warps_and_leaves_them() -> None:
    warps, size = (Affine(rotation=30, translation=0.2),), (20, 20)
    plain, mirrored = (
        random_matrices(Augmentation(warps, mirror=share), 50, size, torch.Generator().manual_seed(3))
        for share in (0.0, 1.0)
    )
    assert plain is not None
    assert mirrored is not None
    image = blob(20, 20)[None].expand(50, -1, -1, -1)
    flipped = tv.hflip(transform_images(image, plain))
    torch.testing.assert_close(transform_images(image, mirrored), flipped, rtol=0, atol=0.02)


def test_a_translation_may_be_of_one_direction() -> None:
    for warp, axis in ((Affine(translation=0.2, translation_y=0), 0), (Affine(translation_y=0.2), 1)):
        matrices = random_matrices(Augmentation((warp,)), 500, (20, 30), torch.Generator())
        assert matrices is not None
        moved = matrices[:, :2, 2].abs().amax(0)
        assert moved[axis] == pytest.approx((6, 4)[axis], abs=1e-4)
        assert moved[1 - axis] == 0


def test_what_comes_in_has_the_fill() -> None:
    """As if the image lay on a large sheet of that colour. (torchvision's own `fill` blends the border twice.)"""
    images = 255 * torch.rand(1, 3, 12, 15, generator=torch.Generator().manual_seed(0))
    fill = torch.tensor([50.0, 100.0, 150.0]).view(3, 1, 1)
    sheet = fill.expand(1, 3, 72, 75).clone()
    sheet[..., 30:42, 30:45] = images
    theirs = tv.affine(sheet, 20, [2, -1], 0.7, [3.0, 0.0], interpolation=BILINEAR)[..., 30:42, 30:45]
    ours = transform_images(images, matrix(20, 3, 2, -1, 0.7), fill=fill)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.05)
    erased = change_pixels(images, torch.tensor([[1.0, 1, 0, 2, 3, 4, 5]]), fill)
    assert torch.equal(erased, tv.erase(images, 2, 3, 4, 5, fill))
    assert fill_of(Augmentation(), (0.2,), CPU) is None
    assert fill_of(Augmentation(fill="mean"), (0.2, 0.4), CPU).flatten().tolist() == pytest.approx([51, 102])  # type: ignore[union-attr]


def mask_along_axis(share: float, side: int, wide: float, place: float) -> tuple[int, int]:
    """(first, end) of torchaudio.functional.mask_along_axis, whose random numbers are `wide` and `place`."""
    value = wide * (share * side)
    least = place * (side - value)
    return int(least), int(least) + int(value)


def test_bands_are_those_of_torchaudio() -> None:
    height, width, masks = 20, 30, Masks(0.3, 0.5)
    source = torch.Generator().manual_seed(7)
    drawn = random_pixel_changes(Augmentation(masks=masks), 60, (height, width), torch.Generator().manual_seed(7))
    assert drawn is not None
    images = torch.full((60, 1, height, width), 9.0)
    ours = change_pixels(images, drawn)[:, 0] == 0
    expected = torch.zeros_like(ours)
    for across, share, side in ((True, masks.rows, height), (False, masks.columns, width)):
        wide, place = torch.rand(2, 60, generator=source).tolist()
        for image in range(60):
            first, end = mask_along_axis(share, side, wide[image], place[image])
            band = expected[image] if across else expected[image].T
            band[first:end] = True
    assert torch.equal(ours, expected)
    assert ours.all(2).sum(1).max() == 5  # rows: under 6 of 20, cut to whole ones
    assert ours.all(1).sum(1).max() == 14
