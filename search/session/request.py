"""What a user asks of a search: options of the command line, keys of a TOML file, arguments of the Python call.

None means "not given", which is not the same as the default: a resumed study keeps what it has where nothing is given.
"""

import dataclasses
import difflib
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError
from underbudget.reports.storage_url import shown_url

ENGINES = ("processes", "in-process")

# Options of a session rather than of its study, which a resume has to be given again.
SESSION_OPTIONS = (
    *("trials", "workers", "device", "sampler", "stopping", "first_rung", "reduction_factor"),
    *("target", "runs", "storage", "data_dir", "engine", "live", "live_every"),
)


@dataclass(frozen=True)
class Request:
    """Everything that may be asked of `launch`."""

    study: str | None = None
    dataset: str | None = None
    budget: str | list[str] | None = None
    trials: int | None = None
    epochs: int | None = None
    workers: int | None = None
    seed: int | None = None
    timeout: str | None = None  # a duration such as 2h, 90m, 1h30m, 45s
    device: str | None = None
    sampler: str | None = None
    stopping: str | None = None  # how trials are stopped early, see search.stopping
    first_rung: int | None = None
    reduction_factor: float | None = None
    objective: str | None = None  # "front" or "accuracy"
    minimize: str | None = None  # the front's other axis
    tune: str | list[str] | None = None  # parts of the recipe that trials sample
    target: float | None = None  # percent
    recipe: str | None = None
    lr: float | None = None
    batch_size: str | int | None = None  # a number or "auto"
    precision: str | None = None
    runs: str | None = None
    storage: str | None = None
    data_dir: str | None = None
    start_from: str | None = None  # "references"
    engine: str | None = None  # where jobs run: one of ENGINES
    repeats: int | None = None  # so many searches on as many seeds, see search.session.repeats
    live: bool | None = None  # write the report again while the search runs, see search.results.live_report
    live_every: str | None = None  # a duration; asks for a live report too, unless `live` is False
    space: Mapping[str, Any] = field(default_factory=dict)  # the [space] table

    def over(self, other: "Request") -> "Request":
        """This request, with the other's values where this one has none."""
        given = {name: value for name, value in self.__dict__.items() if value is not None and value != {}}
        return replace(other, **given)

    def command(self) -> str:
        """The command line that asks the same; a [space] table and a storage's password are left to the user."""
        words = ["underbudget", "launch", *([self.study] if self.study else [])]
        for name, value in self.__dict__.items():
            if name in ("study", "space", "storage") or value is None:
                continue
            if isinstance(value, bool):
                words.append(f"--{'' if value else 'no-'}{name.replace('_', '-')}")
                continue
            several = isinstance(value, list) and name != "tune"
            for item in value if several else [",".join(value) if isinstance(value, list) else value]:
                words += [f"--{name.replace('_', '-')}", shlex.quote(str(item))]
        if self.storage is not None:
            words += ["--storage", shlex.quote(shown_url(self.storage))]
        return " ".join(words + (["--config", "FILE"] if self.space else []))


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


def check(request: Request) -> None:
    """Raises UserError for an option out of its range, naming rule and value."""
    from underbudget.search.sampling.samplers import SAMPLERS
    from underbudget.search.stopping import Stopping
    from underbudget.search.study import tuning
    from underbudget.search.study.objective import Objective

    for name, value in request.__dict__.items():
        if value is not None:
            _check_type(f"--{name.replace('_', '-')}", name, value)
    whole = (
        ("trials", request.trials, 1, 1_000_000),
        ("epochs", request.epochs, 1, 10_000),
        ("workers", request.workers, 1, 1024),
        ("seed", request.seed, 0, 2**32 - 1),
        ("repeats", request.repeats, 2, 1000),
    )
    for name, value, least, most in whole:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
            raise UserError(f"--{name} is a whole number from {least} to {most}, not {value!r}")
    if request.lr is not None and not 0 < request.lr <= 100:
        raise UserError(f"--lr is a learning rate over 0 and at most 100, not {request.lr!r}")
    if request.batch_size is not None:
        parse_batch_size(request.batch_size)
    if request.target is not None:
        check_target(request.target)
    choices = (
        ("precision", request.precision, ("float32", "int8")),
        ("sampler", request.sampler, tuple(SAMPLERS)),
        ("start-from", request.start_from, ("references",)),
        ("engine", request.engine, ENGINES),
    )
    for name, chosen, allowed in choices:
        if chosen is not None and chosen not in allowed:
            raise UserError(f"--{name} is {' or '.join(allowed)}, not {chosen!r}")
    if request.timeout is not None:
        parse_duration(request.timeout)
    if request.live_every is not None:
        parse_duration(request.live_every)
    Stopping(request.stopping or "front", request.first_rung, request.reduction_factor)
    Objective(request.objective or "front", request.minimize or "params")
    if request.tune is not None:
        tuning.parse(request.tune)


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


def read_config(path: Path) -> Request:
    """A request from a TOML file: keys are the options, `batch-size` or `batch_size`, and a [space] table.

    Raises UserError for a file that can't be read, an unknown key (offering the nearest), or a value of a wrong type.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise UserError(f"the configuration {path} cannot be read ({error.strerror}): check --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"the configuration {path} is not TOML ({error}): mend it or leave out --config") from error
    known = {field.name for field in dataclasses.fields(Request)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {near[0].replace('_', '-')}?" if near else f"known: {', '.join(sorted(known))}"
            raise UserError(f"{path}: unknown key {key!r}, {hint}")
        _check_type(f"{path}: {key}", name, value)
        values[name] = value
    return Request(**values)


_TYPES: dict[str, tuple[type, ...]] = {
    "trials": (int,),
    "epochs": (int,),
    "workers": (int,),
    "seed": (int,),
    "repeats": (int,),
    "live": (bool,),
    "lr": (float, int),
    "target": (float, int),
    "first_rung": (int,),
    "reduction_factor": (float, int),
    "tune": (str, list),
    "batch_size": (int, str),
    "budget": (str, list),
    "space": (dict,),
}
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list of texts",
    dict: "a table",
}


def _check_type(shown: str, name: str, value: Any) -> None:
    """Raises UserError for a value of a type that the option does not take, from a TOML file or from Python."""
    allowed = _TYPES.get(name, (str,))
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        words = dict.fromkeys(_WORDS[kind] for kind in allowed if not (kind is int and float in allowed))
        raise UserError(f"{shown} is {' or '.join(words)}, not {value!r}")
