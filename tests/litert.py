"""A network in integers as a LiteRT model, run by LiteRT's own reference kernels: the stranger of the int8 format."""

from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from underbudget.models.export.c.quantise import Grid, Integers, IntegerStep


class Builder:
    """One subgraph, written operator by operator."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        shape: Any,
        kind: int,
        scales: Any = None,
        zeros: Any = None,
        data: npt.NDArray[Any] | None = None,
        axis: int = 0,
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.name = [int(n) for n in shape], kind, f"t{len(self.graph.tensors)}"
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if scales is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.array(scales, np.float32)
            tensor.quantization.zeroPoint = np.array(zeros, np.int64)
            tensor.quantization.quantizedDimension = axis
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def map(self, shape: Any, grid: Grid) -> int:
        """A map, (height, width, channels) behind a batch of one."""
        return self.tensor((1, *shape), schema.TensorType.INT8, [grid.scale], [grid.zero])

    def operator(
        self, builtin: int, inputs: list[int], output: int, kind: int = 0, options: Any = None, version: int = 1
    ) -> int:
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), version
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.graph.operators.append(operator)
        return output

    def padded(self, source: int, shape: Any, grid: Grid, padding: Any, value: int | None = None) -> int:
        """PAD with the zero point, or PADV2 with another value."""
        rows, columns = padding
        if not rows and not columns:
            return source
        amounts = np.array([[0, 0], [rows, rows], [columns, columns], [0, 0]], np.int32)
        inputs = [source, self.tensor((4, 2), schema.TensorType.INT32, data=amounts)]
        output = self.map((shape[0] + 2 * rows, shape[1] + 2 * columns, shape[2]), grid)
        if value is None:
            kind, options = schema.BuiltinOptions.PadOptions, schema.PadOptionsT()
            return self.operator(schema.BuiltinOperator.PAD, inputs, output, kind, options, 2)
        fill = np.array([value], np.int8)
        inputs.append(self.tensor((1,), schema.TensorType.INT8, [grid.scale], [grid.zero], fill))
        kind, options = schema.BuiltinOptions.PadV2Options, schema.PadV2OptionsT()
        return self.operator(schema.BuiltinOperator.PADV2, inputs, output, kind, options, 2)

    def add(self, one: IntegerStep, source: int) -> int:
        """The operators of a step; the number of the tensor with its result."""
        step = one.step
        shape = (*step.input_shape[1:], step.input_shape[0])
        target = (*step.output_shape[1:], step.output_shape[0])
        relu = schema.ActivationFunctionType.RELU if step.relu else schema.ActivationFunctionType.NONE
        options: Any
        if step.kind == "mean":
            axes = self.tensor((2,), schema.TensorType.INT32, data=np.array([1, 2], np.int32))
            options = schema.ReducerOptionsT()
            options.keepDims = True
            kind = schema.BuiltinOptions.ReducerOptions
            output = self.operator(
                schema.BuiltinOperator.MEAN, [source, axes], self.map(target, one.target), kind, options, 2
            )
            if step.relu:
                output = self.operator(schema.BuiltinOperator.RELU, [output], self.map(target, one.target), version=2)
            return output
        if step.kind in ("maxpool", "avgpool"):
            low = -128 if step.kind == "maxpool" else None
            source = self.padded(source, shape, one.source, step.padding, low)
            options = schema.Pool2DOptionsT()
            options.filterHeight, options.filterWidth = step.kernel
            builtin = (
                schema.BuiltinOperator.MAX_POOL_2D if step.kind == "maxpool" else schema.BuiltinOperator.AVERAGE_POOL_2D
            )
            kind, inputs, version = schema.BuiltinOptions.Pool2DOptions, [source], 2
        else:
            assert one.weight is not None
            assert one.bias is not None
            source = self.padded(source, shape, one.source, step.padding)
            if step.kind == "conv":
                options, builtin, axis = schema.Conv2DOptionsT(), schema.BuiltinOperator.CONV_2D, 0
                kind, weight, version = schema.BuiltinOptions.Conv2DOptions, one.weight, 3
            else:
                options, builtin, axis = (
                    schema.DepthwiseConv2DOptionsT(),
                    schema.BuiltinOperator.DEPTHWISE_CONV_2D,
                    3,
                )
                options.depthMultiplier = target[2] // shape[2]
                weight = one.weight.reshape(1, *(one.weight.shape if step.kind == "depthwise" else (1, 1, -1)))
                kind, version = schema.BuiltinOptions.DepthwiseConv2DOptions, 3
            options.dilationHFactor = options.dilationWFactor = 1
            zeros = [0] * len(one.scales)
            inputs = [
                source,
                self.tensor(weight.shape, schema.TensorType.INT8, one.scales, zeros, weight, axis),
                self.tensor(
                    one.bias.shape,
                    schema.TensorType.INT32,
                    np.float32(one.source.scale) * np.array(one.scales, np.float32),
                    zeros,
                    one.bias,
                ),
            ]
        options.padding = schema.Padding.VALID
        options.strideH, options.strideW = step.stride
        options.fusedActivationFunction = relu
        return self.operator(builtin, inputs, self.map(target, one.target), kind, options, version)


def model(network: Integers, shape: tuple[int, ...]) -> bytes:
    """The model as a file: from the stored input of that shape (height, width, channels) to each step's output."""
    builder = Builder()
    tensor = builder.map(shape, network.steps[0].source)
    builder.graph.inputs = [tensor]
    builder.graph.outputs = []
    for one in network.steps:
        if one.step.input_shape[1:] == (1, 1) and tuple(builder.graph.tensors[tensor].shape[1:3]) != (1, 1):
            amount = np.array([1, 1, 1, one.step.input_shape[0]], np.int32)
            options = schema.ReshapeOptionsT()
            options.newShape = amount
            tensor = builder.operator(
                schema.BuiltinOperator.RESHAPE,
                [tensor, builder.tensor((4,), schema.TensorType.INT32, data=amount)],
                builder.map((1, 1, one.step.input_shape[0]), one.source),
                schema.BuiltinOptions.ReshapeOptions,
                options,
            )
        tensor = builder.add(one, tensor)
        builder.graph.outputs.append(tensor)
    file = flatbuffers.Builder(1024)
    file.Finish(builder.model.Pack(file), b"TFL3")
    return bytes(file.Output())


def run(network: Integers, inputs: npt.NDArray[np.int8]) -> list[npt.NDArray[np.int8]]:
    """Each step's stored output (n, height, width, channels) for stored inputs of such a shape."""
    interpreter = Interpreter(
        model_content=model(network, inputs.shape[1:]),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    (source,), targets = interpreter.get_input_details(), interpreter.get_output_details()
    results: list[list[npt.NDArray[np.int8]]] = [[] for _ in targets]
    for one in inputs:
        interpreter.set_tensor(source["index"], one[None])
        interpreter.invoke()
        for result, target in zip(results, targets, strict=True):
            result.append(interpreter.get_tensor(target["index"]))
    return [np.concatenate(result) for result in results]
