"""Evaluating a network on a part of a data set: the one loop that gives loss, accuracy and confusion counts."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, functional

from underbudget.models.build import build
from underbudget.models.metrics import METRICS
from underbudget.models.plan import Plan
from underbudget.search.data.store import Dataset, Part, PartName, open_dataset, verify
from underbudget.search.training.geometric_augmentation import Normalizer

EVALUATION_BATCH = 500  # images; larger ones leave the processor's cache


@dataclass(frozen=True)
class Evaluation:
    """How well a network does on some images."""

    loss: float  # mean cross-entropy, nats
    confusion: list[list[int]]  # counts [true][predicted]
    # of each misclassified image: its number, true class, predicted class, softmax probability of that in percent
    misclassified: list[list[float]] = field(default_factory=list)

    def score(self, metric: str = "accuracy") -> float:
        """Percent, by a key of models.metrics.METRICS."""
        return METRICS[metric](self.confusion)


def evaluate(
    model: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    prepare: Callable[[Tensor], Tensor],
    classes: int,
    batch: int = EVALUATION_BATCH,
    per_image: bool = False,
) -> Evaluation:
    """Evaluate a model; a torch module in eval mode, and its mode is then left as it was.

    images: (n, channels, height, width) uint8; labels: (n,) int64 below `classes`; prepare: from a batch of images to
    the model's input; batch: images at a time; per_image: fill in `misclassified`. The model's output are logits,
    (n, classes).
    """
    was_training = isinstance(model, Module) and model.training
    if isinstance(model, Module):
        model.eval()
    losses, outputs = [], []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            logits = model(prepare(images[start : start + batch]))
            losses.append(functional.cross_entropy(logits, labels[start : start + batch], reduction="sum"))
            outputs.append(logits)
        logits = torch.cat(outputs)
        predicted = logits.argmax(1)
        counts = torch.bincount(labels * classes + predicted, minlength=classes * classes).view(classes, classes)
        loss = torch.stack(losses).cpu().double().sum().item() / len(images)
        wrong = []
        if per_image:
            share = functional.softmax(logits, 1).amax(1)
            wrong = [
                [index, int(labels[index]), int(predicted[index]), round(100 * float(share[index]), 2)]
                for index in torch.nonzero(predicted != labels).flatten().tolist()
            ]
    if isinstance(model, Module):
        model.train(was_training)
    return Evaluation(loss, counts.tolist(), wrong)


def evaluate_states(
    plan: Plan,
    states: Sequence[tuple[int, Mapping[str, Tensor]]],
    dataset: Dataset,
    part: PartName,
    device: str,
    metric: str = "accuracy",
) -> dict[str, Any]:
    """Evaluate weights on a part, as JSON. One call is one access to the part's labels.

    states: (epoch, state dict) in order; dataset: as the run saw it, for its mean and std; metric: what `accuracy` is.
    By eager torch in float32.
    Returns `part`, `images` (how many), `curve` (`epoch`, `loss`, `accuracy` of each of `states`), and of the last of
    them `confusion` and `missed`, which is `Evaluation.misclassified`.
    """
    stored = open_dataset(dataset.folder)
    verify(stored, (part,))
    place = torch.device(device)
    images, labels = on_device(stored.part(part), place)
    normalize = Normalizer(dataset.info.mean, dataset.info.std, place)
    model = build(plan).to(place).to(memory_format=torch.channels_last)
    curve = []
    for epoch, state in states:
        model.load_state_dict(dict(state))
        last = evaluate(model, images, labels, normalize, plan.classes, per_image=True)
        curve.append({"epoch": epoch, "loss": last.loss, "accuracy": last.score(metric)})
    return {
        "part": part,
        "images": len(labels),
        "curve": curve,
        "confusion": last.confusion,
        "missed": last.misclassified,
    }


def on_device(part: Part, device: torch.device) -> tuple[Tensor, Tensor]:
    """(images, labels) of a part on a device. On the CPU they share the memory-mapped file; they are never written."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        images, labels = torch.from_numpy(part.images), torch.from_numpy(part.labels)
    return images.to(device), labels.to(device, torch.int64)
