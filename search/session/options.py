"""Options, each declared once: as a field of a frozen dataclass.

The field's type and its `option` make the option of the command line, the key of the TOML file, the keyword of the
Python function, and the checks. None always means "not given".
"""

# ruff: noqa: RUF009

import dataclasses
import functools
import inspect
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, get_args, get_type_hints

from underbudget.models.errors import UserError, nearest, quoted
from underbudget.search.study.location import RUNS

Scope = Literal["study", "session", "call"]  # fixed for a study; to be given again at a resume; of one call only
Check = Callable[[str, Any], object]  # gets the option's name as it is shown and the value; raises UserError

_P = ParamSpec("_P")
_R = TypeVar("_R")
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list of texts",
    dict: "a table",
}


@dataclass(frozen=True)
class Option:
    """What is known of an option besides its name and type."""

    help: str
    usual: Any = None  # the value if neither the user nor the stored study gives one
    shown: str = ""  # the default in the help text, if it is worked out
    scope: Scope = "session"
    check: Check | None = None
    trailing: bool = False  # listed after the others
    flags: tuple[str, ...] = ()  # of the command line, if they do not follow from the name
    kinds: tuple[Any, ...] = ()  # its types, without None


def option(help: str, *, default: Any = None, **details: Any) -> Any:
    """A dataclass field that declares an option; `details` are fields of `Option`."""
    return dataclasses.field(default=default, metadata={"option": Option(help, **details)})


@dataclass(frozen=True)
class Folders:
    """Where studies and data lie."""

    _: dataclasses.KW_ONLY
    runs: Path | str | None = option("Folder of all studies.", usual=RUNS, trailing=True)
    data_dir: Path | str | None = option(
        "Folder of the data sets; else the variable UNDERBUDGET_DATA, else a cache folder.", trailing=True
    )


@dataclass(frozen=True)
class Places(Folders):
    """Where studies and data lie; a study may have a database elsewhere."""

    _: dataclasses.KW_ONLY
    storage: str | None = option("Database URL instead of RUNS/STUDY/study.db.", trailing=True)


def declared(cls: type) -> dict[str, Option]:
    """The options of a class by name."""
    options, hints = {}, get_type_hints(cls)
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        members = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        kinds = tuple(kind for kind in members if kind is not NoneType)
        options[field.name] = dataclasses.replace(field.metadata["option"], kinds=kinds)
    return dict(sorted(options.items(), key=lambda item: item[1].trailing))


def flag(name: str) -> str:
    """How an option is written: "batch_size" is `--batch-size`."""
    return f"--{name.replace('_', '-')}"


def whole(least: int, most: int | None = None, what: str = "a whole number") -> Check:
    """Checks that a whole number is in a range."""

    def check(name: str, value: int) -> None:
        if value < least or (most is not None and value > most):
            words = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise UserError(f"{name} is {what} {words}, not {value!r}")

    return check


def between(least: float, most: float) -> Check:
    """Checks that a number is in a range."""

    def check(name: str, value: float) -> None:
        if not least <= value <= most:
            raise UserError(f"{name} is a number from {least:g} to {most:g}, not {value!r}")

    return check


def one_of(*allowed: str) -> Check:
    """Checks that a text is one of a few."""

    def check(name: str, value: str) -> None:
        if value not in allowed:
            *most, last = allowed
            raise UserError(f"{name} is {', '.join(most)}{' or ' if most else ''}{last}, not {value!r}")

    return check


def check(options: Any) -> None:
    """Raises UserError for an option of a wrong type or out of its range, naming rule and value."""
    for name, each in declared(type(options)).items():
        if (value := getattr(options, name)) is not None:
            _check_type(each, value, flag(name))
            if each.check is not None:
                each.check(flag(name), value)


def _check_type(each: Option, value: Any, shown: str) -> None:
    """Raises UserError for a value of a type that an option does not take, from a TOML file or from Python."""
    accepted = {getattr(kind, "__origin__", kind) for kind in each.kinds}
    fits = isinstance(value, (*accepted, int) if float in accepted else tuple(accepted))
    if not fits or (isinstance(value, bool) and bool not in accepted):
        words = [word for kind, word in _WORDS.items() if kind in accepted]
        raise UserError(f"{shown} is {' or '.join(words)}, not {value!r}")
    if isinstance(value, str) and "\0" in value:
        raise UserError(f"{shown} is text without the character NUL, not {quoted(value)}")


def read_toml(cls: type, path: Path) -> dict[str, Any]:
    """Options from a TOML file whose keys are their names, `batch-size` or `batch_size`.

    Raises UserError for a file that can't be read, an unknown key (offering the nearest), or a value of a wrong type.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the configuration {path} cannot be read ({error.strerror}): check --config") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"the configuration {path} is not TOML ({error}): mend it or leave out --config") from error
    known = declared(cls)
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near.replace('_', '-')}?" if near else f"known: {', '.join(sorted(known))}"
            raise UserError(f"{path}: unknown key {key!r}, {hint}")
        _check_type(known[name], value, f"{path}: {key}")
        values[name] = value
    return values


def to_toml(values: Mapping[str, Any]) -> str:
    """Options as `read_toml` reads them, those that are tables last. JSON's spelling of values is TOML's too."""
    plain = {name: value for name, value in values.items() if value is not None and not isinstance(value, dict)}
    lines = [f"{name.replace('_', '-')} = {json.dumps(value, default=str)}" for name, value in plain.items()]
    for name, table in values.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines)


def keywords(cls: Callable[_P, Any]) -> Callable[[Callable[[Any], _R]], Callable[_P, _R]]:
    """Lets a function of one options object be called with the options themselves, for type checkers, editors and
    `help` too: `launch(Options(study, trials=3))` becomes `launch(study, trials=3)`."""

    def decorate(function: Callable[[Any], _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def call(*args: _P.args, **given: _P.kwargs) -> _R:
            return function(cls(*args, **given))

        assert isinstance(cls, type)
        returned = inspect.signature(function).return_annotation
        signature = inspect.signature(cls).replace(return_annotation=returned)
        call.__signature__ = signature  # type: ignore[attr-defined]
        listed = (f"    {name}: {each.help}" for name, each in declared(cls).items())
        call.__doc__ = "\n".join([inspect.cleandoc(function.__doc__ or ""), "", "Arguments:", *listed])
        return call

    return decorate
