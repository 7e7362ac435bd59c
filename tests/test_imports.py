"""The import directions of docs/design.md, read from the source, and what a few entry points must not load."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from underbudget.search.data.store import Dataset

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("models", "budget", "reports", "search")  # each may import those before it and itself
FILES = sorted(path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
# The folders of search/, from the ground up: each may import itself and those on the floors before its own.
FLOORS = (
    ("space", "data", "progress"),
    ("training",),
    ("study", "engines"),
    ("sampling", "stopping", "results"),
    ("dashboard",),
    ("session",),
    ("experiments", "api"),
    ("commands",),
)
# What reads a user's tables; no worker needs it.
TABLES = tuple(f"search/data/{name}.py" for name in ("table_file", "picture_table", "signal_columns"))
HEAVY = {"torch", "torchvision", "optuna", "pandas", "plotly", "sklearn", "scipy", "fvcore", "optuna_dashboard"}


@dataclass(frozen=True)
class Import:
    line: int
    names: tuple[str, ...]  # dotted: the module, or where names are taken from it each of `module.name`
    at_module_level: bool  # runs when the file is imported

    @property
    def package(self) -> str:
        """The package: one of ours by its folder, "underbudget" for what stands above them, another by its name."""
        first, _, rest = self.names[0].partition(".")
        inner = rest.partition(".")[0]
        return inner if first == "underbudget" and inner in PACKAGES else first

    def is_within(self, *prefixes: str) -> bool:
        return all(any(f"{name}.".startswith(f"underbudget.{prefix}.") for prefix in prefixes) for name in self.names)


def imports(source: str) -> Iterator[Import]:
    def walk(node: ast.AST, at_module_level: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.Import():
                    for alias in child.names:
                        yield Import(child.lineno, (alias.name,), at_module_level)
                case ast.ImportFrom():
                    module = "." * child.level + (child.module or "")
                    names = tuple(f"{module}.{alias.name}" for alias in child.names)
                    yield Import(child.lineno, names, at_module_level)
                case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                    yield from walk(child, False)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                    yield from walk(child, False)
                case _:
                    yield from walk(child, at_module_level)

    yield from walk(ast.parse(source), True)


def imports_of(file: str) -> list[Import]:
    return list(imports((ROOT / file).read_text(encoding="utf-8")))


def places(file: str, found: list[Import]) -> list[str]:
    return [f"{file}:{each.line} imports {', '.join(each.names)}" for each in found]


def test_the_walk_sees_every_way_to_import() -> None:
    source = "\n".join(
        (
            "import underbudget.search.space as space, torch",
            "from underbudget.models import plan, language",
            "from . import near",
            "if TYPE_CHECKING:\n    import pandas",
            "try:\n    import optuna\nexcept ImportError:\n    pass",
            "class A:\n    def f(self):\n        from rich.text import Text",
        )
    )
    found = list(imports(source))
    assert found == [
        Import(1, ("underbudget.search.space",), True),
        Import(1, ("torch",), True),
        Import(2, ("underbudget.models.plan", "underbudget.models.language"), True),
        Import(3, ("..near",), True),
        Import(5, ("pandas",), False),
        Import(7, ("optuna",), True),
        Import(12, ("rich.text.Text",), False),
    ]
    assert [each.package for each in found] == ["search", "torch", "models", "", "pandas", "optuna", "rich"]


def test_every_package_is_looked_at() -> None:
    assert {file.partition("/")[0] for file in FILES} == set(PACKAGES)
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(PACKAGES)
    folders = {file.split("/")[1].removesuffix(".py") for file in FILES if file.startswith("search/")} - {"__init__"}
    assert folders == {name for floor in FLOORS for name in floor}


def test_packages_point_one_way() -> None:
    """Relative imports are wrong too; the version is the one thing that stands above the packages."""
    for file in FILES:
        later = PACKAGES[PACKAGES.index(file.partition("/")[0]) + 1 :]
        found = [each for each in imports_of(file) if each.package in (*later, "", "underbudget", "tests", "lab")]
        assert not places(file, [each for each in found if not each.is_within("version")])


def test_nothing_imports_a_folder_as_a_package_of_its_own() -> None:
    for file in FILES:
        assert not places(file, [each for each in imports_of(file) if each.names[0].partition(".")[0] in PACKAGES])


def floor_of(name: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if name in floor)


def test_folders_of_search_point_down() -> None:
    for file in FILES:
        if not file.startswith("search/") or file == "search/__init__.py":
            continue
        own = file.split("/")[1].removesuffix(".py")
        for each in imports_of(file):
            if each.package == "search":
                used = {name.split(".")[2] for name in each.names}
                assert all(name == own or floor_of(name) < floor_of(own) for name in used), places(file, [each])


def modules_used_by(file: str) -> set[str]:
    """Files of ours that a file imports itself, inside functions and for type checking too."""
    used = set()
    for each in imports_of(file):
        if each.package in PACKAGES:
            for name in each.names:
                path = name.removeprefix("underbudget.").replace(".", "/")
                found = (f"{path}.py", f"{path.rpartition('/')[0]}.py", f"{path}/__init__.py")
                used.update(one for one in found if one in FILES)
    return used - {file}


def test_no_import_is_part_of_a_cycle() -> None:
    graph = {file: modules_used_by(file) for file in FILES}
    assert sum(map(len, graph.values())) > 500
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the files


def test_data_and_training_could_move_out() -> None:
    for file in FILES:
        if file.startswith(("search/data/", "search/training/")):
            found = imports_of(file)
            ours = [each for each in found if each.package in (*PACKAGES, "underbudget")]
            inside = ("models", "search.data", "search.training")
            assert not places(file, [each for each in ours if not each.is_within(*inside)])
            eager = [each for each in found if each.at_module_level]
            assert not places(file, [each for each in eager if each.package in HEAVY - {"torch"}])
            without = ("optuna",) if file in TABLES else ("optuna", "pandas")
            assert not places(file, [each for each in found if each.package in without])


def reached_from(start: str) -> set[str]:
    """Files of ours that a file imports, at any time, through others too."""
    reached, waiting = set(), [start]
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            ours = [each for each in imports_of(file) if each.package in PACKAGES]
            dotted = [name.removeprefix("underbudget.") for each in ours for name in each.names]
            paths = [Path(*name.split(".")[:depth]) for name in dotted for depth in range(1, name.count(".") + 2)]
            candidates = {candidate.as_posix() for path in paths for candidate in (path / "__init__.py", path)}
            waiting += [each for each in FILES if each in candidates or each.removesuffix(".py") in candidates]
    return reached


def test_a_worker_never_needs_what_only_the_coordinator_has() -> None:
    reached = reached_from("search/engines/worker.py")
    assert {"search/engines/worker.py", "search/__init__.py", "search/training/loop.py", "models/plan.py"} <= reached
    for file in sorted(reached):
        assert not places(file, [each for each in imports_of(file) if each.package in HEAVY - {"torch"}])


def test_only_the_commands_know_the_terminal() -> None:
    for file in FILES:
        found = [each for each in imports_of(file) if each.package in ("rich", "typer", "click")]
        if file in ("budget/table.py", "budget/__main__.py"):  # `python -m underbudget.budget` shows the layer table
            found = [each for each in found if each.at_module_level or each.package != "rich"]
        if not file.startswith("search/commands/"):
            assert not places(file, found)


def test_nobody_imports_what_composes_everything() -> None:
    for file in FILES:
        composing = (
            ("underbudget.search.api",)
            if file.startswith("search/commands/")
            else ("underbudget.search.commands", "underbudget.search.api")
        )
        assert not places(file, [each for each in imports_of(file) if any(map(each.is_within, composing))])


def test_no_file_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    names = [*FILES, *(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").glob("*.py"))]
    assert not [name for name in names if drawers & set(Path(name).with_suffix("").parts)]


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("", HEAVY | {"numpy", "typer", "rich"}),
        ("search.commands.main", HEAVY | {"numpy"}),
        ("search.commands.header search.session.resolving search.session.repeats", HEAVY),
        ("models.language models.plan models.references budget.count budget.limits reports.record", HEAVY),
        ("search.session.coordinator search.session.record search.training.environment", HEAVY - {"optuna"}),
        ("search.engines.worker search.engines.runner search.data.sources", HEAVY - {"torch"}),
    ],
)
def test_importing_does_not_load(modules: str, absent: set[str]) -> None:
    names = ", ".join(["underbudget", *(f"underbudget.{module}" for module in modules.split())])
    code = f"import sys, {names}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not absent & set(done.stdout.split())


def test_a_mistyped_data_set_is_told_without_torch() -> None:
    code = (
        "import sys; from underbudget.search.commands.main import run; code = run(['launch', '--dataset', 'digist']); "
        "print(*{name.partition('.')[0] for name in sys.modules}); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "did you mean digits?" in done.stderr
    assert not {"torch", "sklearn", "scipy"} & set(done.stdout.split())


def test_data_devices_and_recipes_need_no_torch(digits: Dataset) -> None:
    """Opening a prepared data set, an unknown name, choosing the device of a machine without a GPU, a recipe."""
    code = f"""
import pathlib, sys
from underbudget.models.errors import UserError
from underbudget.search.data import protocol, sources, store
from underbudget.search.engines import devices
from underbudget.search.training import built_in_recipes, run_length, schedule, tuning
data = store.open_dataset(pathlib.Path({str(digits.folder)!r}))
store.verify(data, ("train", "validation"))
print(len(data.part("validation").images))
try:
    sources.prepare("no such data set")
except UserError:
    pass
devices.may_have_gpu = lambda: False
print(devices.choose_device("auto"), run_length.resolve(built_in_recipes.recipe("rot7"), images=1000).batch_size)
print(*{{name.partition(".")[0] for name in sys.modules}})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    images, device, modules = done.stdout.splitlines()
    assert (images, device) == (str(digits.info.counts["validation"]), "cpu 16")
    assert not HEAVY & set(modules.split())
