"""The optimizers of a recipe: torch's own, whose rate and momentum are set anew for each step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from underbudget.search.training.recipe import Recipe


def optimizer_of(recipe: Recipe, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
    """The recipe's optimizer over parameters that lie on one device.

    sgd: `torch.optim.SGD`; adam: `Adam` (Kingma and Ba 2015), decay added to the gradient; adamw: `AdamW` (Loshchilov
    and Hutter 2019), decay apart from it. Adam's epsilon is 1e-8.
    """
    fused = parameters[0].device.type in ("cpu", "cuda")
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=recipe.lr,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            weight_decay=recipe.weight_decay,
            fused=fused,
        )
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    betas = (recipe.momentum, recipe.beta2)
    return kind(parameters, lr=recipe.lr, betas=betas, weight_decay=recipe.weight_decay, fused=fused)


def set_pace(optimizer: torch.optim.Optimizer, lr: float, momentum: float) -> None:
    """Learning rate and momentum of the next step; Adam's momentum is its beta1, as `OneCycleLR` has it."""
    for group in optimizer.param_groups:
        group["lr"] = lr
        if "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        else:
            group["momentum"] = momentum
