"""Networks in C: what a plan becomes, the text that is written, what is refused."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from exports import export_of, metadata, network, small
from hypothesis import given
from hypothesis import strategies as st

from underbudget.budget.count import count
from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.export import formats
from underbudget.models.export.c import compiling, format, quantise, source
from underbudget.models.export.c.literals import comment, floats, prefix_of, string, whole
from underbudget.models.export.c.program import Program, programs
from underbudget.models.export.c.quantise import fixed_point
from underbudget.models.export.c.steps import steps
from underbudget.models.export.contents import Export
from underbudget.models.export.verify import write_verified
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.models.references import REFERENCES

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler (cc, gcc or clang) is installed")


def calibrated(placed: Plan, **changes: object) -> Export:
    """An export with calibration pictures."""
    pictures = np.random.default_rng(2).integers(0, 256, (20, *placed.input_shape), dtype=np.uint8)
    return export_of(placed, calibration=pictures, **changes)


def made(placed: Plan, precision: str, **changes: object) -> Program:
    (program,) = programs(calibrated(placed, options={"precision": precision}, **changes), "net")
    return program


@pytest.mark.parametrize("name", list(REFERENCES))
def test_static_memory_is_the_counted_peak(name: str) -> None:
    placed = plan(REFERENCES[name].architecture, (1, 28, 28), 10)
    state = network(placed).state_dict()
    chain = steps(placed, state)
    for precision in ("float32", "int8"):
        program = Program(export_of(placed, classes=("x",) * 10), "net", precision, chain, None)
        assert program.arena_bytes == count(placed, precision).peak_bytes


def test_no_map_lies_on_another(tmp_path: Path) -> None:
    """Each step reads and writes inside the arena, and apart unless it works in place."""
    for text in ("conv3x3(4) relu bn | maxpool2 bn | sep3x3(9) bn relu bn | linear(30) relu | linear(10)",):
        placed = plan(parse(text), (1, 12, 12), 10)
        program = made(placed, "int8")
        size, places = program.arena
        where = 0
        for step, (begin, target) in zip(program.chain, places, strict=True):
            inputs, outputs = int(np.prod(step.input_shape)), int(np.prod(step.output_shape))
            assert begin == where
            assert 0 <= begin <= size - inputs
            assert 0 <= target <= size - outputs
            if step.kind == "scale":
                assert target == begin
            else:
                assert begin + inputs <= target or target + outputs <= begin
            where = target


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("conv3x3(4) bn relu | gap", "conv+relu mean"),  # folded
        ("conv3x3(4) drop0.1 bn bn | gap", "conv mean"),  # nothing but dropout between
        ("conv3x3(4) relu bn | gap", "conv+relu scale mean"),  # stays
        ("conv3x3(4) relu bn bn relu | gap", "conv+relu scale+relu mean"),  # the second one into the first
        ("conv3x3(4) | maxpool2 bn | gap relu bn", "conv maxpool scale mean+relu scale"),
        ("sep3x3(4) bn | avgpool2 relu | linear(4) bn", "conv conv avgpool+relu conv"),  # one channel: no depthwise
        ("conv3x3(4) | sep3x3(4) bn | linear(4,bias=F)", "conv depthwise conv conv"),
    ],
)
def test_which_batch_norms_are_folded(text: str, kinds: str) -> None:
    placed = plan(parse(text), (1, 9, 9), 4)
    chain = steps(placed, network(placed).state_dict())
    assert " ".join(step.kind + "+relu" * step.relu for step in chain) == kinds
    assert chain[-1].last == len(placed.layers) - 1


def test_fixed_point_by_hand() -> None:
    assert fixed_point(0.5) == (2**30, 0)
    assert fixed_point(0.75) == (3 * 2**29, 0)
    assert fixed_point(3 / 16) == (3 * 2**29, 2)
    assert fixed_point(1 - 2**-40) == (2**30, -1)  # rounds up to 1, which no export has
    assert fixed_point(2.0**-32) == (2**30, 31)
    assert fixed_point(2.0**-33) == (0, 0)


def test_an_int8_network_by_hand() -> None:
    """A 1x1 convolution of weight 2 and bias 1 on pixels normalised to 0..255."""
    placed = plan(parse("conv1x1(1,bias=T) | gap"), (1, 1, 1), 1)
    state = {"conv1.weight": torch.full((1, 1, 1, 1), 2.0), "conv1.bias": torch.ones(1)}
    pictures = np.array([[[[0]]], [[[255]]]], np.uint8)
    export = export_of(
        placed, state=state, mean=(0.0,), std=(1 / 255,), calibration=pictures, options={"precision": "int8"}
    )
    (program,) = programs(export, "net")
    assert program.integers is not None
    assert program.integers.pixels == ((65536, -128 * 65536 + 32768),)  # pixel p is stored as p - 128
    conv, mean = program.integers.steps
    assert (conv.source.scale, conv.source.zero) == (1, -128)
    assert conv.weight is not None
    assert conv.bias is not None
    assert conv.weight.item() == 127
    assert conv.scales == (pytest.approx(2 / 127),)
    assert conv.bias.item() == 64  # 1 / (2/127) is 63.5
    assert conv.target.scale == pytest.approx(511 / 255)  # from 0 to 2 * 255 + 1
    assert (conv.target.zero, mean.target.zero) == (-128, -128)
    assert conv.multiplier[0] / 2**31 / 2 ** conv.shift[0] == pytest.approx(2 / 127 / (511 / 255), rel=1e-6)


def test_calibration_sees_the_network_in_eval_mode() -> None:
    """The logits' range is that of torch's logits over the calibration pictures."""
    placed = plan(parse("conv3x3(4) relu bn drop0.5 | gap drop0.5 | linear(3) bn"), (1, 6, 6), 3)
    program = made(placed, "int8")
    assert program.integers is not None
    assert program.export.calibration is not None
    logits = format._logits(program.export, program.export.calibration)
    assert program.integers.logits == quantise._grid(float(logits.min()), float(logits.max()))


def test_sums_fit_into_int32_and_multipliers_below_one() -> None:
    """Weights and statistics of any size: no accumulator overflows, nothing is shifted left."""
    placed = plan(parse("conv3x3(6,bias=T) bn relu bn | sep3x3(4) relu bn | gap | linear(3)"), (2, 9, 9), 3)
    generator = np.random.default_rng(0)
    for _ in range(20):
        state = network(placed).state_dict()
        for name, tensor in state.items():
            if tensor.is_floating_point() and not name.endswith("var"):
                factor = 10 ** generator.uniform(-5, 5, tensor.shape) * (generator.random(tensor.shape) > 0.2)
                tensor.mul_(torch.from_numpy(factor))
        program = made(placed, "int8", state=state)
        assert program.integers is not None
        for one in program.integers.steps:
            assert all(0 <= value < 2**31 for value in one.multiplier)
            assert all(0 <= value <= 31 for value in one.shift)
            if one.weight is not None and one.bias is not None:
                rows = one.weight if one.step.kind == "conv" else np.moveaxis(one.weight, -1, 0)
                most = 255 * np.abs(rows.reshape(len(one.bias), -1).astype(np.int64)).sum(1)
                assert (most + np.abs(one.bias.astype(np.int64)) < 2**31).all()


def test_equal_exports_are_equal_texts() -> None:
    for precision in ("float32", "int8"):
        assert source.source(made(small(), precision)) == source.source(made(small(), precision))


HOSTILE = ('"', "\\", "*/", "/*", "??/", "??)", "\n", "\r", "\0", "%s", "//", "\u2028", "\ud800", "0", "é", "\x1b")


@given(st.text(st.characters(exclude_categories=[]), max_size=30) | st.lists(st.sampled_from(HOSTILE)).map("".join))
def test_hostile_text_stays_a_literal_or_a_comment(text: str) -> None:
    literal = string(text)
    assert literal.isascii()
    assert re.fullmatch(r'"([ !#->@-\[\]-~]|\\[0-3][0-7]{2})*"', literal)  # neither ? nor " nor \ by themselves
    decoded = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), literal[1:-1])
    assert decoded.encode("latin-1") == text.encode("utf-8", "backslashreplace")
    shown = comment(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert not {"*", "?", "\\"} & set(shown)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float_literals_give_back_their_value(value: float) -> None:
    (text,) = floats(np.array([value], np.float32))
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?f", text)
    assert re.search(r"[.e]", text), "an integer with a suffix f is no C"
    assert np.float32(text[:-1]).view(np.uint32) == np.float32(value).view(np.uint32)


def test_the_least_integer_has_no_literal_of_its_own() -> None:
    assert whole([-(2**31), -5, 7]) == ["(-2147483647 - 1)", "-5", "7"]


@pytest.mark.parametrize("prefix", ["", "1digit", "a-b", "a b", '"', "x" * 32, "naïve", 7, None, "_net"])
def test_bad_prefixes_are_refused(prefix: object) -> None:
    with pytest.raises(UserError, match="a prefix of C names is a letter and up to 30"):
        prefix_of(prefix)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("winner", "winner"), ("my net-2", "my_net_2"), ("8k", "k"), ("数字", "network"), ("a" * 40, "a" * 31)],
)
def test_the_prefix_comes_from_the_name_of_the_folder(name: str, prefix: str) -> None:
    (program,) = programs(export_of(small()), name)
    assert program.prefix == prefix


def test_what_cannot_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for options, message in [
        ({"precision": "int8"}, "int8 is calibrated on training images, which are not here: give --data-dir"),
        ({"precision": "int4"}, "a precision is float32 or int8, not 'int4'"),
        ({"prefix": "a b"}, "a prefix of C names"),
    ]:
        with pytest.raises(UserError, match=message):
            write_verified(export_of(small(), options=options), tmp_path / "net", format="c")
    with pytest.raises(UserError, match="the name of a class has at most 1,000 bytes in C"):
        write_verified(export_of(small(), classes=("x" * 1001,) * 10), tmp_path / "net", format="c")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(UserError, match="no cc, gcc or clang was found: install one or set CC"):
        write_verified(export_of(small()), tmp_path / "net", format="c")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_are_refused() -> None:
    state = network(small()).state_dict()
    state["bn1.running_var"][1] = -1.0  # its root is no number
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(UnderbudgetError, match="conv1 has weights that are not finite"),
    ):
        programs(export_of(small(), state=state), "net")


@needs_compiler
def test_a_folder_is_written_verified_and_read_again(tmp_path: Path) -> None:
    pictures = np.random.default_rng(3).integers(0, 256, (50, 1, 8, 8), dtype=np.uint8)
    export = calibrated(small(), validation=(pictures, np.arange(50) % 10))
    folder = tmp_path / "winner"
    found = write_verified(export, folder, format="c")
    assert (found.path, found.parameters, found.samples) == (folder, 455, 50)
    assert re.fullmatch(
        r"float32: logits of 50 validation images differ by at most \S+ \(\S+ allowed\), predictions equal; "
        r"int8: logits of 50 equal to the LiteRT arithmetic bit for bit",
        found.said,
    )
    assert found.lines[0].startswith("float32: ")
    assert "points lost, 0 predictions differ" in found.lines[0]
    assert "of 50 validation images, the trained network" in found.lines[2]
    retrained = replace(export, metadata={**export.metadata, "protocol": "confirm"}, options={"precision": "float32"})
    said = write_verified(retrained, tmp_path / "other", format="c").lines[0]
    assert "of 50 validation images, which it was trained on, the trained network" in said
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    names = ["c-export.json", "winner.c", "winner.h", "winner_main.c"]
    assert files == ["c-export.json", *(f"{p}/{name}" for p in ("float32", "int8") for name in names)]
    assert formats.of(folder).name == formats.of(folder / "int8").name == "c"
    model = format.load(folder)
    assert (model.input_shape, model.classes, model.metadata["study"]) == ((1, 8, 8), export.classes, "mnist-8k")
    exact = format.load(folder / "float32")
    wanted = format._logits(export, pictures)
    assert np.abs(exact.logits(torch.from_numpy(pictures).float()).numpy() - wanted).max() < 1e-5
    near = model.logits(torch.from_numpy(pictures).float()).numpy()
    assert np.abs(near - wanted).max() < 0.1 * np.abs(wanted).max()
    assert format.usage(folder) == [f"cc -std=c99 -O2 {folder}/int8/*.c -o network && ./network"]


@needs_compiler
def test_changed_files_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    write_verified(export_of(small()), folder, format="c")
    for name in ("net.c", "net.h", "net_main.c"):
        file = folder / "float32" / name
        content = file.read_bytes()
        file.write_bytes(content.replace(b"pictures", b"Pictures", 1) if b"pictures" in content else content + b"\n")
        with pytest.raises(UserError, match=rf"{name} does not match its checksum: the file was changed"):
            format.load(folder)
        file.write_bytes(content)
    facts = json.loads((folder / "float32" / "c-export.json").read_text())
    for change in ({"prefix": "../net"}, {"sha256": {}, "classes": None}, {"sha256": []}):
        (folder / "float32" / "c-export.json").write_text(json.dumps({**facts, **change}))
        with pytest.raises(UserError):
            format.load(folder)
    (folder / "c-export.json").write_text("[]")
    with pytest.raises(UserError, match="was changed: export the network again"):
        format.load(folder)


@needs_compiler
@pytest.mark.parametrize(
    ("precision", "old", "new", "message"),
    [
        ("float32", "sum += values[i] * weights[i];", "sum += values[i];", "float32: .*failed"),
        ("float32", "result[i] > result[best]", "result[i] < result[best]", "float32: .*failed"),
        ("int8", "(high < 0);", "(high > 0);", "int8: .*(failed|not those of the LiteRT arithmetic)"),
        ("int8", "value > 127 ? 127", "value > 126 ? 126", "int8: .*(failed|not those of the LiteRT arithmetic)"),
        ("int8", "int best = 0;", "int best = 0, more;", "int8: .* error: unused variable"),
    ],
)
def test_a_program_that_is_not_the_network_is_not_written(
    precision: str, old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = source.source

    def wrong(program: Program) -> str:
        text = right(program)
        assert old in text
        return text.replace(old, new)

    monkeypatch.setattr(format, "source", wrong)
    pictures = np.random.default_rng(4).integers(0, 256, (200, 1, 8, 8), dtype=np.uint8)
    export = calibrated(small(), validation=(pictures, np.arange(200) % 10), options={"precision": precision})
    with pytest.raises(UnderbudgetError, match=message) as caught:
        write_verified(export, tmp_path / "net", format="c")
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@needs_compiler
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_changed_weight_is_noticed_on_the_target(precision: str, tmp_path: Path) -> None:
    program = made(small(), precision)
    for name, text in format._texts(program).items():
        (tmp_path / name).write_text(text)
    text = (tmp_path / "net.c").read_text()
    start = re.search(r"linear1_bias\[5\] = \{", text)
    assert start is not None
    changed = text[: start.end()] + "1" + text[start.end() :].lstrip("-")
    (tmp_path / "net.c").write_text(changed)
    compiling.compiled(tmp_path, "net", tmp_path / "test")
    done = subprocess.run([tmp_path / "test"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("selftest FAILED: weights CHANGED")


@needs_compiler
def test_hostile_names_compile_and_read_back(tmp_path: Path) -> None:
    """Every byte of every name, through a compiler that takes trigraphs."""
    names = [*HOSTILE, *("".join(pair) for pair in zip(HOSTILE, reversed(HOSTILE), strict=True))]
    placed = plan(parse(f"conv1x1({len(names)}) | gap"), (1, 2, 2), len(names))
    said = {**metadata(), "study": "*/ int x; /* ??/\n#error", "dataset": '"\\', "trained": "//"}
    program = made(placed, "float32", classes=tuple(names), metadata=said)
    for name, text in format._texts(program).items():
        text.encode("ascii")
        (tmp_path / name).write_text(text)
    (tmp_path / "names_main.c").write_text(
        '#include <stdio.h>\n#include "net.h"\nint main(void)\n{\n'
        "    for (int i = 0; i < NET_CLASSES; i++) {\n"
        '        for (const char *c = net_labels[i]; *c; c++) {\n            printf("%02x", (unsigned char)*c);\n'
        '        }\n        printf("\\n");\n    }\n    return 0;\n}\n'
    )
    shutil.copy(tmp_path / "net.c", tmp_path / "names.c")
    compiling.compiled(tmp_path, "names", tmp_path / "names")
    done = subprocess.run([tmp_path / "names"], capture_output=True, text=True, check=True)
    wanted = [name.encode("utf-8", "backslashreplace").partition(b"\0")[0].hex() for name in names]
    assert done.stdout.split("\n")[:-1] == wanted
    compiling.compiled(tmp_path, "net", tmp_path / "net")
    assert compiling.selftest(tmp_path / "net").startswith("selftest passed")


def test_quantisation_keeps_zero_exact() -> None:
    for least, most in [(-1.0, 3.0), (0.5, 3.0), (-4.0, -1.0), (0.0, 0.0), (-1e-9, 2e-9)]:
        grid = quantise._grid(least, most)
        assert -128 <= grid.zero <= 127
        assert grid.scale * (127 - grid.zero) >= most - grid.scale / 2
        assert grid.scale * (-128 - grid.zero) <= least + grid.scale / 2
