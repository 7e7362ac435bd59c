"""What a training's page shows of the data: statistics, plain and augmented samples, misclassified images."""

import numpy as np
import numpy.typing as npt

from underbudget.reports.pictures import Picture
from underbudget.reports.runs import Run
from underbudget.reports.training import PartStatistics
from underbudget.search.data.protocol import under_protocol
from underbudget.search.data.store import Dataset, PartName, channel_statistics
from underbudget.search.training.recipe import Recipe

SAMPLES = 30  # images of a sample grid
MOST_MISCLASSIFIED = 100  # images of a grid of misclassified ones


def statistics(dataset: Dataset, protocol: str) -> tuple[PartStatistics, ...]:
    """Of the parts that a run is trained and evaluated on. Test labels are not counted: that would be an access."""

    def of(title: str, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64] | None = None) -> PartStatistics:
        counts = None if labels is None else tuple(np.bincount(labels, minlength=len(dataset.info.classes)).tolist())
        lowest, highest = float(images.min()) / 255, float(images.max()) / 255
        mean, std = channel_statistics(images)
        return PartStatistics(title, len(images), tuple(images.shape), lowest, highest, mean, std, counts)

    seen = under_protocol(dataset, protocol)
    train = seen.part("train")
    if protocol != "search":
        # Of the test part the images alone: `part` would map the labels too.
        return of("train + validation", train.images, train.labels), of("test", dataset.images("test"))
    validation = seen.part("validation")
    return of("train", train.images, train.labels), of("validation", validation.images, validation.labels)


def samples(dataset: Dataset, recipe: Recipe, seed: int) -> tuple[tuple[Picture, ...], tuple[Picture, ...]]:
    """(plain, augmented) samples of the train part, classes in turn; the second is empty without augmentation."""
    import torch

    from underbudget.search.training.geometric_augmentation import fill_of, random_matrices, transform_images
    from underbudget.search.training.pixel_augmentation import change_pixels, random_pixel_changes

    part, classes = dataset.part("train"), dataset.info.classes
    labels = np.asarray(part.labels)
    each = -(-SAMPLES // len(classes))
    by_class = [np.flatnonzero(labels == label)[:each] for label in range(len(classes))]
    chosen = [int(members[turn]) for turn in range(each) for members in by_class if turn < len(members)][:SAMPLES]
    names = [classes[int(labels[index])] for index in chosen]
    plain = np.ascontiguousarray(part.images[chosen])
    shown = tuple(Picture(pixels, name) for pixels, name in zip(plain, names, strict=True))

    generator = torch.Generator().manual_seed(seed)
    augmentation = recipe.augmentation
    size = (plain.shape[2], plain.shape[3])
    matrices = random_matrices(augmentation, len(chosen), size, generator)
    pixel_changes = random_pixel_changes(augmentation, len(chosen), size, generator)
    if matrices is None and pixel_changes is None:
        return shown, ()
    images = torch.from_numpy(plain).float()
    fill = fill_of(augmentation, dataset.info.mean, torch.device("cpu"))
    if matrices is not None:
        images = transform_images(images, matrices, augmentation.perspective is not None, fill)
    if pixel_changes is not None:
        images = change_pixels(images, pixel_changes, fill)
    altered = images.round().clamp(0, 255).to(torch.uint8).numpy()
    return shown, tuple(Picture(pixels, name) for pixels, name in zip(altered, names, strict=True))


def missed(dataset: Dataset, run: Run) -> tuple[Picture, ...]:
    """The misclassified images of a run, the most confident first, at most MOST_MISCLASSIFIED."""
    name: PartName = "test" if run.data.part == "test" else "validation"
    images, classes = dataset.images(name), run.data.classes
    worst = sorted(run.missed, key=lambda each: (-each.confidence, each.index))[:MOST_MISCLASSIFIED]
    return tuple(
        Picture(
            np.array(images[each.index]),
            f"{classes[each.true]} \N{RIGHTWARDS ARROW} {classes[each.predicted]}",
            f"{each.confidence:.0f} %",
        )
        for each in worst
    )
