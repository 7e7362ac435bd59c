"""What a user may ask of a search: the one table of the options of `launch`."""

# ruff: noqa: RUF009

import re
import shlex
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from underbudget.models.errors import UserError
from underbudget.models.metrics import METRICS
from underbudget.reports.storage_url import shown_url
from underbudget.search.session.data_options import DataOptions
from underbudget.search.session.options import Places, declared, flag, one_of, option, read_toml, whole
from underbudget.search.training.built_in_recipes import AUGMENTATIONS
from underbudget.search.training.recipe import CLASS_WEIGHTS

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse_duration(text: str) -> float:
    """Seconds of a duration such as "2h", "90m", "1h30m", "45s" or "45". Raises UserError for anything else."""
    match = _DURATION.fullmatch(text.strip().lower()) if text.isascii() else None
    seconds = (
        sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True)) if match else 0
    )
    if not seconds or seconds > 1e8:
        raise UserError(f"a duration is written like 2h, 90m, 1h30m or 45s and is over 0, not {text[:40]!r}")
    return seconds


def check_target(target: float) -> float:
    """A target accuracy in percent. Raises UserError for one out of range, or one that looks like a fraction."""
    if not 1 < target <= 100:
        hint = f": did you mean {target * 100:g}?" if 0 < target <= 1 else ""
        raise UserError(f"--target is an accuracy in percent, over 1 and at most 100, not {target:g}{hint}")
    return target


def parse_batch_size(value: str | int) -> int | None:
    """A batch size, None for "auto". Raises UserError for anything else."""
    if value == "auto":
        return None
    number = int(value) if isinstance(value, int) or (value.isascii() and value.isdecimal()) else 0
    if not 2 <= number <= 1_000_000:
        raise UserError(f"--batch-size is auto or a whole number from 2 to 1000000, not {value!r}")
    return number


# Of the recipe: options that `launch` and the experiments have, with defaults of their own.
augment_option = partial(
    option,
    "What is done to training images: none, digits, natural, sound, signal, or auto: what suits the data.",
    check=one_of("auto", *AUGMENTATIONS),
)
metric_option = partial(
    option,
    "What accuracy means: accuracy, balanced_accuracy (mean recall of the classes) or f1_macro.",
    check=one_of(*METRICS),
)
class_weights_option = partial(
    option,
    "Of the loss: none, balanced, or auto: balanced under another metric than accuracy.",
    check=one_of("auto", *CLASS_WEIGHTS),
)


def _check_lr(name: str, value: float) -> None:
    if not 0 < value <= 100:
        raise UserError(f"{name} is a learning rate over 0 and at most 100, not {value!r}")


def _check_dataset(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise UserError(f"{name} is the name of a data set or a path, not {type(value).__name__} (docs/data.md)")


@dataclass(frozen=True)
class Options(DataOptions, Places):
    """Everything that may be asked of one search. None means "not given": a study that is resumed keeps what it has.

    Of several types, the last is that of the command line.
    """

    study: str | None = option("Name of the study; made from data set and budget if left out.", scope="study")
    _: KW_ONLY
    dataset: object | str | None = option(
        "A name (see `underbudget data list`), or your own folder, .npz or .csv file (docs/data.md).",
        scope="study",
        usual="mnist",
        check=_check_dataset,
    )
    budget: str | list[str] | None = option(
        'Hard limits, e.g. "params<8000" or "params<8000, macs<=1.5M".', scope="study", usual="params<8000"
    )
    trials: int | None = option(
        "Trials that the study is to have in all, complete and stopped ones.", usual=100, check=whole(1, 1_000_000)
    )
    epochs: int | None = option(
        "Epochs of one trial.", scope="study", shown="15, with few images more", check=whole(1, 10_000)
    )
    workers: int | None = option("Trials at a time.", shown="one per usable core", check=whole(1, 1024))
    seed: int | None = option("Every random number derives from it.", scope="study", usual=0, check=whole(0, 2**32 - 1))
    timeout: str | None = option(
        "Stop cleanly after, e.g., 2h, 90m or 45s.", scope="call", check=lambda _, text: parse_duration(text)
    )
    device: str | None = option("auto, cpu, mps, all, cuda:0,cuda:1.", usual="auto")
    sampler: str | None = option("tpe or random.", usual="tpe", check=one_of("tpe", "random"))
    stopping: str | None = option("Early stopping of hopeless trials: front, mo-asha or none.", usual="front")
    first_rung: int | None = option("Epoch after which a trial may first be stopped.")
    reduction_factor: float | None = option(
        "From one epoch at which trials may be stopped to the next; mo-asha: one of so many goes on."
    )
    objective: str | None = option(
        "front: accuracy against cost; accuracy: the most accurate, nothing else.", scope="study", usual="front"
    )
    minimize: str | None = option("The front's cost: params, macs or peak_bytes.", scope="study", usual="params")
    tune: list[str] | str | None = option(
        "Search the recipe too: lr, weight_decay, augmentation, label_smoothing, schedule, ema, dropout.",
        scope="study",
    )
    target: float | None = option(
        "Accuracy in percent that a network must hold in its last 3 epochs.",
        check=lambda _, percent: check_target(percent),
    )
    recipe: str | None = option(
        "How networks are trained (docs/training.md).",
        scope="study",
        shown="warp10-onecycle; onecycle where the images are no digits",
    )
    augment: str | None = augment_option(scope="study", shown="auto, or the recipe's own where one is named")
    metric: str | None = metric_option(scope="study", shown="accuracy")
    class_weights: str | None = class_weights_option(scope="study", shown="auto")
    lr: float | None = option("Learning rate instead of the recipe's.", scope="study", check=_check_lr)
    batch_size: int | str | None = option(
        "Images per step, or auto.", scope="study", usual="auto", check=lambda _, size: parse_batch_size(size)
    )
    precision: str | None = option(
        "float32 or int8: bytes per stored value.", scope="study", usual="float32", check=one_of("float32", "int8")
    )
    start_from: str | None = option(
        '"references": try the published networks that fit first.', scope="call", check=one_of("references")
    )
    engine: str | None = option(
        "processes, or in-process: one trial at a time in this process.",
        usual="processes",
        check=one_of("processes", "in-process"),
    )
    live: bool | None = option("Write the report again while the search runs, every 3 minutes.")
    live_every: str | None = option("The same, every, e.g., 10m or 30s.", check=lambda _, text: parse_duration(text))
    space: dict[str, Any] | None = option(
        "Bounds of the search space, the [space] table (docs/space.md).", scope="study"
    )

    def over(self, other: "Options") -> Self:
        """These options, with the other's values where they have none."""
        missing: dict[str, Any] = {name: value for name, value in vars(other).items() if getattr(self, name) is None}
        return replace(self, **missing)

    def command(self) -> str:
        """The command line that asks the same; a [space] table and a storage's password are left to the user."""
        words = ["underbudget", "launch", *([self.study] if self.study else [])]
        for name in declared(type(self)):
            value = getattr(self, name)
            if name in ("study", "space") or value is None:
                continue
            if isinstance(value, bool):
                words.append(flag(name) if value else flag(f"no_{name}"))
                continue
            items = value if isinstance(value, list) else [shown_url(value) if name == "storage" else value]
            for item in [",".join(items)] if name == "tune" else items:
                words += [flag(name), shlex.quote(str(item))]
        return " ".join(words + (["--config", "FILE"] if self.space else []))


@dataclass(frozen=True)
class Request(Options):
    """What may be asked of `underbudget launch`: one search, or several that differ in their seeds only."""

    _: KW_ONLY
    repeats: int | None = option(
        "Search so many times, on seeds one after the other, and compare.", scope="call", check=whole(2, 1000)
    )


DEFAULTS = Options(**{name: each.usual for name, each in declared(Options).items()})


def read_config(path: Path) -> Request:
    """A request from a TOML file: keys are the options, and a [space] table. Raises UserError as `read_toml` does."""
    return Request(**read_toml(Request, path))
