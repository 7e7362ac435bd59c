"""A trained network as one ONNX file, written from the plan: a node per layer, named as the layer.

Operators: https://onnx.ai/onnx/operators/, opset 17 (2022), so that old runtimes read it. Input "pixels": float32
(batch, channels, height, width), 0..255, normalised inside; output "logits": (batch, classes). Dropout, which does
nothing in inference, has no node. `onnx` writes, `onnxruntime` checks; the extra `onnx` installs both.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models import architecture as arch
from underbudget.models.errors import UnavailableError
from underbudget.models.export.contents import Export, description, digest, module
from underbudget.models.export.formats import Model, Verification, check_weights, reading
from underbudget.models.export.verify import TOLERANCE, verified_by
from underbudget.models.plan import Flatten, PlannedLayer

if TYPE_CHECKING:
    from torch import Tensor

OPSET = 17
IR_VERSION = 8  # of the time of that opset
OPERATORS = {"ReLU": "Relu"}  # class in torch.nn -> operator with the same meaning and defaults
BATCH_NORM_EPS = 1e-5  # torch's default, the plan's only one

DRIVER = """\
import numpy as np, onnx, onnxruntime
onnx.checker.check_model(onnx.load(job["file"]), full_check=True)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(job["file"], options, providers=["CPUExecutionProvider"])
pictures = np.frombuffer(base64.b64decode(job["pictures"]), np.uint8).reshape(job["shape"]).astype(np.float32)
logits = session.run(["logits"], {"pixels": pictures})[0]
one = session.run(["logits"], {"pixels": pictures[:1]})[0]
assert np.allclose(one, logits[:1], rtol=1e-3, atol=1e-3), "a batch of one gives other logits"
values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(job["file"]).graph.initializer}
stored = {name: value for name, value in values.items() if not name.startswith("normalise.")}
trained = {name: value for name, value in stored.items() if not name.endswith((".running_mean", ".running_var"))}
answer(logits, stored, False, sum(value.size for value in trained.values()))
"""


def write(export: Export, path: Path, name: str) -> None:
    """Write the file. Raises UnavailableError for a layer that has no operator here."""
    import onnx
    from onnx import TensorProto, helper

    shape = export.plan.input_shape
    nodes, tensors = _normalisation(export)
    state = {name: tensor.numpy() for name, tensor in module(export).state_dict().items()}
    value = "normalised"
    for layer in export.plan.layers:
        if isinstance(layer.operation, arch.Dropout):
            continue
        operator, weights, attributes = _operator(layer)
        inputs = [f"{layer.name}.{weight}" for weight in weights]
        tensors += [onnx.numpy_helper.from_array(state[key], key) for key in inputs]
        nodes.append(helper.make_node(operator, [value, *inputs], [layer.name], layer.name, **attributes))
        value = layer.name
    nodes.append(helper.make_node("Identity", [value], ["logits"], "logits"))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", export.plan.classes])],
        tensors,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="underbudget", ir_version=IR_VERSION, opset_imports=opset)
    facts = {**description(export), "input": "pixels: float32 0..255, (batch, channels, height, width)"}
    # ONNX stores texts as UTF-8; JSON in ASCII passes whatever a name holds.
    helper.set_model_props(model, {key: json.dumps(fact) for key, fact in facts.items()})
    path.write_bytes(model.SerializeToString(deterministic=True))


def _normalisation(export: Export) -> tuple[list[Any], list[Any]]:
    """Nodes and constants of (pixels / 255 - mean) / std."""
    import numpy as np
    from onnx import helper, numpy_helper

    constants = {
        "normalise.most": np.float32(255),
        "normalise.mean": np.array(export.mean, np.float32).reshape(-1, 1, 1),
        "normalise.std": np.array(export.std, np.float32).reshape(-1, 1, 1),
    }
    nodes = [
        helper.make_node("Div", ["pixels", "normalise.most"], ["scaled"], "scale"),
        helper.make_node("Sub", ["scaled", "normalise.mean"], ["centred"], "centre"),
        helper.make_node("Div", ["centred", "normalise.std"], ["normalised"], "normalise"),
    ]
    return nodes, [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]


def _operator(layer: PlannedLayer) -> tuple[str, list[str], dict[str, Any]]:
    """Operator of a layer, names of its tensors inside the layer, attributes."""
    weights = [name for name, _ in layer.weights]
    match layer.operation:
        case arch.Conv(_, kernel, stride, padding, groups, _):
            return "Conv", weights, {**_window(kernel, stride, padding), "group": groups}
        case arch.Pool(kind, kernel, stride, padding):
            window = _window(kernel, stride, padding)
            if kind == "max":
                return "MaxPool", [], window
            return "AveragePool", [], {**window, "count_include_pad": 1}
        case arch.GlobalAveragePool():
            return "GlobalAveragePool", [], {}
        case arch.Linear():
            return "Gemm", weights, {"transB": 1}
        case Flatten():
            return "Flatten", [], {"axis": 1}
        case arch.BatchNorm():
            names = ["weight", "bias", "running_mean", "running_var"]
            return "BatchNormalization", names, {"epsilon": BATCH_NORM_EPS}
        case arch.Activation(name) if arch.ACTIVATIONS[name] in OPERATORS:
            return OPERATORS[arch.ACTIVATIONS[name]], [], {}
    raise UnavailableError(f"the layer {layer.name} has no ONNX operator here: export another format")


def _window(kernel: arch.Pair, stride: arch.Pair, padding: arch.Pair) -> dict[str, Any]:
    return {"kernel_shape": kernel, "strides": stride, "pads": (*padding, *padding)}


def verify(export: Export, draft: Path, path: Path) -> Verification:
    """Checked by onnx, run by onnxruntime without torch: tensors equal, logits within TOLERANCE."""
    import onnxruntime

    done = verified_by(DRIVER, export, draft, path, TOLERANCE)
    return replace(done, lines=(f"opset {OPSET}, run by onnxruntime {onnxruntime.__version__}",))


def load(path: Path) -> Model:
    """The network of a file for `underbudget predict`: ours, or one that an exported Python file wrote."""
    import onnx
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4

    def logits(pixels: "Tensor") -> "Tensor":
        return torch.from_numpy(session.run(["logits"], {"pixels": pixels.numpy()})[0])

    with reading(path, "ONNX file"):
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        stored = session.get_modelmeta().custom_metadata_map
        keys = ("input_shape", "background", "classes", "metadata", *({"frontend"} & set(stored)))
        facts = {key: json.loads(stored[key]) for key in keys}
        tensors = {one.name: onnx.numpy_helper.to_array(one).tobytes() for one in onnx.load(path).graph.initializer}
        found = digest({name: value for name, value in tensors.items() if not name.startswith("normalise.")})
        # A file that an exported Python file wrote has no checksum: torch may have merged its layers.
        checksum = json.loads(stored["weights_sha256"]) if "weights_sha256" in stored else found
    check_weights(path, checksum, found)
    return Model.of(logits, facts)
