"""The optimizers of a recipe, torch's own, and the average of the weights that they change.

The average is an exponential moving one (Polyak and Juditsky 1992, in the form that is usual since Tan and Le,
"EfficientNet", 2019), which is evaluated and kept in the weights' place. After each optimiser step it moves by 1 - d
towards them: d is the recipe's decay, but at most (1 + n) / (10 + n) after n steps, as in TensorFlow's
`ExponentialMovingAverage`, so that the initial weights are soon forgotten. Batch norm's running means and variances
are averaged alike (torch's `AveragedModel` with `use_buffers=True`).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from underbudget.search.training.recipe import Recipe


def optimizer_of(recipe: Recipe, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
    """The recipe's optimizer over parameters that lie on one device.

    sgd: `torch.optim.SGD`; adam: `Adam` (Kingma and Ba 2015), decay added to the gradient; adamw: `AdamW` (Loshchilov
    and Hutter 2019), decay apart from it. Adam's epsilon is 1e-8.
    """
    fused = parameters[0].device.type in ("cpu", "cuda")
    common: dict[str, Any] = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "fused": fused}
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=recipe.momentum, nesterov=recipe.nesterov, **common)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, betas=(recipe.momentum, recipe.beta2), **common)


def set_pace(optimizer: torch.optim.Optimizer, lr: float, momentum: float) -> None:
    """Learning rate and momentum of the next step; Adam's momentum is its beta1, as `OneCycleLR` has it."""
    for group in optimizer.param_groups:
        group["lr"] = lr
        if "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        else:
            group["momentum"] = momentum


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
        before = [tensor.clone() for tensor in self.tensors]
        torch._foreach_copy_(self.tensors, self.averages)
        try:
            yield
        finally:
            torch._foreach_copy_(self.tensors, before)


def average_of(recipe: Recipe, tensors: Iterable[Tensor]) -> Average | None:
    """The average that a recipe asks for, over the float tensors among those given; None where it asks for none."""
    return Average([tensor for tensor in tensors if tensor.is_floating_point()], recipe.ema) if recipe.ema else None


def held(average: Average | None) -> AbstractContextManager[None]:
    """The average in place within a block, if there is one."""
    return average.in_place() if average else nullcontext()
