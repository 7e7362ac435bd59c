"""What there is to know of a prepared data set before a search: counts, notes, samples."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from underbudget.reports.pictures import Picture
from underbudget.search.data.preparing import Entry
from underbudget.search.data.store import PARTS, Dataset

SAMPLES = 10  # of a class in a picture


@dataclass(frozen=True)
class DataFacts:
    """What `underbudget data show` tells."""

    dataset: Dataset
    counts: dict[str, dict[str, int]]  # examples by class and part
    bytes: int  # of the store
    notes: list[str]
    left_out: list[dict[str, str]]  # name, reason

    @property
    def imbalance(self) -> float:
        """How many times more training examples the largest class has than the smallest that has some."""
        sizes = [count["train"] for count in self.counts.values() if count["train"]]
        return max(sizes) / min(sizes)

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all."""
        rest = {name: value for name, value in asdict(self).items() if name != "dataset"}
        return {**self.dataset.info.to_json(), "folder": str(self.dataset.folder), **rest, "imbalance": self.imbalance}


def data_facts(dataset: Dataset, entry: Entry | None) -> DataFacts:
    """Gather them; entry: what was noted when the files were read."""
    classes = dataset.info.classes
    found = {part: np.bincount(dataset.part(part).labels, minlength=len(classes)).tolist() for part in PARTS}
    counts = {name: {str(part): int(found[part][label]) for part in PARTS} for label, name in enumerate(classes)}
    size = sum(file.stat().st_size for file in dataset.folder.iterdir())
    notes, left_out = ([], []) if entry is None else (entry.notes, entry.left_out)
    return DataFacts(dataset, counts, size, notes, left_out)


def samples(dataset: Dataset, per_class: int) -> list[Picture]:
    """So many training images of each class, or what there is, evenly spread over the part; class by class."""
    part = dataset.part("train")
    pictures = []
    for label, name in enumerate(dataset.info.classes):
        members = np.flatnonzero(part.labels == label)
        chosen = members[np.linspace(0, len(members) - 1, min(per_class, len(members))).round().astype(int)]
        pictures += [Picture(np.asarray(part.images[index]), name) for index in chosen]
    return pictures
