"""One training step on tensors that stay where they are, as a CUDA graph needs it; it runs on the CPU as well.

All that a step reads lies in tensors made before the first one: images, the epoch's order, warps, a row of numbers per
step (learning rate, momentum, ...). Where it stands in the epoch is a tensor too, which the step moves on, so that a
replayed graph needs nothing from the host. Losses and hits are summed on the device and read once per epoch.

Dropout draws its masks from a generator of the run's own: torch's draws from the device's global generator, which
trials that run at once in one process share, so that their masks would depend on how they interleave.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from underbudget.search.training.cuda.updates import update_of
from underbudget.search.training.geometric_augmentation import Normalizer, transform_images
from underbudget.search.training.optimizers import average_of
from underbudget.search.training.pixel_augmentation import change_pixels
from underbudget.search.training.recipe import Recipe

WARM_UP = 3  # steps of each size before a capture: libraries choose their algorithms and take their memory then


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


class StaticStep:
    """A network, its optimizer, its data, and where it stands in the epoch."""

    def __init__(
        self,
        model: nn.Sequential,
        recipe: Recipe,
        images: Tensor,
        labels: Tensor,
        normalize: Normalizer,
        steps: int,
        generator: torch.Generator,
    ) -> None:
        """model: in train mode, on the device, its dropout drawing from `generator`; recipe: resolved; images: uint8
        (n, channels, height, width); labels: int64 (n,); steps: of an epoch."""
        device, count = images.device, len(images)
        self.model, self.recipe, self.generator = model, recipe, generator
        self.images, self.labels, self.normalize = images, labels, normalize
        self.parameters = list(model.parameters())
        self.update = update_of(recipe, self.parameters)
        self.order = torch.zeros(count, dtype=torch.int64, device=device)
        augmentation = recipe.augmentation
        self.perspective = augmentation.perspective is not None
        self.matrices = self.pixel_changes = None  # of the epoch's images, in their order
        if augmentation.warps or self.perspective:
            self.matrices = torch.zeros(count, 3, 3, device=device)
        if augmentation.jitter is not None or augmentation.erasing is not None:
            self.pixel_changes = torch.zeros(count, 7, device=device)
        self.average = average_of(recipe, model.state_dict().values())
        self.rows = torch.zeros(steps, len(self.row(0, recipe.lr, recipe.momentum)), device=device)
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
            pixels = transform_images(pixels.float(), self.matrices.index_select(0, places), self.perspective)
        if self.pixel_changes is not None:
            pixels = change_pixels(pixels.float(), self.pixel_changes.index_select(0, places))
        logits = self.model(self.normalize(pixels))
        loss = functional.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
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
