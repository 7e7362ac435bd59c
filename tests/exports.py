"""Exports for tests: networks with random weights and statistics, and exported files run in a namespace."""

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from underbudget.models.build import build
from underbudget.models.export.contents import Export
from underbudget.models.export.literal import JSON
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan

SMALL = "conv3x3(4,bias=T) bn relu drop0.1 | sep3x3(6,p1) relu bn | avgpool2 | linear(5) bn | linear(10,bias=F)"


def small() -> Plan:
    """A network of most operations for 1x8x8 pictures, ten classes."""
    return plan(parse(SMALL), (1, 8, 8), 10)


def network(placed: Plan, seed: int = 0) -> nn.Sequential:
    """The network of a plan in eval mode, with statistics that make eval mode matter."""
    torch.manual_seed(seed)
    module = build(placed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif name.endswith(("running_mean", "bias")) or (name.endswith("weight") and tensor.ndim == 1):
                tensor.normal_()
    return module.eval()


def export_of(placed: Plan, module: nn.Module | None = None, samples: Any = None, **changes: Any) -> Export:
    """An export of a module of that plan; `changes` replace fields."""
    channels = placed.input_shape[0]
    if samples is None:
        samples = np.random.default_rng(1).integers(0, 256, (3, *placed.input_shape), dtype=np.uint8)
    fields: dict[str, Any] = {
        "plan": placed,
        "state": (module or network(placed)).state_dict(),
        "mean": tuple(0.1 * (channel + 1) for channel in range(channels)),
        "std": tuple(0.3 / (channel + 1) for channel in range(channels)),
        "classes": tuple(str(label) for label in range(placed.classes)),
        "metadata": metadata(),
        "samples": samples,
        "sample_labels": [label % placed.classes for label in range(len(samples))],
    }
    return Export(**{**fields, **changes})


def metadata() -> Mapping[str, JSON]:
    """What a search says of a trial."""
    return {
        "study": "mnist-8k",
        "trial": 12,
        "score": 99.31333,
        "last_epoch_val_accuracy": 99.34,
        "validation_images": 10_000,
        "dataset": "mnist",
        "data_checksum": "5c" * 32,
        "id": "1b2758d56e09",
        "layers_text": " | ".join(["conv3x3(16) relu bn drop0.05"] * 6),
        "recipe": "warp10-onecycle",
        "seed": 7,
        "trained": "2026-11-20T18:00:00+00:00",
        "versions": {"python": "3.11.2", "torch": "2.15.0", "underbudget": "0.1.0"},
    }


def run(text: str, name: str = "winner") -> Any:
    """The namespace of an exported file as a module, without its command line."""
    module = ModuleType(name)
    # A class looks its module up when torch prints it.
    sys.modules[name] = module
    exec(compile(text, f"{name}.py", "exec"), module.__dict__)
    del sys.modules[name]
    return module
