"""What one precision of an export computes, and how its files are named."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from underbudget.models.architecture import size_text
from underbudget.models.errors import UnavailableError, UserError
from underbudget.models.export.c.literals import PREFIX, comment, prefix_of
from underbudget.models.export.c.quantise import Integers, integers, observe
from underbudget.models.export.c.steps import Step, arena, steps
from underbudget.models.export.contents import Export, module

VALUE_TYPES = {"float32": "float", "int8": "int8_t"}  # precision -> type of the values of a map
PRECISIONS = tuple(VALUE_TYPES)
MOST_CALIBRATED = 1_000  # pictures that the ranges of the maps are taken from, at most


@dataclass(frozen=True)
class Program:
    """One precision of an export."""

    export: Export
    prefix: str  # of every C name that others see, and of the files
    precision: str  # "float32" or "int8"
    chain: Sequence[Step]
    integers: Integers | None  # of int8

    @property
    def arena(self) -> tuple[int, list[tuple[int, int]]]:
        """Values of the buffer that all maps share, and the offset of each step's input and output in it."""
        return arena(self.chain)

    @property
    def arena_bytes(self) -> int:
        return self.arena[0] * np.dtype(self.precision).itemsize

    @property
    def logit_grid(self) -> tuple[float, int]:
        """(scale, zero): a logit is scale * (stored - zero)."""
        return (1.0, 0) if self.integers is None else (self.integers.logits.scale, self.integers.logits.zero)

    @property
    def about(self) -> str:
        """The comment that begins each file."""
        export, data = self.export, self.export.metadata
        shape = size_text(export.plan.input_shape)
        words = "integers only (LiteRT 8-bit quantisation)" if self.precision == "int8" else "float32"
        lines = [
            f"/* A network of {export.parameters:,} parameters that tells {export.plan.classes} classes of {shape} "
            f"pictures apart, in {words}."
        ]
        said = ", ".join(f"{key} {data[key]}" for key in ("study", "trial", "id", "dataset", "trained") if key in data)
        if said:
            lines.append(f"   {comment(said, 110)}")
        if isinstance(score := data.get("score"), float):
            lines.append(f"   The trained network has {score:.2f} % validation accuracy.")
        lines += [f"     {comment(stage, 110)}" for stage in export.plan.architecture.stages]
        lines.append("   C99 and its standard library, no heap. This file is free to use; the weights are yours. */")
        return "\n".join(lines)


def programs(export: Export, name: str) -> list[Program]:
    """The programs of an export: all precisions that can be made, or the one of its options.

    Options: `prefix` of the C names, else they are made of the option `name`, else of `name`; `precision`, float32 or
    int8. int8 is calibrated on at most MOST_CALIBRATED of the export's calibration pictures and left out where it has
    none. Raises UserError for other options, UnavailableError where int8 is asked for and there are no such pictures.
    """
    prefix = prefix_of(export.options.get("prefix") or _prefix(str(export.options.get("name") or name)))
    wanted = export.options.get("precision")
    if wanted is not None and precision_of(wanted) == "int8" and export.calibration is None:
        raise UnavailableError("int8 is calibrated on training images, which are not here: give --data-dir or float32")
    network = module(export)
    chain = steps(export.plan, network.state_dict())
    made = []
    if wanted in (None, "float32"):
        made.append(Program(export, prefix, "float32", chain, None))
    if wanted in (None, "int8") and export.calibration is not None:
        pictures = export.calibration[:: max(1, len(export.calibration) // MOST_CALIBRATED)][:MOST_CALIBRATED]
        ranges = observe(network, chain, pictures, export.mean, export.std)
        made.append(Program(export, prefix, "int8", chain, integers(chain, ranges, export.mean, export.std)))
    return made


def precision_of(value: object) -> str:
    """Check a precision. Raises UserError."""
    if value not in PRECISIONS:
        raise UserError(f"a precision is {' or '.join(PRECISIONS)}, not {str(value)[:40]!r}")
    return str(value)


def _prefix(name: str) -> str:
    """A prefix from a file's name."""
    found = re.search(PREFIX, re.sub(r"[^A-Za-z0-9]+", "_", name))
    return (found[0].strip("_") if found else "") or "network"
