"""The cross-check of our counts: by torch's own parameters, and by fvcore, which traces the built module.

fvcore (https://github.com/facebookresearch/fvcore, docs/flop_count.md) counts one per multiply-add of convolutions and
linear layers and ignores biases, as we do; its counts for batch norm and adaptive pooling are not multiply-adds by our
convention and are left out. The comparison goes layer by layer, so that two errors cannot cancel.
"""

import copy
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from underbudget.budget.count import layer_macs
from underbudget.models.plan import Plan

if TYPE_CHECKING:
    from torch import nn

# What fvcore counts beyond multiply-adds. Named one by one: an operator that it learns to count shows as a difference.
_NOT_MACS = frozenset({"batch_norm", "adaptive_avg_pool2d"})


@dataclass(frozen=True)
class LayerCheck:
    """Multiply-adds of one layer."""

    name: str  # the layer's name in the plan and in the module
    macs_plan: int
    macs_fvcore: int


@dataclass(frozen=True)
class CrossCheck:
    """One network as the plan, torch and fvcore count it."""

    params_plan: int
    params_torch: int  # sum of p.numel() over the trainable parameters
    params_fvcore: int
    macs_plan: int
    macs_fvcore: int  # of the whole module, so work outside the named layers shows
    layers: tuple[LayerCheck, ...]  # every layer that either side counts multiply-adds for

    @property
    def params_agree(self) -> bool:
        return self.params_plan == self.params_torch == self.params_fvcore

    @property
    def macs_agree(self) -> bool:
        """Whether the multiply-adds are equal, in every layer and in all."""
        return self.macs_plan == self.macs_fvcore and not self._different()

    @property
    def agrees(self) -> bool:
        """Whether all counts are equal."""
        return self.params_agree and self.macs_agree

    def _different(self) -> list[LayerCheck]:
        return [layer for layer in self.layers if layer.macs_plan != layer.macs_fvcore]

    def line(self) -> str:
        """The outcome on one line."""
        params, macs = "confirmed by torch and fvcore", "confirmed by fvcore"
        if not self.params_agree:
            params = f"NOT confirmed: torch counts {self.params_torch:,}, fvcore {self.params_fvcore:,}"
        if not self.macs_agree:
            macs = f"NOT confirmed: fvcore counts {self.macs_fvcore:,}"
            macs += "".join(f", {row.name} {row.macs_plan:,} against {row.macs_fvcore:,}" for row in self._different())
        return f"{self.params_plan:,} parameters, {params}; {self.macs_plan:,} MACs, {macs}"


def crosscheck(plan: Plan, module: "nn.Module | None" = None) -> CrossCheck:
    """Count the plan's network, or `module`, whose submodules are named as the plan's layers, by torch and fvcore too.

    The module and torch's random state are left as they were. Takes about 10 ms for a small network, once torch and
    fvcore are imported.
    """
    import torch

    from underbudget.models.build import build

    with torch.random.fork_rng(devices=[]):
        # Tracing runs the network: in training mode that would change the statistics of batch norm.
        network = (build(plan) if module is None else copy.deepcopy(module)).eval()
    params_torch = sum(p.numel() for p in network.parameters() if p.requires_grad)
    params_fvcore, macs_fvcore, traced = _fvcore(network, plan.input_shape)
    planned = {layer.name: layer_macs(layer) for layer in plan.layers}
    names = [*planned, *(name for name in traced if name not in planned)]
    return CrossCheck(
        params_plan=sum(layer.params for layer in plan.layers),
        params_torch=params_torch,
        params_fvcore=params_fvcore,
        macs_plan=sum(planned.values()),
        macs_fvcore=macs_fvcore,
        layers=tuple(
            LayerCheck(name, planned.get(name, 0), traced.get(name, 0))
            for name in names
            if planned.get(name, 0) or traced.get(name, 0)
        ),
    )


def _fvcore(network: "nn.Module", input_shape: tuple[int, ...]) -> tuple[int, int, dict[str, int]]:
    """fvcore's parameters, its multiply-adds of the whole network, and those of each submodule by name."""
    import torch

    with warnings.catch_warnings():
        # fvcore compiles loss functions, which we don't use, with the deprecated torch.jit.script when it is imported.
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is")
        from fvcore.nn import FlopCountAnalysis, parameter_count

    parameter = next(network.parameters(), None)
    image = torch.zeros(1, *input_shape, device=None if parameter is None else parameter.device)
    analysis = FlopCountAnalysis(network, image)
    # It logs pooling as unsupported and dropout as uncalled; both are none of the multiply-adds compared here.
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    with torch.no_grad():
        counted = analysis.by_module_and_operator()
    macs = {
        name: int(sum(value for operator, value in operators.items() if operator not in _NOT_MACS))
        for name, operators in counted.items()
    }
    total = macs.pop("")  # the network itself
    return int(parameter_count(network)[""]), total, macs
