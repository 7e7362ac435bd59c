"""Dropout whose masks come from a generator of the run's own.

torch's dropout draws from the device's global generator, which trials that run at once in one process share: their
masks would depend on how they interleave. A generator of one's own can also be registered with a CUDA graph, so that
each replay draws new masks.
"""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """As `nn.Dropout`: in train mode values are zeroed at random and the others scaled by 1 / (1 - rate).

    On the CPU it draws as `nn.Dropout` does, so a generator in the same state gives the same mask.
    """

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        """rate: at least 0 and under 1; generator: of the device that the inputs lie on."""
        super().__init__()
        self.rate, self.generator = rate, generator

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return inputs
        mask = torch.empty_like(inputs).bernoulli_(1 - self.rate, generator=self.generator)
        return inputs * mask.div_(1 - self.rate)


def draw_from(model: nn.Sequential, generator: torch.Generator) -> None:
    """Let every dropout of a built network draw from `generator`; names and weights stay as they are."""
    for name, module in model.named_children():
        if isinstance(module, nn.Dropout):
            setattr(model, name, Dropout(module.p, generator))
        elif isinstance(module, Dropout):
            module.generator = generator
