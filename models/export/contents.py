"""What an exported file is made of and says of itself, and the logits of the network of `models.build` that it is
checked with."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.export.literal import JSON
from underbudget.models.plan import Plan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

MOST_CHECKED = 256  # pictures that a format is verified with, at most
BATCH = 500  # pictures that torch computes at a time


@dataclass(frozen=True)
class Export:
    """All that an exported file is made of.

    Keys of `metadata` that the file's docstring shows, where they are there: study, trial, score and
    last_epoch_val_accuracy (percent), validation_images (how many those were measured on), dataset, data_checksum,
    id, recipe, seed, trained (when), and versions, an object of names and versions. `parameters`, where it is
    there, must be the network's count.
    """

    plan: Plan
    state: "Mapping[str, Tensor]"  # as of models.build; num_batches_tracked may be missing
    mean: tuple[float, ...]  # per channel, of pixels in 0..1
    std: tuple[float, ...]
    classes: tuple[str, ...]  # names, by label
    metadata: Mapping[str, JSON]
    samples: "npt.NDArray[np.uint8]"  # validation images (k, channels, height, width), k at least 1
    sample_labels: Sequence[int]
    # All of it (underbudget.search.training.recipe.to_json), for a format that trains:
    recipe: Mapping[str, JSON] | None = None
    frontend: Mapping[str, JSON] | None = None  # how an image is made of the raw data; None: as any picture is fitted
    # Where the data set is at hand, for a format that needs more than the samples:
    calibration: "npt.NDArray[np.uint8] | None" = None  # training images (n, channels, height, width)
    validation: "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] | None" = None  # images and labels, all of them
    recordings: Sequence[Path] = ()  # WAV files, to verify the front end of a network for sound with
    # Of one format, e.g. {"prefix": "digits"}; "name" is the network's, where that of its file or folder is not.
    options: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Trainable values of the network."""
        return sum(layer.params for layer in self.plan.layers)

    def __post_init__(self) -> None:
        channels = self.plan.input_shape[0]
        if len(self.classes) != self.plan.classes:
            raise UserError(f"the network tells {self.plan.classes} classes apart, not {len(self.classes)}")
        if not len(self.mean) == len(self.std) == channels:
            raise UserError(f"mean and std need one value for each of the {channels} channels")
        if not all(math.isfinite(value) for value in self.mean) or not all(0 < value < math.inf for value in self.std):
            raise UserError(f"mean must be finite and std positive, not {self.mean} and {self.std}")
        shape = tuple(self.samples.shape)
        if shape[1:] != self.plan.input_shape or not 1 <= shape[0] == len(self.sample_labels):
            raise UserError(f"samples must be one or more labelled pictures of {self.plan.input_shape}, not {shape}")
        if str(self.samples.dtype).removeprefix("torch.") != "uint8":
            raise UserError(f"samples must be uint8, not {self.samples.dtype}")
        if self.metadata.get("parameters", self.parameters) != self.parameters:
            raise UserError(
                f"metadata says {self.metadata['parameters']} parameters, the network has {self.parameters}"
            )
        for what, images in (("calibration", self.calibration), ("validation", self.validation and self.validation[0])):
            if images is not None and (tuple(images.shape[1:]) != self.plan.input_shape or not len(images)):
                raise UserError(f"{what} images must be of {self.plan.input_shape}, not {tuple(images.shape)}")


def module(export: Export) -> "nn.Sequential":
    """The network of `models.build` with the trained weights, on the CPU, in eval mode."""
    from underbudget.models.build import build

    network = build(export.plan)
    try:
        network.load_state_dict(dict(export.state))
    except RuntimeError as error:
        what = " ".join(str(error).split())
        raise UnderbudgetError(f"the stored weights are not those of this network: {what}") from error
    return network.eval()


def check_batch(export: Export) -> "Tensor":
    """The pictures that a format is verified with: validation images, uint8 (k, channels, height, width)."""
    import numpy as np
    import torch

    images = export.samples if export.validation is None else export.validation[0]
    return torch.from_numpy(np.array(images[:MOST_CHECKED]))


def logits(export: Export, pictures: "Tensor") -> "Tensor":
    """Logits of the network of `models.build`, float32 (k, classes), for uint8 pictures (k, channels, height, width).

    Raises UnderbudgetError for weights that are not this network's or give values that are not finite.
    """
    import torch

    from underbudget.models.export.standalone import normalise

    batches = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
    network, threads = module(export), torch.get_num_threads()
    torch.set_num_threads(1)  # sums then run in the same order in any process
    try:
        with torch.inference_mode():
            parts = [network(normalise(batch, export.mean, export.std)) for batch in batches]
    finally:
        torch.set_num_threads(threads)
    result = torch.cat(parts)
    if not result.isfinite().all():
        raise UnderbudgetError("the network gives values that are not finite: its training diverged, export another")
    return result


def description(export: Export) -> dict[str, JSON]:
    """What a file says of its network, all that is needed to use its weights: plain JSON."""
    return {
        "input_shape": list(export.plan.input_shape),
        "mean": [float(value) for value in export.mean],
        "std": [float(value) for value in export.std],
        "background": background(export),
        "classes": list(export.classes),
        "parameters": export.parameters,
        "layers_text": str(export.plan.architecture),
        "weights_sha256": digest(float_tensors(export)),
        "metadata": dict(export.metadata),
        **({} if export.frontend is None else {"frontend": dict(export.frontend)}),
    }


def background(export: Export) -> str:
    """The background that pictures are brought to: "dark" or "light" as the training pictures have it, "any" where they
    differ or where training took them as they are."""
    from underbudget.models.export import picture

    return picture.background(check_batch(export)) if export.frontend is None else "any"


def float_tensors(export: Export) -> dict[str, bytes]:
    """The trained tensors and running statistics by name, little-endian float32; a counter of batches is left out."""
    state = module(export).state_dict().items()
    return {name: tensor.numpy().astype("<f4").tobytes() for name, tensor in state if tensor.is_floating_point()}


def digest(tensors: Mapping[str, bytes]) -> str:
    """Checksum of tensors by name, whatever file they lie in."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(f"{name} {len(tensors[name])}\n".encode() + tensors[name])
    return total.hexdigest()


@dataclass(frozen=True)
class Measurement:
    """An accuracy that was measured."""

    label: str
    percent: float
    split: str  # "validation" or "test"
    words: str  # how it was measured


def measurements(export: Export) -> list[Measurement]:
    """The accuracies in the metadata."""
    data = export.metadata
    seeds = data.get("seeds")
    found = [
        ("score", data.get("score"), "validation", _score_words(data)),
        ("last epoch", data.get("last_epoch_val_accuracy"), "validation", _images(data, "validation")),
        ("mean", data.get("mean_last_epoch_val_accuracy"), "validation", f"{seeds} seeds, last epoch"),
        ("test", data.get("test_accuracy"), "test", f"these weights, last epoch, {_images(data, 'test')}"),
        ("test, mean", data.get("mean_test_accuracy"), "test", f"{seeds} seeds, last epoch"),
    ]
    return [Measurement(label, value, split, words) for label, value, split, words in found if isinstance(value, float)]


def facts(export: Export) -> list[tuple[str, str]]:
    """(label, text) of all that is known, in the order to be read. The texts are as a user wrote them: escape them."""
    data = export.metadata
    versions = data.get("versions")
    versions = dict(versions) if isinstance(versions, Mapping) else {}
    recipe = data.get("recipe")
    rows = [
        ("study", _joined(data, ("study", "{}"), ("trial", "trial {}"), ("id", "id {}"), ("seed", "seed {}"))),
        ("network", _joined(data, ("name", "{}"), ("protocol", "protocol {}"))),
        *((one.label, f"{one.percent:.2f} % ({one.words})") for one in measurements(export)),
        ("parameters", f"{export.parameters:,}"),
        ("data", _joined(data, ("dataset", "{}"), ("data_checksum", "checksum {}"))),
        ("trained on", _joined(data, ("trained_on", "{}"))),
        ("recipe", _joined(recipe if isinstance(recipe, Mapping) else data, ("name", "{}"), ("recipe", "{}"))),
        ("trained", _joined(data, ("trained", "{}"))),
        ("made by", f"underbudget {versions.pop('underbudget', '')}".strip()),
        ("with", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return [(label, text) for label, text in rows if text]


def _joined(data: Mapping[str, JSON], *parts: tuple[str, str]) -> str:
    return ", ".join(form.format(data[key]) for key, form in parts if data.get(key) is not None)


def _images(data: Mapping[str, JSON], split: str) -> str:
    images = data.get(f"{split}_images")
    return f"{images:,} {split} images" if isinstance(images, int) else f"{split} images"


def _score_words(data: Mapping[str, JSON]) -> str:
    epochs = data.get("epochs")
    if isinstance(epochs, int) and epochs <= 3:
        return f"mean validation accuracy of the {epochs} epochs" if epochs > 1 else "validation, the only epoch"
    return "mean validation accuracy of the last three epochs"
