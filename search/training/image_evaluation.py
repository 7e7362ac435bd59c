"""Judging weights on a part of a data set, image by image: what a worker adds to a run that is looked at closely."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from underbudget.models.plan import Plan
from underbudget.search.data.store import Dataset, PartName, open_dataset, verify

if TYPE_CHECKING:
    from torch import Tensor

_BATCH = 500  # images; larger ones leave the processor's cache


def evaluate_images(
    plan: Plan, states: Sequence[tuple[int, "Mapping[str, Tensor]"]], dataset: Dataset, part: PartName, device: str
) -> dict[str, Any]:
    """What weights make of a part, as JSON. One call is one reading of the part's labels.

    states: (epoch, state dict) in order; dataset: as the run saw it, for its mean and std. By eager torch in float32.
    Returns `part`, `images` (how many), `curve` (`epoch`, mean `loss` in nats, `accuracy` in percent for each of
    `states`), and of the last of them `confusion` (counts [true][predicted]) and `missed`: for each misclassified
    image [its number in the part, true class, predicted class, softmax probability of the prediction in percent].
    """
    import torch
    from torch.nn import functional

    from underbudget.models.build import build
    from underbudget.search.training.geometric_augmentation import Normalizer
    from underbudget.search.training.loop import resident

    stored = open_dataset(dataset.folder)
    verify(stored, (part,))
    place = torch.device(device)
    images, labels = resident(stored.part(part), place)
    normalize = Normalizer(dataset.info.mean, dataset.info.std, place)
    model = build(plan).to(place).to(memory_format=torch.channels_last).eval()
    curve = []
    with torch.inference_mode():
        for epoch, state in states:
            model.load_state_dict(dict(state))
            logits = torch.cat(
                [
                    model(normalize(images[start : start + _BATCH]).contiguous(memory_format=torch.channels_last))
                    for start in range(0, len(images), _BATCH)
                ]
            )
            loss = functional.cross_entropy(logits.double(), labels).item()
            accuracy = 100 * int((logits.argmax(1) == labels).sum()) / len(labels)
            curve.append({"epoch": epoch, "loss": loss, "accuracy": accuracy})
        confidence, predicted = functional.softmax(logits, 1).max(1)
        classes = plan.classes
        counts = torch.bincount(labels * classes + predicted, minlength=classes * classes).view(classes, classes)
        wrong = torch.nonzero(predicted != labels).flatten()
    return {
        "part": part,
        "images": len(labels),
        "curve": curve,
        "confusion": counts.cpu().tolist(),
        "missed": [
            [int(index), int(labels[index]), int(predicted[index]), round(100 * float(confidence[index]), 2)]
            for index in wrong
        ],
    }
