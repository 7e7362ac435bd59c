"""Options of the command line: those that several commands share, and those that a class declares."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from underbudget.search.session.options import Places, declared, flag
from underbudget.search.session.request import Options

_Function = TypeVar("_Function", bound=Callable[..., Any])


def of(cls: type, name: str) -> Any:
    """An option that a class declares, as Typer takes it: an argument where the class takes it by position."""
    each = declared(cls)[name]
    shown = each.shown or (True if each.usual is None else str(each.usual))
    if not cls.__dataclass_fields__[name].kw_only:  # type: ignore[attr-defined]
        return typer.Argument(help=each.help)
    flags = () if bool in each.kinds else each.flags or (flag(name),)
    return typer.Option(*flags, help=each.help, show_default=shown)


def taking(cls: type) -> Callable[[_Function], _Function]:
    """Gives a command the options that a class declares, before its own; it gets them as keywords."""

    def decorate(function: _Function) -> _Function:
        fields = {field.name: field for field in dataclasses.fields(cls)}
        parameters = []
        for name, each in declared(cls).items():
            default, kind = fields[name].default, each.kinds[-1]
            if getattr(kind, "__origin__", kind) is dict:
                continue  # a table of a TOML file
            required = default is dataclasses.MISSING
            given = inspect.Parameter.empty if required else default
            annotation: Any = Annotated[kind if required else kind | None, of(cls, name)]
            parameters.append(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=given, annotation=annotation)
            )
        own = inspect.signature(function)
        keywords = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        parameters += [one.replace(kind=one.KEYWORD_ONLY) for one in keywords]
        function.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return function

    return decorate


Runs = Annotated[str | None, of(Places, "runs")]
Storage = Annotated[str | None, of(Places, "storage")]
DataDir = Annotated[str | None, of(Places, "data_dir")]
Target = Annotated[float | None, of(Options, "target")]
Precision = Annotated[str | None, of(Options, "precision")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
