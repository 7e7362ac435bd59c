"""What may be asked of each experiment: options that make its command and are what its function takes."""

# ruff: noqa: RUF009

from dataclasses import KW_ONLY, MISSING, dataclass
from pathlib import Path

from underbudget.search.session.data_options import DataOptions
from underbudget.search.session.options import Folders, Places, option, whole
from underbudget.search.session.request import augment_option, check_target, class_weights_option, metric_option


@dataclass(frozen=True)
class ExperimentOptions(Folders):
    """Where runs are computed."""

    _: KW_ONLY
    device: str | None = option("auto, cpu, cuda, cuda:N, all or mps.", usual="auto", trailing=True)
    workers: int | None = option(
        "Trainings at a time.", shown="one per core, on GPUs measured", check=whole(1, 1024), trailing=True
    )


@dataclass(frozen=True)
class SeededOptions(DataOptions, ExperimentOptions):
    """Runs on several seeds, in a folder of their own."""

    _: KW_ONLY
    seeds: int = option("How many seeds; intervals need two.", default=3, check=whole(1, 1000))
    seed: int = option("The first seed; the others follow it.", default=0, check=whole(0, 2**31 - 1))
    protocol: str = option("search, confirm or published, as in `train`.", default="search")
    epochs: int | None = option("Epochs instead of the recipe's.")
    dataset: str | None = option(
        "A name (see `underbudget data list`), or your own folder, .npz or .csv file (docs/data.md).", usual="mnist"
    )
    output: Path | None = option("Folder to write to.", shown="below runs/", flags=("--output", "-o"), trailing=True)


@dataclass(frozen=True)
class TargetOptions:
    """A target accuracy."""

    _: KW_ONLY
    target: float | None = option(
        "Accuracy in percent to be held in the last epochs.", check=lambda _, percent: check_target(percent)
    )
    last: int = option(
        "How many last epochs must hold the target.", default=5, check=whole(1, 10_000, "a whole number of epochs")
    )


@dataclass(frozen=True)
class NetworkOptions(SeededOptions, Places):
    """One network and how it is trained: what `ablate` takes."""

    what: str = option('A reference (saish-m4), a layer text, or a trial ("STUDY:12").', default=MISSING)
    _: KW_ONLY
    recipe: str | None = option(
        "How it is trained (docs/training.md).", shown="the network's own, else as `launch` chooses it"
    )
    augment: str | None = augment_option(shown="the recipe's")
    metric: str | None = metric_option(shown="the recipe's, else accuracy")
    class_weights: str | None = class_weights_option(shown="the recipe's, else auto")


@dataclass(frozen=True)
class TrainingOptions(TargetOptions, NetworkOptions):
    """What `train` takes."""

    _: KW_ONLY
    protocol: str = option(
        "search: evaluated on validation. confirm: trained on train + validation, the test set read once at the end. "
        "published: all training images, the test set after each epoch.",
        default="search",
    )
    seeds: int = option("How many seeds, each its own run.", default=1, check=whole(1, 1000))
    lr: float | None = option("Learning rate instead of the recipe's.")
    batch_size: int | None = option("Images per step instead of the recipe's.")
    weight_decay: float | None = option("Weight decay instead of the recipe's.")
    label_smoothing: float | None = option("Label smoothing instead of the recipe's.")
    budget: str = option("Budget of the target check.", default="params<8000")
    epoch_limit: int = option("Most epochs that the target check lets pass.", default=15, check=whole(1))


@dataclass(frozen=True)
class ConfirmationOptions(TargetOptions, ExperimentOptions, Places):
    """What `confirm` takes."""

    study: str = option("Name of the study.", default=MISSING)
    _: KW_ONLY
    top: int = option(
        "How many trials of the front (with --objective accuracy: of all), best first.", default=5, check=whole(1, 1000)
    )
    seeds: int = option("Fresh seeds for each of them.", default=5, check=whole(1, 1000))


@dataclass(frozen=True)
class SeriesOptions(SeededOptions):
    """What `series` takes."""

    name: str = option("mkthoma, gmshashank, tharun, saish or pankaja.", default=MISSING)
    _: KW_ONLY
    protocol: str = option("published, confirm or search, as in `train`.", default="published")
    steps: str | None = option("Only these, e.g. saish-m3,saish-m4; the others are listed.", shown="all")
    max_params: int = option("Steps with more parameters are counted, not trained.", default=1_000_000, check=whole(0))
