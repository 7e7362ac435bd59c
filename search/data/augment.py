"""Random affine warps of a whole batch in one interpolation, and normalisation.

The conventions are torchvision's (`RandomAffine` and `transforms.functional.affine`): angles in degrees, a positive
angle turns clockwise as seen, a positive x-shear moves the lower rows left, translation in whole pixels to the right
and down, all about the centre of the image, x' = T R S H x for translation T, rotation R, scale S and shear H. What
comes in from outside is black. Warps that follow each other are composed into one matrix per image, so an image is
interpolated (bilinear) once.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from search.training.recipe import Augmentation, Warp


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

    size: (height, width) in pixels.
    """
    result: Tensor | None = None
    for warp in augmentation.warps:
        matrices = _draw(warp, count, size, generator)
        # the warp that is applied last is undone first
        result = matrices if result is None else result @ matrices
    return result


def _draw(warp: "Warp", count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    uniform = torch.rand(5, count, generator=generator) * 2 - 1  # -1..1
    low, high = warp.scale
    return inverse_matrices(
        angle=uniform[0] * warp.rotation,
        shear=uniform[1] * warp.shear,
        dx=torch.round(uniform[2] * (warp.translation * size[1])),
        dy=torch.round(uniform[3] * (warp.translation * size[0])),
        scale=(low + high) / 2 + uniform[4] * (high - low) / 2,
    )


def warp_images(images: Tensor, matrices: Tensor) -> Tensor:
    """Warp float images (n, channels, height, width) by maps (n, 3, 3) from output to input positions in pixels."""
    height, width = images.shape[-2:]
    # affine_grid counts in halves of the image: -1 and 1 are its outer edges (align_corners=False)
    unit = torch.tensor([width / 2, height / 2, 1.0], dtype=matrices.dtype, device=matrices.device)
    theta = (matrices * unit / unit[:, None])[:, :2]
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


class Normalizer:
    """Pixels 0..255 to (pixel / 255 - mean) / std, per channel."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> None:
        self.mean = torch.tensor(mean, device=device).view(1, -1, 1, 1) * 255
        self.scale = 1 / (torch.tensor(std, device=device).view(1, -1, 1, 1) * 255)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images (n, channels, height, width) of any number type; the result is float32."""
        return (images - self.mean) * self.scale
