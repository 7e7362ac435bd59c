"""What the simulated training looks at: numbers that describe a planned network.

All are of order 1 to 10 and mean something by themselves; the fit standardises them. Logarithms are to base 2 for
widths, sizes and depths, to base 10 for costs.
"""

import math
from collections.abc import Iterator

from budget.count import count
from models.architecture import Activation, BatchNorm, Conv, Dropout, GlobalAveragePool, Linear, Pool
from models.plan import Plan, PlannedLayer


def features(network: Plan) -> dict[str, float]:
    """Feature values by name, in a fixed order; any chain that ends in a vector has them."""
    cost = count(network)
    layers = network.layers
    spatial = [layer for layer in layers if isinstance(layer.operation, Conv) and max(layer.operation.kernel) > 1]
    mixing = [layer for layer in layers if isinstance(layer.operation, Conv | Linear) and not _depthwise(layer)]
    hidden = mixing[:-1] or mixing
    widths = [layer.output_shape[0] for layer in hidden]
    pooled = next((layer for layer in layers if isinstance(layer.operation, GlobalAveragePool)), layers[-1])
    last_spatial = next((layer for layer in reversed(layers) if layer in spatial), layers[0])
    drops = list(_drops(network))
    pools = [index for index, layer in enumerate(layers) if isinstance(layer.operation, Pool)]
    before = [layer for layer in spatial if not pools or layers.index(layer) < pools[0]]
    activation = [layer for layer in layers if isinstance(layer.operation, Activation)]
    norms = [layer for layer in layers if isinstance(layer.operation, BatchNorm)]
    return {
        "params": math.log10(cost.params),
        "macs": math.log10(max(cost.macs, 1)),
        "depth": math.log2(1 + len(spatial)),
        "depth_before_pool": math.log2(1 + len(before)),
        "pools": float(len(pools)),
        "receptive_field": math.log2(max(last_spatial.receptive_field)),
        "head_map": math.log2(max(pooled.input_shape[1:], default=1)),
        "width_mean": sum(map(math.log2, widths)) / len(widths),
        "width_least": math.log2(min(widths)),
        "width_first": math.log2(widths[0]),
        "width_last": math.log2(widths[-1]),
        "separable": float(any(_depthwise(layer) for layer in layers)),
        "dropout": 10 * max((rate for rate, _ in drops), default=0.0),
        "dropout_load": sum(10 * rate / math.log2(1 + width) for rate, width in drops),
        "bn_first": float(_norm_before_activation(network)),
        "norms_missing": float(len(activation) - len(norms)),
        "padded": float(
            sum(max(layer.operation.padding) > 0 for layer in spatial if isinstance(layer.operation, Conv))
        ),
        "pointwise": float(_pointwise_before_pool(layers)),
        "hidden_head": float(_mixing_after_gap(layers) > 1),
        "spatial_head": float(last_spatial.output_shape[0] == network.classes or mixing[-1] is last_spatial),
    }


def _depthwise(layer: PlannedLayer) -> bool:
    return isinstance(layer.operation, Conv) and layer.operation.groups > 1


def _drops(network: Plan) -> Iterator[tuple[float, int]]:
    """(rate, width) of every dropout."""
    for layer in network.layers:
        if isinstance(layer.operation, Dropout):
            yield layer.operation.rate, layer.output_shape[0]


def _norm_before_activation(network: Plan) -> bool:
    for stage in network.architecture.stages:
        kinds = [type(layer) for layer in stage.tail]
        if BatchNorm in kinds and Activation in kinds:
            return kinds.index(BatchNorm) < kinds.index(Activation)
    return False


def _pointwise_before_pool(layers: tuple[PlannedLayer, ...]) -> int:
    """1x1 convolutions before the global average that follow no depthwise one."""
    found = 0
    for index, layer in enumerate(layers):
        if isinstance(layer.operation, GlobalAveragePool):
            break
        pointwise = isinstance(layer.operation, Conv) and layer.operation.kernel == (1, 1)
        found += pointwise and not (index > 0 and _depthwise(layers[index - 1]))
    return found


def _mixing_after_gap(layers: tuple[PlannedLayer, ...]) -> int:
    seen, found = False, 0
    for layer in layers:
        seen = seen or isinstance(layer.operation, GlobalAveragePool)
        found += seen and isinstance(layer.operation, Conv | Linear)
    return found


def workload(network: Plan) -> dict[str, float]:
    """What an epoch's duration is made of: one, millions of multiply-adds, millions of activation values."""
    values = sum(math.prod(layer.output_shape) for layer in network.layers)
    return {"fixed": 1.0, "macs": count(network).macs / 1e6, "values": values / 1e6}
