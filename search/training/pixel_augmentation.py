"""Brightness, contrast, erased rectangles and masked bands, for a whole batch at once.

The conventions are torchvision's, `ColorJitter` (of which brightness and contrast; the two in random order) and
`RandomErasing` before normalisation, and of the bands torchaudio's. What is drawn for an image is one row of numbers:

    0  factor of the brightness
    1  factor of the contrast, about the mean grey of the image
    2  1 where contrast comes first, else 0
    3..6  first row, first column, height and width of a rectangle that gets the fill, in pixels; height 0: none
    and four more for each further rectangle

Values are clamped to 0..255 after each of the two.
"""

import math
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from underbudget.search.training.recipe import Augmentation, Erasing, Masks

GREY = (0.2989, 0.587, 0.114)  # shares of red, green and blue, as in torchvision's `rgb_to_grayscale`
_TRIES = 10  # rectangles that are tried before an image stays as it is, as in torchvision


def random_pixel_changes(
    augmentation: "Augmentation", count: int, size: tuple[int, int], generator: torch.Generator
) -> Tensor | None:
    """What is done to `count` images of size (height, width): (count, columns), or None where nothing is."""
    columns = columns_of(augmentation)
    if not columns:
        return None
    result = torch.zeros(count, columns)
    result[:, :2] = 1
    if (jitter := augmentation.jitter) is not None:
        *shares, order = torch.rand(3, count, generator=generator)
        for column, part in enumerate((jitter.brightness, jitter.contrast)):
            result[:, column] = _between(max(0.0, 1 - part), 1 + part, shares[column])
        result[:, 2] = order < 0.5
    if augmentation.erasing is not None:
        result[:, 3:7] = _draw_rectangles(augmentation.erasing, count, size, generator)
    if augmentation.masks is not None:
        result[:, -8:] = _draw_bands(augmentation.masks, count, size, generator)
    return result


def columns_of(augmentation: "Augmentation") -> int:
    """Numbers per image that `random_pixel_changes` draws; 0: it draws none."""
    if (augmentation.jitter, augmentation.erasing, augmentation.masks) == (None, None, None):
        return 0
    return 3 + 4 * ((augmentation.erasing is not None) + 2 * (augmentation.masks is not None))


def _draw_rectangles(erasing: "Erasing", count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    happens = torch.rand(count, generator=generator) < erasing.probability
    area, ratio, top, left = torch.rand(4, _TRIES, count, generator=generator)
    area = _between(*erasing.area, area) * (size[0] * size[1])
    ratio = torch.exp(_between(math.log(erasing.ratio[0]), math.log(erasing.ratio[1]), ratio))
    height, width = torch.round(torch.sqrt(area * ratio)), torch.round(torch.sqrt(area / ratio))
    fits = (height < size[0]) & (width < size[1])
    top, left = torch.floor(top * (size[0] - height + 1)), torch.floor(left * (size[1] - width + 1))
    rectangles = torch.stack([top, left, height, width], dim=2)  # (tries, count, 4)
    first = fits.float().argmax(0)  # the first that fits; 0 where none does
    chosen = rectangles[first, torch.arange(count)]
    return torch.where((happens & fits.any(0))[:, None], chosen, 0.0)


def _draw_bands(masks: "Masks", count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """A band of rows and one of columns, as rectangles: (count, 8)."""
    result = torch.tensor([0, 0, 0, size[1], 0, 0, size[0], 0]).float().repeat(count, 1)
    for first, length, share, side in ((0, 2, masks.rows, size[0]), (5, 7, masks.columns, size[1])):
        wide, place = torch.rand(2, count, generator=generator)
        wide = wide * (share * side)
        result[:, first], result[:, length] = torch.floor(place * (side - wide)), torch.floor(wide)
    return result


def _between(low: float, high: float, share: Tensor) -> Tensor:
    return low + (high - low) * share


def change_pixels(images: Tensor, pixel_changes: Tensor, fill: Tensor | None = None) -> Tensor:
    """Images (n, channels, height, width), float, 0..255, with what `random_pixel_changes` drew for them, (n, columns).

    fill: what rectangles get, (channels, 1, 1); None: 0.
    """
    brightness, contrast, first, *rectangles = pixel_changes[..., None, None, None].unbind(1)
    contrast_first = first > 0
    images = torch.where(contrast_first, _contrasted(images, contrast), images)
    images = (images * brightness).clamp(0, 255)
    images = torch.where(contrast_first, images, _contrasted(images, contrast))
    rows = torch.arange(images.shape[-2], device=images.device)[:, None]
    columns = torch.arange(images.shape[-1], device=images.device)
    for number in range(0, len(rectangles), 4):
        top, left, height, width = rectangles[number : number + 4]
        inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
        images = images.masked_fill(inside, 0.0) if fill is None else torch.where(inside, fill, images)
    return images


@cache
def _grey(device: torch.device) -> Tensor:
    """GREY for (3, height, width). Cached, since no CUDA graph can record a copy from the host."""
    return torch.tensor(GREY, device=device).view(3, 1, 1)


def _contrasted(images: Tensor, factor: Tensor) -> Tensor:
    grey = images
    if images.shape[1] == 3:
        grey = (images * _grey(images.device)).sum(1, keepdim=True)
    mean = grey.mean((1, 2, 3), keepdim=True)
    return (images * factor + mean * (1 - factor)).clamp(0, 255)
