"""Judging a network on a part of a data set."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Module, functional

EVALUATION_BATCH = 500  # images; larger ones leave the processor's cache


@dataclass(frozen=True)
class Evaluation:
    loss: float  # mean cross-entropy, nats
    accuracy: float  # percent
    confusion: list[list[int]]  # counts [true][predicted]


def evaluate(
    model: Module,
    images: Tensor,
    labels: Tensor,
    prepare: Callable[[Tensor], Tensor],
    classes: int,
    batch: int = EVALUATION_BATCH,
) -> Evaluation:
    """Loss, accuracy and confusion counts of a model in eval mode; the model's mode is left as it was.

    images: (n, channels, height, width) uint8; labels: (n,) int64 below `classes`; prepare: from a batch of images to
    the model's input; batch: images at a time. The model's output are logits, (n, classes).
    """
    was_training = model.training
    model.eval()
    losses, predictions = [], []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            logits = model(prepare(images[start : start + batch]))
            losses.append(functional.cross_entropy(logits, labels[start : start + batch], reduction="sum"))
            predictions.append(logits.argmax(1))
        pairs = labels * classes + torch.cat(predictions)
        counts = torch.bincount(pairs, minlength=classes * classes).view(classes, classes).cpu()
        loss = torch.stack(losses).cpu().double().sum().item() / len(images)
    model.train(was_training)
    return Evaluation(loss, 100 * int(counts.trace()) / len(images), counts.tolist())
