"""What a run is trained and evaluated on: three protocols, as views of a prepared data set.

    search      trained on the train part, evaluated on validation after each epoch; the test part is not opened
    confirm     trained on train + validation; after the training the weights of every epoch are evaluated in one
                access to the test part
    published   trained on train + validation, evaluated on the test part after each epoch, as the published series did

Under `confirm` nothing is held out while a run trains: the loss monitored after each epoch, which a plateau schedule
follows too, is that of the validation part, on which it has been trained.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from underbudget.models.errors import UserError
from underbudget.search.data.store import Dataset, Part, PartName, channel_statistics, open_dataset

PROTOCOLS = ("search", "confirm", "published")


def check_protocol(name: str) -> None:
    """Raise UserError for a name that is no protocol's."""
    if name not in PROTOCOLS:
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

    `train` is train + validation, and `info` has its size, mean and standard deviation; `validation` is what is
    monitored after each epoch: the test part under `published`, the validation part under `confirm`.
    """

    monitored: PartName

    def part(self, name: PartName) -> Part:
        if name == "train":
            return _joined(self.folder)
        return super().part(self.monitored if name == "validation" else name)


def under_protocol(dataset: Dataset, protocol: str) -> Dataset:
    """The data set as a run under the protocol sees it. Reads the training images, but under `search`."""
    if protocol == "search":
        return dataset
    monitored: PartName = "test" if protocol == "published" else "validation"
    counts = dataset.info.counts
    counts = {**counts, "train": training_images(dataset, protocol), "validation": counts[monitored]}
    mean, std = channel_statistics(_joined(dataset.folder).images)
    return ProtocolDataset(replace(dataset.info, counts=counts, mean=mean, std=std), dataset.folder, monitored)


def _joined(folder: Path) -> Part:
    """Train and validation together, in memory."""
    dataset = open_dataset(folder)
    parts = [dataset.part("train"), dataset.part("validation")]
    return Part(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))
