"""The optimizers of a recipe with everything that changes from step to step in tensors, as a CUDA graph needs it.

A graph replays the same kernels with the same arguments: a rate that is a Python number would be that of the step at
which the graph was captured. So the numbers of a step are one row of a table that lies on the device. Formulas are
those of `torch.optim.SGD`, `Adam` (Kingma and Ba 2015) and `AdamW` (Loshchilov and Hutter 2019); epsilon is 1e-8.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from underbudget.search.training.recipe import Recipe

EPSILON = 1e-8


class Sgd:
    """Momentum, Nesterov's too, and weight decay added to the gradient."""

    def __init__(self, parameters: Sequence[Tensor], recipe: Recipe) -> None:
        self._parameters, self._recipe = list(parameters), recipe
        self.state = [torch.zeros_like(parameter) for parameter in parameters]  # what it keeps from step to step

    def row(self, step: int, lr: float, momentum: float) -> list[float]:
        """The numbers of optimiser step `step`, from 0."""
        return [lr, momentum]

    def apply(self, gradients: Sequence[Tensor], row: Tensor) -> None:
        """Change the parameters in place; `row`: what the method of that name gave, on the device."""
        rate, momentum = row.unbind()
        slopes = _with_decay(gradients, self._parameters, self._recipe.weight_decay)
        torch._foreach_mul_(self.state, momentum)
        torch._foreach_add_(self.state, slopes)
        if self._recipe.nesterov:
            ahead = list(torch._foreach_mul(self.state, momentum))
            torch._foreach_add_(ahead, slopes)
        else:
            ahead = self.state
        torch._foreach_sub_(self._parameters, torch._foreach_mul(ahead, rate))


class Adam:
    """Adam, and AdamW where the recipe says so."""

    def __init__(self, parameters: Sequence[Tensor], recipe: Recipe) -> None:
        self._parameters, self._recipe = list(parameters), recipe
        self._apart = recipe.optimizer == "adamw"
        self._means, self._squares = ([torch.zeros_like(each) for each in parameters] for _ in range(2))
        self.state = [*self._means, *self._squares]

    def row(self, step: int, lr: float, momentum: float) -> list[float]:
        """momentum: beta1 of this step, with which torch corrects the bias of all steps so far."""
        first, second = 1 - momentum ** (step + 1), 1 - self._recipe.beta2 ** (step + 1)
        return [lr / first, momentum, 1 - momentum, 1 / math.sqrt(second), 1 - lr * self._recipe.weight_decay]

    def apply(self, gradients: Sequence[Tensor], row: Tensor) -> None:
        size, keep, take, correction, shrink = row.unbind()
        beta2 = self._recipe.beta2
        slopes = list(gradients)
        if self._apart:
            torch._foreach_mul_(self._parameters, shrink)
        else:
            slopes = _with_decay(gradients, self._parameters, self._recipe.weight_decay)
        torch._foreach_mul_(self._means, keep)
        torch._foreach_add_(self._means, torch._foreach_mul(slopes, take))
        torch._foreach_mul_(self._squares, beta2)
        torch._foreach_addcmul_(self._squares, slopes, slopes, 1 - beta2)
        roots = torch._foreach_sqrt(self._squares)
        torch._foreach_mul_(roots, correction)
        torch._foreach_add_(roots, EPSILON)
        changes = torch._foreach_div(self._means, roots)
        torch._foreach_mul_(changes, size)
        torch._foreach_sub_(self._parameters, changes)


def update_of(recipe: Recipe, parameters: Sequence[Tensor]) -> Sgd | Adam:
    """The recipe's optimizer over parameters that lie on one device."""
    return Sgd(parameters, recipe) if recipe.optimizer == "sgd" else Adam(parameters, recipe)


def _with_decay(gradients: Sequence[Tensor], parameters: list[Tensor], decay: float) -> list[Tensor]:
    slopes = list(gradients)
    return list(torch._foreach_add(slopes, parameters, alpha=decay)) if decay else slopes
