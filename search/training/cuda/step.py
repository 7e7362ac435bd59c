"""One training step on tensors that stay where they are, as a CUDA graph needs it; it runs on the CPU as well.

All that a step reads lies in tensors made before the first one: images, the epoch's order, warps, a row of numbers per
step (learning rate, momentum, ...). Where it stands in the epoch is a tensor too, which the step moves on, so that a
replayed graph needs nothing from the host. Losses and hits are summed on the device and read once per epoch.

The optimizers too take all that changes from step to step from the row: a graph replays its kernels with the arguments
of the step at which it was captured. Formulas are those of `torch.optim.SGD`, `Adam` (Kingma and Ba 2015) and `AdamW`
(Loshchilov and Hutter 2019).

Dropout draws its masks from a generator of the run's own: torch's draws from the device's global generator, which
trials that run at once in one process share, so that their masks would depend on how they interleave.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from underbudget.search.training.geometric_augmentation import transform_images
from underbudget.search.training.loop import TorchRun
from underbudget.search.training.optimizers import average_of
from underbudget.search.training.pixel_augmentation import change_pixels, columns_of
from underbudget.search.training.recipe import Recipe

WARM_UP = 3  # steps of each size before a capture: libraries choose their algorithms and take their memory then
EPSILON = 1e-8  # Adam's


class Dropout(nn.Module):
    """As `nn.Dropout`, with a generator of its own; on the CPU one in the same state gives the same mask."""

    def __init__(self, rate: float, generator: torch.Generator) -> None:
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
        if isinstance(module, nn.Dropout | Dropout):
            setattr(model, name, Dropout(module.p if isinstance(module, nn.Dropout) else module.rate, generator))


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


class StaticStep:
    """A network, its optimizer, its data, and where it stands in the epoch."""

    def __init__(self, run: TorchRun, generator: torch.Generator) -> None:
        """run: with its data loaded and its network built, whose dropout draws from `generator`."""
        self.model, self.recipe, self.generator = run.model, run.recipe, generator
        self.images, self.labels, self.normalize, self.fill = run.images, run.labels, run.normalize, run.fill
        self.class_weights = run.class_weights
        model, recipe, device, count = run.model, run.recipe, run.images.device, len(run.images)
        self.parameters = list(model.parameters())
        self.update = update_of(recipe, self.parameters)
        self.order = torch.zeros(count, dtype=torch.int64, device=device)
        augmentation = recipe.augmentation
        self.perspective = augmentation.perspective is not None
        self.matrices = self.pixel_changes = None  # of the epoch's images, in their order
        if augmentation.warps or self.perspective or augmentation.mirror:
            self.matrices = torch.zeros(count, 3, 3, device=device)
        if columns := columns_of(augmentation):
            self.pixel_changes = torch.zeros(count, columns, device=device)
        self.average = average_of(recipe, model.state_dict().values())
        row = self.row(0, recipe.lr, recipe.momentum)
        self.rows = torch.zeros(run.timeline.steps_per_epoch, len(row), device=device)
        self.offsets = torch.arange(count, device=device)
        self.image = torch.zeros((), dtype=torch.int64, device=device)  # of the epoch's order, where the step begins
        self.number = torch.zeros(1, dtype=torch.int64, device=device)  # of the step in its epoch
        self.loss = torch.zeros((), dtype=torch.float64, device=device)  # summed over the epoch's images, nats
        self.hits = torch.zeros((), dtype=torch.int64, device=device)

    def row(self, number: int, lr: float, momentum: float) -> list[float]:
        """The numbers of optimiser step `number` of the run, from 0: the optimizer's, and the average's decay."""
        decay = min(self.recipe.ema, (1 + number) / (10 + number))  # as in search.training.optimizers
        return [*self.update.row(number, lr, momentum), decay, 1 - decay]

    def begin(self, order: Tensor, matrices: Tensor | None, pixel_changes: Tensor | None, rows: Tensor) -> None:
        """Begin an epoch: the images' order, their warps and pixel changes in it, the numbers of each step."""
        statics = (self.order, self.matrices, self.pixel_changes, self.rows)
        for static, values in zip(statics, (order, matrices, pixel_changes, rows), strict=True):
            if static is not None and values is not None:
                static.copy_(values)
        for tensor in (self.image, self.number, self.loss, self.hits):
            tensor.zero_()

    def __call__(self, size: int) -> None:
        """One optimiser step on the epoch's next `size` images."""
        places = self.image + self.offsets[:size]
        index = self.order.index_select(0, places)
        labels = self.labels.index_select(0, index)
        pixels = self.images.index_select(0, index)
        if self.matrices is not None:
            maps = self.matrices.index_select(0, places)
            pixels = transform_images(pixels.float(), maps, self.perspective, self.fill)
        if self.pixel_changes is not None:
            pixels = change_pixels(pixels.float(), self.pixel_changes.index_select(0, places), self.fill)
        logits = self.model(self.normalize(pixels))
        smoothing = self.recipe.label_smoothing
        loss = functional.cross_entropy(logits, labels, self.class_weights, label_smoothing=smoothing)
        gradients = torch.autograd.grad(loss, self.parameters)
        with torch.no_grad():
            row = self.rows.index_select(0, self.number)[0]
            self.update.apply(gradients, row[:-2])
            if self.average is not None:
                torch._foreach_mul_(self.average.averages, row[-2])
                torch._foreach_add_(self.average.averages, torch._foreach_mul(self.average.tensors, row[-1]))
            self.loss += loss.double() * size
            self.hits += (logits.argmax(1) == labels).sum()
            self.image += size
            self.number += 1

    def running(self, images: int) -> tuple[float, float]:
        """(mean loss, percent right) of the epoch's first `images` images. Waits for the device."""
        return self.loss.item() / images, 100 * self.hits.item() / images

    def rehearse(self, sizes: Sequence[int]) -> None:
        """Take steps that leave no trace: weights, batch norm, momentum and random numbers are as before."""
        changing = [*self.model.state_dict().values(), *self.update.state]
        changing += [self.image, self.number, self.loss, self.hits]
        changing += self.average.averages if self.average is not None else []
        held, drawn = [tensor.detach().clone() for tensor in changing], self.generator.get_state()
        try:
            for size in sizes:
                for _ in range(WARM_UP):
                    self.image.zero_()
                    self.number.zero_()
                    self(size)
        finally:
            with torch.no_grad():
                torch._foreach_copy_(changing, held)
            self.generator.set_state(drawn)
