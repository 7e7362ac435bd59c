"""Whether a network that is to be exported predicts as well as its record states.

A network that was trained with other inputs than the record says (mean, deviation, images) has the right weights and
fails all the same.
"""

import math

from underbudget.models.errors import UnderbudgetError
from underbudget.models.export.contents import Export, logits
from underbudget.models.metrics import METRIC_WORDS, METRICS, effective_images

MOST_IMAGES = 10_000  # a few seconds
_POINTS = 1.0  # that other arithmetic may cost, percent
_IMAGES = 3  # the same, where there are few
_DEVIATIONS = 5.0  # of the accuracy on a part of the images from that on all


def check_accuracy(export: Export) -> None:
    """Raises UnderbudgetError where the accuracy, in the recipe's metric, on the validation images at hand is not the
    last epoch's as stated."""
    import numpy as np
    import torch

    stated, all_images = (export.metadata.get(key) for key in ("last_epoch_val_accuracy", "validation_images"))
    if not isinstance(stated, float) or not isinstance(all_images, int):
        return
    images, labels = export.validation or (export.samples, np.asarray(export.sample_labels))
    chosen = slice(None, None, -(-len(images) // MOST_IMAGES))
    predicted = logits(export, torch.from_numpy(np.array(images[chosen]))).argmax(1).numpy()
    metric = str((export.recipe or {}).get("metric", "accuracy"))
    confusion = np.zeros((len(export.classes),) * 2, int)
    np.add.at(confusion, (np.asarray(labels)[chosen], predicted), 1)
    found, count = METRICS[metric](confusion.tolist()), effective_images(confusion.tolist(), metric)
    allowed = max(_POINTS, 100 * _IMAGES / count)
    if len(predicted) < all_images:
        share = min(max(stated / 100, 0.01), 0.99)
        allowed += _DEVIATIONS * 100 * math.sqrt(share * (1 - share) / count)
    if not abs(found - stated) <= allowed:
        raise UnderbudgetError(
            f"the network has {found:.2f} % {METRIC_WORDS[metric]} on {len(predicted):,} validation images, its record "
            f"states {stated:.2f} %: it was trained with other images, mean or std than the record says; search again"
        )
