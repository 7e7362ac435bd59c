"""What a run is trained on, and what it is judged on: three protocols, as views of a prepared data set.

    search      trained on the train part, judged on validation after each epoch; the test part is not opened
    confirm     trained on train + validation; the test part is opened once, when training is over, and every epoch's
                weights, kept until then, are judged in that one reading
    published   trained on train + validation, judged on the test part after each epoch, as the published series did

Under `confirm` nothing is held out while a run trains. What it watches after each epoch (the loss that a plateau
schedule follows too) is the validation part, which it has been trained on.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from underbudget.models.errors import UserError
from underbudget.search.data.store import Dataset, Part, PartName, channel_statistics, open_dataset

ProtocolName = Literal["search", "confirm", "published"]
PROTOCOLS: tuple[ProtocolName, ...] = ("search", "confirm", "published")
DEFAULT_PROTOCOL: ProtocolName = "search"


def check_protocol(name: str) -> ProtocolName:
    """The name, if it is a protocol's. Raises UserError for any other."""
    for known in PROTOCOLS:
        if name == known:
            return known
    raise UserError(f"--protocol is {', '.join(PROTOCOLS[:-1])} or {PROTOCOLS[-1]}, not {name[:40]!r}")


def evaluated_part(protocol: str) -> PartName:
    """The part whose accuracy counts."""
    return "validation" if protocol == "search" else "test"


def training_images(dataset: Dataset, protocol: str) -> int:
    """How many images a run is trained on."""
    counts = dataset.info.counts
    return counts["train"] if protocol == "search" else counts["train"] + counts["validation"]


def test_set_accesses(protocol: str, epochs: int) -> int:
    """How often a run of so many epochs compares predictions with the labels of the test part."""
    return {"search": 0, "confirm": 1, "published": epochs}[protocol]


@dataclass(frozen=True)
class ProtocolDataset(Dataset):
    """A data set as a training loop sees it under a protocol other than `search`.

    `train` is train + validation, and `info` has its size, mean and standard deviation; `validation` is what is judged
    after each epoch: the test part under `published`, the validation part under `confirm`.
    """

    monitored: PartName

    def part(self, name: PartName) -> Part:
        if name == "train":
            return _joined(self.folder)
        return super().part(self.monitored if name == "validation" else name)


def under_protocol(dataset: Dataset, protocol: str) -> Dataset:
    """The data set as a run under the protocol sees it; under `search` as it is. Reads the training images."""
    if protocol == "search":
        return dataset
    monitored: PartName = "test" if protocol == "published" else "validation"
    counts = dataset.info.counts
    mean, std = channel_statistics(_joined(dataset.folder).images)
    info = replace(
        dataset.info,
        counts={**counts, "train": training_images(dataset, protocol), "validation": counts[monitored]},
        mean=mean,
        std=std,
    )
    return ProtocolDataset(info, dataset.folder, monitored)


def _joined(folder: Path) -> Part:
    """Train and validation together, in memory."""
    dataset = open_dataset(folder)
    parts = [dataset.part("train"), dataset.part("validation")]
    return Part(
        images=np.concatenate([part.images for part in parts]), labels=np.concatenate([part.labels for part in parts])
    )
