"""What the simulated training looks at: numbers that describe a planned network.

All are of order 1 to 10 and mean something by themselves; the fit standardises them. Logarithms are to base 2 for
widths, sizes and depths, to base 10 for costs.
"""

import math
from collections.abc import Iterator

from underbudget.budget.count import count
from underbudget.models.architecture import Activation, BatchNorm, Conv, Dropout, GlobalAveragePool, Linear, Pool
from underbudget.models.plan import Plan, PlannedLayer


def features(network: Plan) -> dict[str, float]:
    """Feature values by name, in a fixed order; any chain that ends in a vector has them."""
    layers = network.layers
    spatial = [layer for layer in layers if isinstance(layer.operation, Conv) and max(layer.operation.kernel) > 1]
    mixing = [layer for layer in layers if isinstance(layer.operation, Conv | Linear) and not _depthwise(layer)]
    hidden = mixing[:-1] or mixing
    widths = [layer.output_shape[0] for layer in hidden]
    pools = [layer for layer in layers if isinstance(layer.operation, Pool)]
    after = layers[layers.index(pools[0]) :] if pools else ()
    widths_after = [layer.output_shape[0] for layer in hidden if layer in after] or widths[-1:]
    pooled = next((layer for layer in layers if isinstance(layer.operation, GlobalAveragePool)), layers[-1])
    field = math.log2(max(spatial[-1].receptive_field) if spatial else 1)
    drops = list(_drops(network))
    separable = any(_depthwise(layer) for layer in layers)
    bn_first = _norm_before_activation(network)
    return {
        "params": math.log10(count(network).params),
        "depth": math.log2(1 + len(spatial)),  # spatial convolutions
        "pools": float(len(pools)),
        "receptive_field": field,  # of the last spatial convolution
        "uncovered": max(0.0, math.log2(max(network.input_shape[1:])) - field),  # by it, of the image
        "head_map": math.log2(max(pooled.input_shape[1:], default=1)),  # that the head averages
        "width_mean": sum(map(math.log2, widths)) / len(widths),
        "width_after_pool": sum(map(math.log2, widths_after)) / len(widths_after),
        "width_least": math.log2(min(widths)),
        "width_first": math.log2(widths[0]),
        "width_last": math.log2(widths[-1]),
        "separable": float(separable),
        "dropout": max((10 * rate for rate, _ in drops), default=0.0),
        "dropout_load": sum(10 * rate / math.log2(1 + width) for rate, width in drops),
        "dropout_narrow": sum(10 * rate / width for rate, width in drops),
        "bn_first": float(bn_first),
        "separable_bn_first": float(separable and bn_first),
        "padded": float(
            sum(max(layer.operation.padding) > 0 for layer in spatial if isinstance(layer.operation, Conv))
        ),
        "pointwise": float(_pointwise_before_gap(layers)),
        "spatial_head": float(mixing[-1] in spatial or (len(mixing) > 1 and _after_depthwise(layers, mixing[-1]))),
    }


def _depthwise(layer: PlannedLayer) -> bool:
    return isinstance(layer.operation, Conv) and layer.operation.groups > 1


def _padded(layer: PlannedLayer) -> bool:
    return isinstance(layer.operation, Conv) and max(layer.operation.padding) > 0


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


def _pointwise_before_gap(layers: tuple[PlannedLayer, ...]) -> int:
    """1x1 convolutions before the global average that follow no depthwise one."""
    found = 0
    for layer in layers:
        if isinstance(layer.operation, GlobalAveragePool):
            break
        pointwise = isinstance(layer.operation, Conv) and layer.operation.kernel == (1, 1)
        found += pointwise and not _after_depthwise(layers, layer)
    return found


def _after_depthwise(layers: tuple[PlannedLayer, ...], layer: PlannedLayer) -> bool:
    place = layers.index(layer)
    return place > 0 and _depthwise(layers[place - 1])


def workload(network: Plan) -> dict[str, float]:
    """What an epoch's duration is made of: one, millions of multiply-adds, millions of activation values."""
    values = sum(math.prod(layer.output_shape) for layer in network.layers)
    return {"fixed": 1.0, "macs": count(network).macs / 1e6, "values": values / 1e6}
