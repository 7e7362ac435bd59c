"""An exponential moving average of a network's weights, which is judged and kept in their place.

After each optimiser step the average moves by 1 - d towards the weights: Polyak and Juditsky (1992) in the exponential
form that is usual since Tan and Le, "EfficientNet" (2019). d is the recipe's decay, but at most (1 + n) / (10 + n)
after n steps, as in TensorFlow's `ExponentialMovingAverage`, so that the initial weights are soon forgotten. Batch
norm's running means and variances are averaged alike (torch's `AveragedModel` with `use_buffers=True`).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

from underbudget.search.training.recipe import Recipe


class Average:
    """The average of some float tensors, which another changes in place."""

    def __init__(self, tensors: Sequence[Tensor], decay: float) -> None:
        """decay: per step, at least 0 and under 1."""
        self.tensors = [tensor.detach() for tensor in tensors]
        self.averages = [tensor.clone() for tensor in self.tensors]
        self.decay = decay
        self.steps = 0

    def update(self) -> None:
        """Take in the tensors as they are after one more optimiser step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.averages, self.tensors, 1 - decay)
        self.steps += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The tensors hold the average within the block, and what they held before after it."""
        held = [tensor.clone() for tensor in self.tensors]
        _copy(self.averages, self.tensors)
        try:
            yield
        finally:
            _copy(held, self.tensors)


def _copy(values: list[Tensor], into: list[Tensor]) -> None:
    for target, value in zip(into, values, strict=True):
        target.copy_(value)


def average_of(recipe: Recipe, tensors: Iterable[Tensor]) -> Average | None:
    """The average that a recipe asks for, over the float tensors among those given; None where it asks for none."""
    return Average([tensor for tensor in tensors if tensor.is_floating_point()], recipe.ema) if recipe.ema else None


def held(average: Average | None) -> AbstractContextManager[None]:
    """The average in place within a block, if there is one."""
    return average.in_place() if average else nullcontext()
