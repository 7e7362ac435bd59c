"""Networks in C against torch (float32) and LiteRT's own reference kernels (int8), by each compiler there is."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from exports import export_of, network
from hypothesis import HealthCheck, Phase, given, seed, settings
from strategies import Placed, placed_architectures
from torch import nn

from underbudget.budget.count import count
from underbudget.models.build import build
from underbudget.models.export.c import compiling, format
from underbudget.models.export.c.program import Program, programs
from underbudget.models.export.c.simulate import simulate, values
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.search.data.store import Dataset

SANITISED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STRICT = ("-Wconversion", "-Wshadow", "-Wdouble-promotion", "-Wvla")  # more than is promised
COMPILERS = ("gcc", "clang")

# Every kind of step, with strides, paddings, groups, ReLU and without, more channels than one.
EVERYTHING = (
    "conv3x4(6,p1x2,s2x1,g2,bias=T) bn relu bn | maxpool3x2(s2,p1) bn | sep3x3(9,p1,s1x2) | avgpool3(s2,p1) relu | "
    "conv2x1(8) | maxpool1x2 relu | conv1x1(6) bn drop0.1 | gap relu bn | linear(7) | linear(5,bias=F) bn"
)


def everything() -> Plan:
    return plan(parse(EVERYTHING), (4, 23, 19), 5)


def present(compiler: str, options: Sequence[str] = ()) -> str:
    """A compiler's path; skips where it is not installed, or lacks what the options need (a sanitiser's library)."""
    found = shutil.which(compiler)
    if found is None:
        pytest.skip(f"{compiler} is not installed")
    command = [found, *options, "-x", "c", "-", "-o", os.devnull]
    if subprocess.run(command, input=b"int main(void) { return 0; }", capture_output=True, check=False).returncode:
        pytest.skip(f"{compiler} cannot link with {' '.join(SANITISED[2:])}")
    return found


def pictures(shape: tuple[int, ...], number: int = 30) -> npt.NDArray[np.uint8]:
    """Noise of all brightnesses, from a black to a white picture."""
    generator = np.random.default_rng(5)
    least = np.linspace(0, 255, number).reshape(-1, 1, 1, 1)
    most = np.minimum(255, least + generator.integers(0, 256, least.shape))
    return (least + (most - least) * generator.random((number, *shape))).astype(np.uint8)


def lively(placed: Plan) -> nn.Module:
    """A network whose outputs depend on its inputs: small biases, statistics of its own maps."""
    module = network(placed)
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            if name.endswith("bias"):
                tensor.mul_(0.1)
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.train().momentum = 1.0
        x = torch.from_numpy(pictures(placed.input_shape)).float() / 255
        for _ in range(2):
            module(x)
        for layer in module.modules():
            if isinstance(
                layer, nn.BatchNorm1d | nn.BatchNorm2d
            ):  # no map so constant that rounding is all that is left
                layer.running_var = layer.running_var.clamp(min=0.01)  # type: ignore[union-attr]
    return module.eval()


def both(placed: Plan) -> list[Program]:
    """The float32 and the int8 program of a lively network, calibrated on `pictures`."""
    noise = pictures(placed.input_shape)
    return programs(export_of(placed, lively(placed), samples=noise[:3], calibration=noise), "net")


def executed(
    program: Program, inputs: npt.NDArray[np.uint8], folder: Path, command: tuple[str, ...] = ()
) -> npt.NDArray[np.float64]:
    """Stored logits of a compiled program, whose self-test passes."""
    for name, text in format._texts(program).items():
        (folder / name).write_text(text, "ascii")
    compiling.compiled(folder, "net", folder / "net", command)
    assert compiling.selftest(folder / "net").startswith("selftest passed: weights intact")
    predictions, stored, _ = compiling.run(folder / "net", inputs)
    assert predictions.tolist() == stored.argmax(1).tolist()
    return stored


def check(program: Program, stored: npt.NDArray[np.float64], inputs: npt.NDArray[np.uint8]) -> None:
    """float32 as torch says, to 1e-4 of the largest logit; int8 as NumPy says, bit for bit."""
    if program.integers is not None:
        assert np.array_equal(stored, simulate(program.integers, inputs))
        return
    wanted = format._logits(program.export, inputs)
    assert np.abs(stored - wanted).max() <= 1e-4 * max(float(np.abs(wanted).max()), 1e-6)


@pytest.mark.parametrize(
    "options", [(*compiling.FLAGS, *STRICT), (*compiling.FLAGS, *SANITISED)], ids=["strict", "san"]
)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_kind_compiles_without_a_warning_and_is_right(
    compiler: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    command = (present(compiler, options), *options)
    placed = everything()
    made = both(placed)
    kinds = {step.kind for step in made[0].chain}
    assert kinds == {"conv", "depthwise", "scale", "maxpool", "avgpool", "mean"}
    for program in made:
        assert program.arena_bytes == count(placed, program.precision).peak_bytes
        inputs = pictures(placed.input_shape)
        check(program, executed(program, inputs, tmp_path, command), inputs)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_source_has_no_kernel_that_it_does_not_use(compiler: str, tmp_path: Path) -> None:
    """An unused static function would be a warning, a missing one too."""
    files = []
    for text in ("gap", "maxpool2 | linear(3)", "avgpool4 bn", "conv4x4(3)", "sep4x4(3)", "linear(2) relu bn"):
        for program in both(plan(parse(text), (3, 4, 4))):
            folder = tmp_path / text.replace(" ", "") / program.precision
            folder.mkdir(parents=True)
            for name, content in format._texts(program).items():
                (folder / name).write_text(content, "ascii")
            files.append(folder / "net.c")
    subprocess.run([present(compiler), *compiling.FLAGS, "-O0", "-fsyntax-only", *files], check=True)
    if compiler == "gcc":  # which finds unused functions when it makes code
        subprocess.run([present(compiler), *compiling.FLAGS, "-O0", "-S", *files], cwd=tmp_path, check=True)


@seed(3)
@given(placed_architectures())
@settings(
    max_examples=8, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
def test_random_networks(one: Placed) -> None:
    command = (present("gcc"), *compiling.FLAGS, "-O1")
    placed = plan(one.architecture, one.input_shape, one.classes)
    for program in both(placed):
        assert program.arena_bytes == count(placed, program.precision).peak_bytes
        with tempfile.TemporaryDirectory() as folder:
            stored = executed(program, pictures(placed.input_shape), Path(folder), command)
        check(program, stored, pictures(placed.input_shape))


def test_a_network_for_signals(tmp_path: Path) -> None:
    text = "conv5x1(6,s2x1) relu bn | sep7x1(5,p3x0) bn relu | maxpool2x1 | conv9x1(7,p4x0) relu bn | conv1x1(4) | gap"
    placed = plan(parse(text), (3, 50, 1), 4)
    for program in both(placed):
        assert program.arena_bytes == count(placed, program.precision).peak_bytes
        check(program, executed(program, pictures((3, 50, 1)), tmp_path), pictures((3, 50, 1)))


@pytest.mark.parametrize("tail", ["relu bn", "bn relu", "bn", "relu bn relu bn"])
def test_padding_behind_a_batch_norm_is_zero(tail: str, tmp_path: Path) -> None:
    """A batch norm moved over a ReLU or into the next convolution would pad with another value than zero."""
    placed = plan(parse(f"conv3x3(4,p1) {tail} | conv3x3(3,p2) | gap"), (1, 4, 4), 3)
    inputs = pictures((1, 4, 4))
    for program in both(placed):
        check(program, executed(program, inputs, tmp_path), inputs)
    check_litert(program, inputs)


def check_litert(program: Program, inputs: npt.NDArray[np.uint8]) -> None:
    """Every map equal to LiteRT's; skips where it is not installed."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed: pip install ai-edge-litert")
    from litert import run

    assert program.integers is not None
    first, *ours = values(program.integers, inputs)
    theirs = run(program.integers, first.astype(np.int8))
    for one, mine, other in zip(program.integers.steps, ours, theirs, strict=True):
        assert np.array_equal(mine, other), one.step


@seed(4)
@given(placed_architectures())
@settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_int8_is_litert_bit_for_bit(one: Placed) -> None:
    placed = plan(one.architecture, one.input_shape, one.classes)
    check_litert(both(placed)[1], pictures(placed.input_shape, 8))


def test_every_int8_kind_is_litert_bit_for_bit() -> None:
    """The same network that each compiler is tested with, and its outputs are no constants."""
    program = both(everything())[1]
    assert program.integers is not None
    inputs = pictures(everything().input_shape)
    assert all(len(np.unique(stored)) > 5 for stored in simulate(program.integers, inputs).T)
    check_litert(program, inputs)


def test_footprint_on_a_cortex_m4(tmp_path: Path) -> None:
    """Static RAM is the arena alone, flash holds the weights, and the object needs nothing but the C library."""
    gcc = present(compiling.ARM)
    placed = plan(parse("conv3x3(8) relu bn | maxpool2 | conv3x3(16) bn relu | gap | linear(10)"), (1, 28, 28), 10)
    weights = count(placed).params
    for program in both(placed):
        folder = tmp_path / program.precision
        folder.mkdir()
        for name, text in format._texts(program).items():
            (folder / name).write_text(text, "ascii")
        found = compiling.footprint(folder, "net")
        assert found is not None
        size = count(placed, program.precision)
        assert size.peak_bytes <= found.ram <= size.peak_bytes + 4
        assert size.params_bytes - 4 * 16 <= found.flash <= 4 * weights + 4_000
        assert 0 < found.stack < 1_000
        flags = [flag for flag in compiling.ARM_FLAGS if flag != "-Os"]
        for level in ("-O0", "-Os"):
            target = folder / "net.o"
            options = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wdouble-promotion", "-Wconversion"]
            subprocess.run([gcc, *flags, level, *options, "-c", folder / "net.c", "-o", target], check=True)
            names = subprocess.run(
                [gcc.replace("gcc", "nm"), "-u", target], capture_output=True, text=True, check=True
            ).stdout.split()
            assert set(names) - {"U"} <= {"memcpy", "memset"}, "no double, no 64-bit division, no heap"


def test_int8_loses_little_accuracy(digits: Dataset) -> None:
    """A trained network on handwritten digits: at most one image in a hundred is lost."""
    train, validation = digits.part("train"), digits.part("validation")
    placed = plan(parse("conv5x5(8,s3) relu bn | conv3x3(12,p1) relu bn | conv3x3(10) | gap"), (1, 28, 28), 10)
    torch.manual_seed(0)
    module = build(placed)
    optimiser = torch.optim.Adam(module.parameters(), 0.02)
    images = torch.from_numpy(np.array(train.images)).float() / 255
    labels = torch.from_numpy(np.array(train.labels)).long()
    for _ in range(6):
        for batch in torch.randperm(len(images)).split(128):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module((images[batch] - 0.3) / 0.4), labels[batch]).backward()
            optimiser.step()
    export = replace(
        export_of(placed, module.eval(), samples=np.array(validation.images[:3]), mean=(0.3,), std=(0.4,)),
        calibration=np.array(train.images),
    )
    inputs, wanted = np.array(validation.images), np.array(validation.labels)
    _, program = programs(export, "digits")
    assert program.integers is not None
    whole = simulate(program.integers, inputs).argmax(1)
    float32 = format._logits(export, inputs).argmax(1)
    assert (float32 == wanted).mean() > 0.9
    assert (whole == wanted).mean() >= (float32 == wanted).mean() - 0.01
    assert (whole != float32).mean() <= 0.02
