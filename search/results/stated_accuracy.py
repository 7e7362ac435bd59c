"""Whether a network that is to be exported predicts as well as its record states.

A network that was trained with other inputs than the record says (mean, deviation, images) has the right weights and
fails all the same.
"""

import math

from underbudget.models.errors import UnderbudgetError
from underbudget.models.export.contents import Export, logits

MOST_IMAGES = 10_000  # a few seconds
_POINTS = 1.0  # that other arithmetic may cost, percent
_IMAGES = 3  # the same, where there are few
_DEVIATIONS = 5.0  # of the accuracy on a part of the images from that on all


def check_accuracy(export: Export) -> None:
    """Raises UnderbudgetError where the accuracy on the validation images at hand is not the last epoch's as stated."""
    import numpy as np
    import torch

    stated, all_images = (export.metadata.get(key) for key in ("last_epoch_val_accuracy", "validation_images"))
    if not isinstance(stated, float) or not isinstance(all_images, int):
        return
    images, labels = export.validation or (export.samples, np.asarray(export.sample_labels))
    chosen = slice(None, None, -(-len(images) // MOST_IMAGES))
    predicted = logits(export, torch.from_numpy(np.array(images[chosen]))).argmax(1).numpy()
    count = len(predicted)
    found = 100 * float(np.mean(predicted == np.asarray(labels)[chosen]))
    allowed = max(_POINTS, 100 * _IMAGES / count)
    if count < all_images:
        share = min(max(stated / 100, 0.01), 0.99)
        allowed += _DEVIATIONS * 100 * math.sqrt(share * (1 - share) / count)
    if not abs(found - stated) <= allowed:
        raise UnderbudgetError(
            f"the network predicts {found:.2f} % of {count:,} validation images as labelled, its record states "
            f"{stated:.2f} %: it was trained with other images, mean or std than the record says; search again"
        )
