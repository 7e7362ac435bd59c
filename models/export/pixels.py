"""The network with its normalisation in front, for formats whose graph takes pixels as they are in a picture."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from underbudget.models.export.contents import Export, module
from underbudget.models.export.preprocessing import normalise


class Normalise(nn.Module):
    """Pixels 0..255, (n, channels, height, width), as the network takes them."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, pixels: Tensor) -> Tensor:
        return normalise(pixels, self.mean, self.std)


def from_pixels(export: Export) -> nn.Sequential:
    """The network for float32 pixels 0..255, in eval mode; the keys of its state dict are those of `models.build`."""
    layers = OrderedDict([("normalise", Normalise(export.mean, export.std)), *module(export).named_children()])
    return nn.Sequential(layers).eval()


def example(export: Export) -> Tensor:
    """Two black pictures: a batch of one would be taken for a constant."""
    return torch.zeros(2, *export.plan.input_shape)
