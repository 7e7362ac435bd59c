"""The text of exported files: judged by torch through `models.build`, by Python's parser, by ruff and by mypy."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from exports import export_of, metadata, network, run, small
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from strategies import Placed, placed_architectures
from torch import nn

from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.export.literal import literal, plain
from underbudget.models.export.python import source
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.models.references import CLASSES, INPUT_SHAPE, REFERENCES

FEW = [
    name
    for name, reference in REFERENCES.items()
    if sum(layer.params for layer in plan(reference.architecture, INPUT_SHAPE).layers) < 20_000
]


def assert_exported(placed: Plan) -> None:
    """The exported network is the built one: modules as torch prints them, parameters, and logits bit for bit."""
    built = network(placed)
    exported = run(source(export_of(placed, built))).load()
    assert not any(module.training for module in exported.modules())
    assert settings_of(exported) == settings_of(built)
    assert sum(p.numel() for p in exported.parameters()) == sum(p.numel() for p in built.parameters())
    called: list[nn.Module] = []
    for module in exported.children():
        module.register_forward_hook(lambda module, *_: called.append(module))
    pictures = torch.randn(4, *placed.input_shape)
    with torch.inference_mode():
        assert torch.equal(exported(pictures).view(torch.int32), built(pictures).view(torch.int32))
    assert called == list(exported.children())  # dropout too, which does nothing in eval mode


def settings_of(network: nn.Module) -> list[tuple[str, str]]:
    """Every layer as torch prints it, (2, 2) written as 2."""
    return [(name, re.sub(r"\((\d+), \1\)", r"\1", repr(module))) for name, module in network.named_children()]


@pytest.mark.parametrize("name", FEW)
def test_references_under_20_000_parameters(name: str) -> None:
    assert_exported(plan(REFERENCES[name].architecture, INPUT_SHAPE, CLASSES))


@given(placed_architectures())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_architectures(placed: Placed) -> None:
    assert_exported(plan(placed.architecture, placed.input_shape, placed.classes))


def test_a_long_tail_is_called_in_order() -> None:
    tail = " ".join(["relu", "bn", "drop0.5"] * 6)
    assert_exported(plan(parse(f"conv3x3(4) {tail} | gap | linear(3) {tail}"), (2, 5, 7), 3))


def test_running_statistics_matter() -> None:
    """Otherwise the comparisons above would pass for a file without them."""
    built = network(small())
    exported = run(source(export_of(small(), built))).load()
    pictures = torch.randn(4, 1, 8, 8)
    with torch.inference_mode():
        expected = built(pictures)
        for module in exported.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                module.reset_running_stats()
        assert not torch.allclose(exported(pictures), expected, atol=1e-3)


def test_the_file_stands_alone() -> None:
    tree = ast.parse(source(export_of(small())))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"torch", "PIL"}
    assert not imported & {"pickle", "marshal", "shelve"}


def test_comments_give_shape_parameters_and_receptive_field() -> None:
    text = source(export_of(plan(REFERENCES["tharun-m6"].architecture, INPUT_SHAPE, CLASSES)))
    comments = [line.split("#")[1].split(", ") for line in text.splitlines() if " = nn." in line and "#" in line]
    fields = [comment[2] for comment in comments if "x" in comment[0]]
    # The receptive fields that were published for this network.
    published = [3, 5, 5, 6, 10, 14, 18, 22, 28, 28]
    assert list(dict.fromkeys(fields)) == [f"receptive field {size}x{size}" for size in dict.fromkeys(published)]
    assert comments[0] == [" 8x26x26", "72 parameters", "receptive field 3x3"]
    assert comments[2][:2] == [" 16x24x24", "1,152 parameters"]
    assert sum(int(comment[1].split()[0].replace(",", "")) for comment in comments) == 7416  # as published


def test_equal_exports_give_equal_texts_below_100_kilobytes() -> None:
    placed = plan(REFERENCES["saish-m4"].architecture, INPUT_SHAPE, CLASSES)
    samples = np.random.default_rng(0).integers(0, 256, (8, *INPUT_SHAPE), dtype=np.uint8)
    text = source(export_of(placed, samples=samples))
    assert text == source(export_of(placed, samples=samples.copy()))
    assert text.isascii()
    assert len(text) < 100_000


def test_samples_of_large_pictures_are_few() -> None:
    placed = plan(parse("gap | conv1x1(2)"), (3, 64, 80), 2)
    winner = run(source(export_of(placed, samples=np.zeros((9, 3, 64, 80), np.uint8))))
    assert winner.SAMPLE_LABELS == (0,)


def test_selftest_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    placed = small()
    winner = run(source(export_of(placed)))
    # conv 40, bn 8, sep 36 + 24, bn 12, linear 54 * 5 + 5, bn 10, linear 50
    assert winner.main(["--selftest"]) == 0
    assert capsys.readouterr().out.startswith("selftest passed: 455 parameters (455 stated), logits of 3 pictures")
    assert winner.main(["--info"]) == 0
    assert json.loads(capsys.readouterr().out) == metadata()
    with pytest.raises(SystemExit, match="2"):
        winner.main([])


def test_selftest_fails_for_other_arithmetic_and_other_counts(capsys: pytest.CaptureFixture[str]) -> None:
    text = source(export_of(small()))
    swapped = text.replace("self.drop1(self.relu1(self.bn1(", "self.drop1(self.bn1(self.relu1(")
    assert swapped != text
    assert run(swapped).main(["--selftest"]) == 1
    assert run(text.replace("PARAMETERS = 455", "PARAMETERS = 456")).main(["--selftest"]) == 1
    assert capsys.readouterr().out.count("selftest FAILED") == 2


@pytest.mark.parametrize("what", ["weights", "samples"])
@pytest.mark.parametrize("place", [0, 50, -1])
def test_a_changed_character_is_refused(what: str, place: int, capsys: pytest.CaptureFixture[str]) -> None:
    text = source(export_of(small()))
    start = text.index(f'\n{what.upper()} = """\n') + len(what) + 8
    end = text.index('\n"""', start)
    position = start + place if place >= 0 else end - 3
    other = "A" if text[position] != "A" else "B"
    winner = run(text[:position] + other + text[position + 1 :])
    assert winner.main(["--selftest"]) == 1
    printed = capsys.readouterr()
    assert printed.err == (
        f"the {what} in this file do not match their checksum: the file was changed, export it again\n"
    )
    assert printed.out == ""


# Text that tries to end a string, a comment, a docstring or a line, or cannot be encoded.
BREAKING = ('"""', "'''", '"', "'", "\\", "\n", "\r", "\0", "\x1b[2J", "{}", "{0!r}", "%s", "#", "\\u0041", "\ud800")
BREAKING += ("\u2028", "\u202e", "\U0001f600", "\nraise SystemExit(7)\n")
HOSTILE = st.text(st.characters(exclude_categories=[])) | st.lists(st.sampled_from(BREAKING)).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | HOSTILE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HOSTILE, inner, max_size=4),
    max_leaves=12,
)
KNOWN = st.fixed_dictionaries({}, optional=dict.fromkeys(metadata(), VALUES))


@given(st.lists(HOSTILE, min_size=2, max_size=2), KNOWN, st.dictionaries(HOSTILE, VALUES, max_size=3))
@example(['"""', '\\"""\n'], {"study": '"""\nraise SystemExit(7)\n"""', "dataset": "\\"}, {'"\n': "\\"})
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_hostile_text_stays_text(classes: list[str], known: dict[str, object], more: dict[str, object]) -> None:
    placed = plan(parse("conv1x1(2) | gap"), (1, 1, 1), 2)
    data = {key: value for key, value in {**known, **more}.items() if key != "parameters"}
    text = source(export_of(placed, classes=tuple(classes), metadata=data))  # type: ignore[arg-type]
    text.encode("ascii")
    assert "\0" not in text
    assert [type(node) for node in ast.parse(text).body] == [type(node) for node in ast.parse(PLAIN).body]
    winner = run(text)
    assert tuple(classes) == winner.CLASSES
    assert data == winner.METADATA
    assert {name for name, _ in winner.predict(torch.zeros(1, 1, 1, dtype=torch.uint8))} == set(classes)


PLAIN = source(export_of(plan(parse("conv1x1(2) | gap"), (1, 1, 1), 2)))


@given(VALUES | st.lists(st.integers()).map(tuple))
@example("word " * 100)
@example("\U0001f600" * 200)
@example({"a": {"b": ["c" * 150, ("d",)]}})
def test_a_literal_reads_back(value: object) -> None:
    text = literal(value)  # type: ignore[arg-type]
    assert text.isascii()
    assert ast.literal_eval(text) == value


def test_literals_of_subclasses_are_plain() -> None:
    """A NumPy float is a float that prints as a call."""
    assert literal({"score": np.float64(99.5)}) == '{"score": 99.5}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {"a": {1, 2}}, object()])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        literal(value)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="metadata cannot be exported"):
        source(export_of(small(), metadata={"key": value}))


@given(HOSTILE)
def test_plain_text_can_stand_in_a_docstring(text: str) -> None:
    shown = plain(text)
    assert len(shown) <= 80
    assert shown.isascii()
    assert shown.isprintable()
    assert not set("\"'\\{}`") & set(shown)


def test_what_does_not_fit_is_refused() -> None:
    placed = small()
    for changes, message in [
        ({"classes": ("a",)}, "10 classes"),
        ({"mean": ()}, "mean and std"),
        ({"std": (0.0,)}, "std positive"),
        ({"samples": np.zeros((1, 1, 8, 9), np.uint8)}, "samples must be"),
        ({"samples": np.zeros((0, 1, 8, 8), np.uint8)}, "samples must be"),
        ({"samples": np.zeros((1, 1, 8, 8), np.float32)}, "uint8"),
        ({"metadata": {"parameters": 454}}, "454 parameters, the network has 455"),
    ]:
        with pytest.raises(UserError, match=message):
            export_of(placed, **changes)
    state = network(placed).state_dict()
    with pytest.raises(UnderbudgetError, match="not those of this network"):
        source(export_of(placed, state={name: tensor for name, tensor in state.items() if name != "conv1.bias"}))
    state["conv1.bias"] = torch.full((4,), torch.nan)
    with pytest.raises(UnderbudgetError, match="not finite"):
        source(export_of(placed, state=state))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file with long values, away from this project's settings."""
    path = tmp_path_factory.mktemp("export") / "winner.py"
    text = source(export_of(small(), metadata={**metadata(), "note": "a long text " * 30, "list": list(range(90))}))
    path.write_text(text, "ascii")
    return path


def stranger(*arguments: object, folder: Path) -> None:
    """Run a module of Python; show what it says where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_has_nothing_to_say(file: Path) -> None:
    stranger("ruff", "check", "--isolated", "--no-cache", file, folder=file.parent)
    more = "E,F,W,I,UP,B,C4,SIM,RUF,PIE"
    stranger(
        "ruff", "check", "--isolated", "--no-cache", "--line-length=120", "--select", more, file, folder=file.parent
    )
    stranger("ruff", "format", "--isolated", "--no-cache", "--line-length=120", "--check", file, folder=file.parent)


def test_mypy_strict_has_nothing_to_say(file: Path) -> None:
    # A cache of its own that lasts: reading torch takes mypy a quarter of a minute.
    cache = Path(__file__).parents[1] / ".mypy_cache" / "exported"
    stranger("mypy", "--config-file=", "--strict", f"--cache-dir={cache}", file, folder=file.parent)
