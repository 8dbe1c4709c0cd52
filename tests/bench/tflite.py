"""Writes the network of a bundle for LiteRT: a `.tflite` in f32, and the same without its weights, for LiteRT.js to fill in.

    python tflite.py --model FILE.safetensors --out FOLDER     # needs numpy, and the schema in ai-edge-litert

The graph is the one that converters make: channels last, ReLU6 fused, and a PAD where a stride of 2 needs other padding than SAME.
Its output is the evidence `[1, 7, 7, 3]`, whose sum over the places is the calibrated logits. The gate's 2, the mean's 1/49 and
the calibration are folded into the head.

LiteRT.js computes 4 to 6 times slower from weights in 8 or 16 bits. So its page downloads the bundle, which has 8 bits, and
`model.parts`: a line of JSON that says what goes where, and the bytes of the `.tflite` that are no weights.
"""

import argparse
import json
from pathlib import Path

import flatbuffers
import numpy
from ai_edge_litert import schema_py_generated as schema

from bundle import FINDINGS, SIDE, blocks, calibration, has_attention, read_bundle

POSITIONS = 49
RELU, RELU6, LINEAR = (
    schema.ActivationFunctionType.RELU,
    schema.ActivationFunctionType.RELU6,
    schema.ActivationFunctionType.NONE,
)


class Buffer(schema.BufferT):
    """A buffer at a multiple of 16 bytes, as the schema demands; the generated one does not see to it."""

    def Pack(self, builder):
        if self.data is None:
            return super().Pack(builder)
        builder.StartVector(1, len(self.data), 16)
        builder.head -= len(self.data)
        builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


class Graph:
    """A model in the making. Tensors are known by their numbers."""

    def __init__(self, weights: dict[str, numpy.ndarray]):
        self.weights = weights
        self.shapes, self.tensors, self.operators, self.codes = [], [], [], []
        # The first buffer is empty, for tensors that are computed.
        self.buffers = [Buffer()]
        # What a reader puts into a buffer: a parameter of the bundle in another order, times a number, times one for each row.
        self.recipes: dict[int, dict] = {}
        self.paddings = self.constant(numpy.array([[0, 0], [1, 1], [1, 1], [0, 0]], dtype=numpy.int32))
        self.places = self.constant(numpy.array([1, 2], dtype=numpy.int32))

    def tensor(self, shape, dtype=schema.TensorType.FLOAT32, buffer=0) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), dtype, buffer
        tensor.name = f"t{len(self.tensors)}"
        self.tensors.append(tensor)
        self.shapes.append(tuple(shape))
        return len(self.tensors) - 1

    def constant(self, values: numpy.ndarray) -> int:
        buffer = Buffer()
        buffer.data = values.tobytes()
        self.buffers.append(buffer)
        kind = schema.TensorType.INT32 if values.dtype == numpy.int32 else schema.TensorType.FLOAT32
        return self.tensor(values.shape, kind, len(self.buffers) - 1)

    def parameter(self, name, order=None, scale=1.0, rows=None, plus=None) -> int:
        """A parameter of the bundle, `value * scale * rows[row] + plus[row]`, its axes in another order."""
        values = self.weights[name] * numpy.float32(scale)
        each = [-1] + [1] * (values.ndim - 1)
        if rows is not None:
            values = values * numpy.array(rows, dtype=numpy.float32).reshape(each)
        if plus is not None:
            values = values + numpy.array(plus, dtype=numpy.float32).reshape(each)
        while values.ndim not in (1, 4):
            values = values[..., None]
        if values.ndim == 4:
            values = values.transpose(order or (0, 2, 3, 1))
        number = self.constant(numpy.ascontiguousarray(values, dtype=numpy.float32))
        self.recipes[len(self.buffers) - 1] = {
            "name": name, "shape": self.weights[name].shape, "depthwise": order is not None, "scale": scale, "rows": rows, "plus": plus,
        }
        return number

    def operator(self, code, inputs, shape, kind=None, options=None) -> int:
        if code not in self.codes:
            self.codes.append(code)
        output = self.tensor(shape)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self.codes.index(code), list(inputs), [output]
        if options is not None:
            operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.operators.append(operator)
        return output

    def convolution(self, x, name, stride=1, depthwise=False, activation=RELU6, **how) -> int:
        """Padded by half its kernel."""
        weight = self.weights[f"{name}.weight"]
        _, height, width, channels = self.shapes[x]
        outputs = weight.shape[0]
        padding = schema.Padding.SAME
        if stride == 2:
            x = self.operator(schema.BuiltinOperator.PAD, [x, self.paddings], (1, height + 2, width + 2, channels))
            padding = schema.Padding.VALID
        shape = (1, height // stride, width // stride, outputs)
        if depthwise:
            options, kind = schema.DepthwiseConv2DOptionsT(), schema.BuiltinOptions.DepthwiseConv2DOptions
            options.depthMultiplier, code, order = 1, schema.BuiltinOperator.DEPTHWISE_CONV_2D, (1, 2, 3, 0)
        else:
            options, kind = schema.Conv2DOptionsT(), schema.BuiltinOptions.Conv2DOptions
            code, order = schema.BuiltinOperator.CONV_2D, None
        options.padding, options.strideH, options.strideW = padding, stride, stride
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = activation
        bias_scale, plus = how.pop("bias_scale", how.get("scale", 1.0)), how.pop("plus", None)
        weight = self.parameter(f"{name}.weight", order, **how)
        bias = self.parameter(f"{name}.bias", None, **{**how, "scale": bias_scale, "plus": plus})
        return self.operator(code, [x, weight, bias], shape, kind, options)

    def add(self, a, b) -> int:
        options = schema.AddOptionsT()
        return self.operator(schema.BuiltinOperator.ADD, [a, b], self.shapes[a], schema.BuiltinOptions.AddOptions, options)

    def gated(self, x) -> int:
        """Squeeze-and-excitation; the head has its factor 2."""
        channels = self.shapes[x][3]
        options = schema.ReducerOptionsT()
        options.keepDims = True
        pooled = self.operator(
            schema.BuiltinOperator.MEAN, [x, self.places], (1, 1, 1, channels), schema.BuiltinOptions.ReducerOptions, options
        )
        hidden = self.convolution(pooled, "features.18.attention.reduce", activation=RELU)
        gate = self.convolution(hidden, "features.18.attention.expand", activation=LINEAR)
        gate = self.operator(schema.BuiltinOperator.LOGISTIC, [gate], self.shapes[gate])
        return self.operator(
            schema.BuiltinOperator.MUL, [x, gate], self.shapes[x], schema.BuiltinOptions.MulOptions, schema.MulOptionsT()
        )

    def file(self, images: int, evidence: int) -> bytearray:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.name = self.tensors, self.operators, "main"
        graph.inputs, graph.outputs = [images], [evidence]
        model = schema.ModelT()
        model.version, model.description, model.subgraphs, model.buffers = 3, "MobileNet-Lung", [graph], self.buffers
        model.operatorCodes = []
        for code in self.codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode, entry.version = code, 1
            # Old readers look here.
            entry.deprecatedBuiltinCode = code
            model.operatorCodes.append(entry)
        builder = flatbuffers.Builder(16 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return builder.Output()


def network(about: dict, weights: dict[str, numpy.ndarray]) -> tuple[Graph, bytearray]:
    graph = Graph(weights)
    images = graph.tensor((1, SIDE, SIDE, 3))
    x = graph.convolution(images, "features.0.0", stride=2)
    for expand, depthwise, project, stride, outputs in blocks():
        y = graph.convolution(x, expand) if expand else x
        y = graph.convolution(y, depthwise, stride, depthwise=True)
        y = graph.convolution(y, project, activation=LINEAR)
        x = graph.add(x, y) if stride == 1 and graph.shapes[x][3] == outputs else y
    x = graph.convolution(x, "features.18.0")
    gain = 1
    if has_attention(about):
        x, gain = graph.gated(x), 2
    scales, offsets = calibration(about)
    evidence = graph.convolution(
        x, "classifier.1", activation=LINEAR, scale=gain / POSITIONS, bias_scale=1 / POSITIONS, rows=scales,
        plus=[offset / POSITIONS for offset in offsets],
    )
    assert graph.shapes[evidence] == (1, 7, 7, FINDINGS)
    return graph, graph.file(images, evidence)


def parts(graph: Graph, content: bytearray) -> bytes:
    """The file without its weights, after a line that says which parameter goes to which byte."""
    model = schema.Model.GetRootAs(content, 0)
    places = []
    for number, recipe in graph.recipes.items():
        table = model.Buffers(number)._tab
        field = table.Offset(4)
        places.append({"at": table.Vector(field), "bytes": table.VectorLen(field), **recipe})
    places.sort(key=lambda place: place["at"])
    rest, end = bytearray(), 0
    for place in places:
        rest += content[end : place["at"]]
        end = place["at"] + place["bytes"]
    rest += content[end:]
    return json.dumps({"bytes": len(content), "weights": places}).encode() + b"\n" + bytes(rest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="weights file that `lung export` wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of model.tflite and model.parts")
    arguments = parser.parse_args()
    graph, content = network(*read_bundle(arguments.model))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "model.tflite").write_bytes(content)
    (arguments.out / "model.parts").write_bytes(parts(graph, content))


if __name__ == "__main__":
    main()
