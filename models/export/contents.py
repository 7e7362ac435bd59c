"""What an exported file is made of, and what the network of `models.build` says to the pictures it is checked with."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.export.literal import JSON
from underbudget.models.plan import Plan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

MOST_CHECKED = 256  # pictures that a format is verified with, at most


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
    recipe: Mapping[str, JSON] | None = (
        None  # all of it (underbudget.search.training.recipe.to_json), for a format that trains
    )
    # Where the data set is at hand, for a format that needs more than the samples:
    calibration: "npt.NDArray[np.uint8] | None" = None  # training images (n, channels, height, width)
    validation: "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] | None" = None  # images and labels, all of them
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


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch, so that sums run in the same order in any process."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
    """What the network of `models.build` says to uint8 pictures (k, channels, height, width): float32 (k, classes).

    Raises UnderbudgetError for weights that are not this network's or give values that are not finite.
    """
    import torch

    from underbudget.models.export.preprocessing import normalise

    with one_thread(), torch.inference_mode():
        result: Tensor = module(export)(normalise(pictures, export.mean, export.std))
    if not result.isfinite().all():
        raise UnderbudgetError("the network gives values that are not finite: its training diverged, export another")
    return result


def description(export: Export) -> dict[str, JSON]:
    """What a file says beside its weights, so that nothing else is needed to use them: plain JSON."""
    from underbudget.models.export.preprocessing import background

    return {
        "input_shape": list(export.plan.input_shape),
        "mean": [float(value) for value in export.mean],
        "std": [float(value) for value in export.std],
        "background": background(check_batch(export)),
        "classes": list(export.classes),
        "parameters": export.parameters,
        "layers_text": str(export.plan.architecture),
        "weights_sha256": digest(float_tensors(export)),
        "metadata": dict(export.metadata),
    }


def float_tensors(export: Export) -> dict[str, bytes]:
    """The trained tensors and running statistics by name, as float32 values; a counter of batches is left out."""
    state = module(export).state_dict().items()
    return {name: tensor.numpy().tobytes() for name, tensor in state if tensor.is_floating_point()}


def digest(tensors: Mapping[str, bytes]) -> str:
    """Checksum of tensors by name, whatever file they lie in."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(f"{name} {len(tensors[name])}\n".encode() + tensors[name])
    return total.hexdigest()
