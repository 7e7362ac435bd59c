"""What is known of an exported network, in words: for the docstring, the model card and the notebook."""

from collections.abc import Mapping
from dataclasses import dataclass

from underbudget.models.export.contents import Export
from underbudget.models.export.literal import JSON


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
        (
            "last epoch",
            data.get("last_epoch_val_accuracy"),
            "validation",
            _images(data, "validation"),
        ),
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
