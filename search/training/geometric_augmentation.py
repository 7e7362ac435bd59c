"""Random affine warps and perspective views of a whole batch in one interpolation, and normalisation.

The conventions are torchvision's (`RandomAffine`, `transforms.functional.affine`, `RandomPerspective`): angles in
degrees, a positive angle turns clockwise as seen, a positive x-shear moves the lower rows left, translation in whole
pixels to the right and down, all about the centre of the image, x' = T R S H x for translation T, rotation R, scale S
and shear H. A mirror (`RandomHorizontalFlip`) comes last. Maps that follow each other are composed into one matrix per
image, so an image is interpolated (bilinear) once.
"""

from functools import cache, reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from underbudget.search.training.recipe import Affine, Augmentation, Perspective

_HORIZON = 1e-6  # where a perspective's denominator vanishes; what lies there is far outside the image
_FAR = 3.0  # half images from the centre: surely outside


def inverse_matrices(angle: Tensor, shear: Tensor, dx: Tensor, dy: Tensor, scale: Tensor) -> Tensor:
    """Maps from output to input positions, (n, 3, 3), in pixels from the centre of the image.

    angle, shear: degrees, (n,); dx, dy: pixels, (n,); scale: over 0, (n,).
    """
    turn, skew = torch.deg2rad(angle), torch.tan(torch.deg2rad(shear))
    cosine, sine = torch.cos(turn), torch.sin(turn)
    # forward: R S H with H = [1, -tan; 0, 1]; its inverse is H^-1 R^-1 / scale
    a = (cosine - skew * sine) / scale
    b = (sine + skew * cosine) / scale
    c = -sine / scale
    d = cosine / scale
    zero, one = torch.zeros_like(a), torch.ones_like(a)
    rows = (a, b, -(a * dx + b * dy), c, d, -(c * dx + d * dy), zero, zero, one)
    return torch.stack(rows, dim=1).view(-1, 3, 3)


def random_matrices(
    augmentation: "Augmentation", count: int, size: tuple[int, int], generator: torch.Generator
) -> Tensor | None:
    """Composed maps from output to input positions of `count` images, (count, 3, 3), or None where nothing is warped.

    size: (height, width) in pixels. Maps are affine (last row 0, 0, 1) where the augmentation has no perspective.
    """
    drawn = [_draw(warp, count, size, generator) for warp in augmentation.warps]
    if augmentation.perspective is not None:
        drawn.append(_draw_perspective(augmentation.perspective, count, size, generator))
    if augmentation.mirror:
        flipped = torch.rand(count, generator=generator) < augmentation.mirror
        drawn.append(torch.where(flipped[:, None, None], torch.diag(torch.tensor([-1.0, 1.0, 1.0])), torch.eye(3)))
    # the warp that is applied last is undone first
    return reduce(torch.matmul, drawn) if drawn else None


def _draw(warp: "Affine", count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    uniform = torch.rand(5, count, generator=generator) * 2 - 1  # -1..1
    low, high = warp.scale
    down = warp.translation if warp.translation_y is None else warp.translation_y
    return inverse_matrices(
        angle=uniform[0] * warp.rotation,
        shear=uniform[1] * warp.shear,
        dx=torch.round(uniform[2] * (warp.translation * size[1])),
        dy=torch.round(uniform[3] * (down * size[0])),
        scale=(low + high) / 2 + uniform[4] * (high - low) / 2,
    )


def perspective_matrices(corners: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps from output to input positions, (n, 3, 3), in pixels from the centre of the image.

    corners: where the image's corner pixels go, (n, 4, 2): upper left, upper right, lower right, lower left, each
    (column, row) from 0, a convex quadrilateral; size: (height, width) in pixels. As torchvision has it, corners are
    pixels' indices and positions are pixels' centres: half a pixel apart.
    """
    height, width = size
    first, second, third, fourth = corners.double().unbind(1)
    # unit square to quadrilateral: Heckbert, "Fundamentals of Texture Mapping and Image Warping" (1989), section 2.2.3
    right, left, both = second - third, fourth - third, first - second + third - fourth
    size_of = _cross(right, left)
    g, h = _cross(both, left) / size_of, _cross(right, both) / size_of
    columns = [
        torch.cat([second - first + g[:, None] * second, g[:, None]], 1),
        torch.cat([fourth - first + h[:, None] * fourth, h[:, None]], 1),
        torch.cat([first, torch.ones_like(g)[:, None]], 1),
    ]
    # the inverse but for a factor, which a perspective does not see
    back = torch.stack([torch.linalg.cross(columns[i - 2], columns[i - 1]) for i in range(3)], dim=1)
    pixels = torch.diag(torch.tensor([width - 1.0, height - 1.0, 1.0], dtype=torch.float64))
    centre = torch.tensor([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]], dtype=torch.float64)
    result: Tensor = centre @ pixels @ back @ torch.linalg.inv(centre)
    return (result / result[:, 2:, 2:]).float()


def _cross(one: Tensor, other: Tensor) -> Tensor:
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]


def _draw_perspective(view: "Perspective", count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    uniform = torch.rand(9, count, generator=generator)
    height, width = size
    far = torch.tensor([width - 1.0, height - 1.0])
    reach = torch.tensor([int(view.distortion * (width // 2)), int(view.distortion * (height // 2))])
    inwards = torch.floor(uniform[:8].view(4, 2, count) * (reach + 1.0)[:, None]).permute(2, 0, 1)  # (count, 4, 2)
    ends = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    matrices = perspective_matrices(ends * far + (1 - 2 * ends) * inwards, size)
    return torch.where((uniform[8] < view.probability)[:, None, None], matrices, torch.eye(3))


def transform_images(images: Tensor, matrices: Tensor, perspective: bool = False, fill: Tensor | None = None) -> Tensor:
    """Warp float images (n, channels, height, width) by maps (n, 3, 3) from output to input positions in pixels.

    perspective: whether the maps are more than affine; fill: what comes in from outside, (channels, 1, 1); None: 0.
    """
    if fill is not None:
        return transform_images(images - fill, matrices, perspective) + fill
    height, width = images.shape[-2:]
    # affine_grid counts in halves of the image: -1 and 1 are its outer edges (align_corners=False)
    unit = _unit(width, height, matrices.dtype, matrices.device)
    theta = matrices * unit / unit[:, None]
    if perspective:
        flat = functional.affine_grid(torch.eye(2, 3, device=matrices.device)[None], [1, 1, height, width], False)
        places = torch.cat([flat.view(-1, 2), torch.ones(height * width, 1, device=matrices.device)], 1)
        mapped = places @ theta.transpose(1, 2)  # (n, height * width, 3), homogeneous
        depth = mapped[..., 2:]
        depth = torch.where(depth.abs() < _HORIZON, _HORIZON, depth)
        grid = (mapped[..., :2] / depth).clamp(-_FAR, _FAR).view(-1, height, width, 2)
    else:
        grid = functional.affine_grid(theta[:, :2], list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@cache
def _unit(width: int, height: int, kind: torch.dtype, device: torch.device) -> Tensor:
    """Half an image in pixels, homogeneous. Cached, since no CUDA graph can record a copy from the host."""
    return torch.tensor([width / 2, height / 2, 1.0], dtype=kind, device=device)


def fill_of(augmentation: "Augmentation", mean: tuple[float, ...], device: torch.device) -> Tensor | None:
    """The fill in pixels 0..255, (channels, 1, 1); None for black. mean: per channel, of pixels in 0..1."""
    return None if augmentation.fill == "black" else torch.tensor(mean, device=device).view(-1, 1, 1) * 255


class Normalizer:
    """From pixels 0..255 to a model's input, (pixel / 255 - mean) / std per channel."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> None:
        self.mean = torch.tensor(mean, device=device).view(1, -1, 1, 1) * 255
        self.scale = 1 / (torch.tensor(std, device=device).view(1, -1, 1, 1) * 255)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images (n, channels, height, width) of any number type; the result is float32, channels last."""
        return ((images - self.mean) * self.scale).contiguous(memory_format=torch.channels_last)
