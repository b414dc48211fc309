#!/usr/bin/env python3
"""Makes the quantised models of this folder and expected.json: bytes, and what onnxruntime makes of the same numbers.

    pip install onnx==1.23.2 onnxruntime==1.32.0 qonnx==1.0.0 --no-deps; pip install numpy protobuf ml_dtypes sympy
    python host/onnx/tests/data/quantised/make.py

Weights are random from a seed. Outputs are those of real numbers: in a copy of each model, activations are not rounded,
and a quantiser whose numbers begin at 0 is a Clip.
"""

import json
import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from qonnx.custom_op.general.intquant import int_quant

HERE = pathlib.Path(__file__).parent
RNG = np.random.default_rng(5)
SHAPE = [1, 3, 8, 8]
OUTPUTS = 4


class Net:
    """A graph in the making."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, values, kind=np.float32):
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def random(self, *shape):
        fan = max(1, int(np.prod(shape[1:])))
        spread = 0.3 if len(shape) == 1 else 1.5 / np.sqrt(fan)
        return RNG.normal(0, spread, shape).astype(np.float32)

    def node(self, operator, *inputs, outputs=1, domain="", **attributes):
        self.count += 1
        names = [f"v{self.count}" if i == 0 else f"v{self.count}_{i}" for i in range(outputs)]
        made = helper.make_node(operator, inputs, names, f"{operator}_{self.count}", domain=domain, **attributes)
        self.nodes.append(made)
        return names[0] if outputs == 1 else names

    def conv(self, x, *kernel, weights=None, **attributes):
        weights = weights or self.constant(self.random(*kernel))
        return self.node("Conv", x, weights, self.constant(self.random(kernel[0])), **attributes)

    def model(self, output, opset=13, domains=()):
        graph = helper.make_graph(
            self.nodes, "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, OUTPUTS])],
            self.constants,
        )
        sets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
        return helper.make_model(graph, opset_imports=sets, ir_version=8)


def plain():
    net = Net()
    a = net.node("Relu", net.conv("x", 6, 3, 3, 3, pads=[1, 1, 1, 1]))
    b = net.conv(a, 6, 1, 3, 3, group=6, pads=[1, 1, 1, 1])
    b = net.node("Clip", b, net.constant(0.0), net.constant(6.0))
    b = net.conv(b, 6, 6, 1, 1)
    c = net.node("Relu", net.node("Add", a, b))
    c = net.node("MaxPool", c, kernel_shape=[2, 2], strides=[2, 2])
    d = net.node("Pad", c, net.constant([0, 0, 1, 1, 0, 0, 0, 1], np.int64), net.constant(0.0))
    d = net.node("Relu", net.conv(d, 5, 6, 4, 5))
    c = net.node("AveragePool", c, kernel_shape=[3, 3], strides=[1, 1])
    d = net.node("Concat", c, d, axis=1)
    e = net.node("Flatten", net.node("GlobalAveragePool", d))
    e = net.node("Relu", net.node("Gemm", e, net.constant(net.random(7, 11)), net.constant(net.random(7)), transB=1))
    e = net.node("MatMul", e, net.constant(net.random(7, OUTPUTS)))
    return net.model(net.node("Add", e, net.constant(net.random(OUTPUTS))))


class Reader(CalibrationDataReader):
    def __init__(self, images):
        self.images = iter(images)

    def get_next(self):
        image = next(self.images, None)
        return None if image is None else {"x": image}


def static(model, images, **options):
    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/a.onnx", f"{folder}/b.onnx"
        onnx.save(model, source)
        quantize_static(source, target, Reader(images), **options)
        return onnx.load(target)


def dynamic(model):
    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/a.onnx", f"{folder}/b.onnx"
        onnx.save(model, source)
        quantize_dynamic(source, target, weight_type=QuantType.QUInt8)
        return onnx.load(target)


def real(model):
    """The model without rounding of activations."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    limits = {np.dtype(np.uint8): (0, 255), np.dtype(np.int8): (-128, 127)}
    renamed, kept, integers = {}, [], {}
    for node in graph.node:
        inputs = [renamed.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
        if node.op_type == "QuantizeLinear" and inputs[0] not in values:
            scale, zero = values[inputs[1]], values[inputs[2]]
            least, most = limits[zero.dtype]
            integers[node.output[0]] = (scale, zero, least, most, inputs[0])
        elif node.op_type == "Clip" and inputs[0] in integers:
            scale, zero, least, most, name = integers[inputs[0]]
            least, most = max(least, values[inputs[1]]), min(most, values[inputs[2]])
            integers[node.output[0]] = (scale, zero, least, most, name)
        elif node.op_type == "DequantizeLinear" and inputs[0] in integers:
            scale, zero, least, most, name = integers[inputs[0]]
            if least == zero:
                limit = f"{node.output[0]}_limit"
                graph.initializer.append(numpy_helper.from_array(np.float32(0), limit + "0"))
                top = np.float32((int(most) - int(zero)) * scale)
                graph.initializer.append(numpy_helper.from_array(top, limit + "1"))
                kept.append(helper.make_node("Clip", [name, limit + "0", limit + "1"], node.output))
            else:
                renamed[node.output[0]] = name
        else:
            kept.append(node)
    for name, to in renamed.items():
        for output in graph.output:
            if output.name == name:
                kept.append(helper.make_node("Identity", [to], [name]))
    del graph.node[:]
    graph.node.extend(kept)
    return model


def real_operators(model):
    """A model of operators on integers as one of real numbers."""
    graph = model.graph
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    net = Net()
    names = {}

    def take(node, at, axis=None):
        name, scale, zero = node.input[at : at + 3]
        if name not in values:
            return names.get(name, name)
        integers, scale, zero = values[name].astype(np.float64), values[scale], values[zero].astype(np.float64)
        side = [1] * integers.ndim
        if scale.size > 1:
            side[axis] = -1
        return net.constant((integers - zero.reshape(side)) * scale.reshape(side))

    def give(node, name, at):
        scale, zero = values[node.input[at]], values[node.input[at + 1]]
        least, most = np.iinfo(zero.dtype).min, np.iinfo(zero.dtype).max
        if zero == least:
            top = np.float32((int(most) - int(zero)) * scale)
            name = net.node("Clip", name, net.constant(0.0), net.constant(top))
        names[node.output[0]] = name

    def sums(node):
        scale = np.float64(values[node.input[1]]) * values[node.input[4]]
        return scale

    for node in graph.node:
        kept = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name != "channels_last"}
        kind = node.op_type.removeprefix("QLinear")
        if node.op_type == "QLinearConv":
            bias = [net.constant(values[b] * sums(node)) for b in node.input[8:]]
            give(node, net.node("Conv", take(node, 0), take(node, 3, 0), *bias, **kept), 6)
        elif node.op_type == "QLinearMatMul":
            give(node, net.node("MatMul", take(node, 0), take(node, 3, 1)), 6)
        elif node.op_type == "QGemm":
            axis = 0 if kept.get("transB") else 1
            bias = net.constant(values[node.input[6]] * sums(node))
            give(node, net.node("Gemm", take(node, 0), take(node, 3, axis), bias, **kept), 7)
        elif node.op_type == "QLinearAdd":
            give(node, net.node("Add", take(node, 0), take(node, 3)), 6)
        elif node.op_type == "QLinearConcat":
            parts = [take(node, at) for at in range(2, len(node.input), 3)]
            give(node, net.node("Concat", *parts, **kept), 0)
        elif node.op_type in ("QLinearGlobalAveragePool", "QLinearAveragePool"):
            give(node, net.node(kind, take(node, 0), **kept), 3)
        elif node.op_type == "QuantizeLinear":
            # The input alone, whose bytes have limits of their own.
            names[node.output[0]] = names.get(node.input[0], node.input[0])
        elif node.op_type == "DequantizeLinear":
            names[node.output[0]] = take(node, 0)
        elif node.op_type == "Pad":
            pads = net.constant(values[node.input[1]], np.int64)
            names[node.output[0]] = net.node("Pad", names[node.input[0]], pads)
        else:
            inputs = [names.get(node.input[0], node.input[0]), *node.input[1:]]
            for name in inputs[1:]:
                net.constants.append(numpy_helper.from_array(values[name], name))
            names[node.output[0]] = net.node(node.op_type, *inputs, **kept)
    return net.model(net.node("Identity", names[graph.output[0].name]))


def run(model, images):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    name = session.get_inputs()[0].name
    return np.array([session.run(None, {name: image})[0].reshape(-1) for image in images])


def integer_input(model, kind):
    """The model with the integers of its first quantiser as input."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    first = next(node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "x")
    graph.node.remove(first)
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == first.output[0]:
                node.input[index] = "x"
    graph.input[0].type.tensor_type.elem_type = kind
    return model


def qonnx(domain, activations=True):
    """As Brevitas exports: float weights behind a quantiser; and the same with the weights quantised here."""
    rng = RNG.bit_generator.state
    made = []
    for reference in (False, True):
        RNG.bit_generator.state = rng
        net = Net()

        def quant(x, scale, bits, signed, narrow, mode, zero=0.0, values=None):
            if reference:
                if values is None:
                    if signed:
                        return x
                    top = np.float32((2**bits - 1 - narrow) * scale)
                    return net.node("Clip", x, net.constant(0.0), net.constant(top))
                arrays = [np.float32(scale), np.float32(zero), np.float32(bits)]
                return net.constant(int_quant(values, *arrays, signed, narrow, mode))
            if values is not None:
                x = net.constant(values)
            inputs = [net.constant(scale), net.constant(zero), net.constant(float(bits))]
            attributes = dict(signed=signed, narrow=narrow, rounding_mode=mode)
            return net.node("Quant", x, *inputs, domain=domain, **attributes)

        def weights(*shape, bits=4, mode="ROUND", each=False):
            values = net.random(*shape)
            side = tuple(range(1, values.ndim)) if each else None
            scale = np.abs(values).max(axis=side, keepdims=each) / (2 ** (bits - 1) - 1)
            return quant(None, scale.astype(np.float32), bits, 1, 1, mode, values=values)

        x = quant("x", 1 / 127, 8, 1, 0, "ROUND")
        a = net.conv(x, 6, 3, 3, 3, weights=weights(6, 3, 3, 3, each=True), pads=[1, 1, 1, 1])
        a = quant(net.node("Relu", a), 0.02, 8, 0, 0, "ROUND")
        b = net.conv(a, 5, 6, 3, 3, weights=weights(5, 6, 3, 3, bits=3, mode="FLOOR"), strides=[2, 2])
        b = quant(net.node("Relu", b), 0.3, 4, 0, 0, "ROUND")
        c = net.node("Flatten", net.node("GlobalAveragePool", b))
        w = weights(OUTPUTS, 5, bits=8, mode="HALF_UP")
        c = net.node("Gemm", c, w, net.constant(net.random(OUTPUTS)), transB=1)
        if not reference:
            # Listed as inputs too.
            model = net.model(quant(c, 0.05, 8, 1, 0, "ROUND"), domains=[domain])
            for constant in model.graph.initializer:
                info = helper.make_tensor_value_info(constant.name, constant.data_type, list(constant.dims))
                model.graph.input.append(info)
            made.append(model)
        else:
            made.append(net.model(c))
    return made


def qcdq():
    """Brevitas with standard operators: 4 bits as a Clip of 8."""
    net = Net()

    def pair(x, scale, zero, kind, limits=None, axis=None):
        scale, zero = net.constant(scale), net.constant(zero, kind)
        attributes = {} if axis is None else {"axis": axis}
        x = net.node("QuantizeLinear", x, scale, zero, **attributes)
        if limits:
            x = net.node("Clip", x, *(net.constant(limit, kind) for limit in limits))
        return net.node("DequantizeLinear", x, scale, zero, **attributes)

    def weights(*shape):
        values = net.random(*shape)
        scale = np.abs(values).max(axis=tuple(range(1, values.ndim))) / 7
        zeros = np.zeros(shape[0])
        return pair(net.constant(values), scale, zeros, np.int8, (-7, 7), 0)

    a = net.conv("x", 6, 3, 3, 3, weights=weights(6, 3, 3, 3), strides=[2, 2])
    a = pair(net.node("Relu", a), 0.2, 0, np.uint8, (0, 15))
    b = net.conv(a, 4, 6, 2, 2, weights=weights(4, 6, 2, 2))
    b = pair(b, 0.05, 0, np.int8)
    b = net.node("Flatten", net.node("GlobalAveragePool", b))
    return net.model(net.node("Gemm", b, weights(OUTPUTS, 4), net.constant(net.random(OUTPUTS)), transB=1))


def weights_only():
    """Weights of 8 bits, a scale each channel, and of 4 bits, a scale each block."""
    net = Net()
    values = RNG.integers(-127, 128, (6, 3, 3, 3))
    scale = RNG.uniform(0.001, 0.004, 6)
    w = net.node("DequantizeLinear", net.constant(values, np.int8), net.constant(scale), axis=0)
    a = net.node("Relu", net.conv("x", 6, 3, 3, 3, weights=w))
    a = net.node("Flatten", net.node("GlobalAveragePool", a))
    halves = RNG.integers(-8, 8, (6, OUTPUTS))
    packed = helper.make_tensor("halves", TensorProto.INT4, [6, OUTPUTS], halves.reshape(-1).tolist())
    net.constants.append(packed)
    scale = net.constant(RNG.uniform(0.05, 0.2, (2, OUTPUTS)))
    w = net.node("DequantizeLinear", "halves", scale, axis=0, block_size=3)
    return net.model(net.node("MatMul", a, w), opset=21)


def main():
    images = [RNG.integers(0, 256, SHAPE).astype(np.uint8) for _ in range(40)]
    images[0][...], images[1][...] = 0, 255
    floats = [image.astype(np.float32) / 255 for image in images]
    tests = [np.round(0.7 * image).astype(np.uint8) for image in images[2:4]]
    expected = {}

    def add(name, model, outputs, step=None, rounded=None):
        content = model.SerializeToString()
        assert len(content) < 20_000, (name, len(content))
        (HERE / f"{name}.onnx").write_bytes(content)
        rows = [np.moveaxis(test[0], 0, 2).reshape(-1).tolist() for test in tests]
        short = [[round(float(v), 6) for v in row] for row in outputs]
        expected[name] = {"bytes": rows, "outputs": short}
        if rounded is not None:
            expected[name]["rounded"] = [[round(float(v), 6) for v in row] for row in rounded]

    inputs = [test.astype(np.float32) / 255 for test in tests]
    float_net = plain()
    kinds = {
        "tensor": dict(activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8),
        "channel": dict(activation_type=QuantType.QInt8, weight_type=QuantType.QInt8, per_channel=True),
    }
    for kind, options in kinds.items():
        pairs = static(float_net, floats, quant_format=QuantFormat.QDQ, **options)
        outputs = run(real(pairs), inputs)
        rounded = run(pairs, inputs)
        add(f"qdq-{kind}", pairs, outputs, rounded=rounded)
        whole = static(float_net, floats, quant_format=QuantFormat.QOperator, **options)
        add(f"qoperator-{kind}", whole, run(real_operators(whole), inputs), rounded=run(whole, inputs))
        element = TensorProto.UINT8 if kind == "tensor" else TensorProto.INT8
        add(f"integers-{kind}", integer_input(pairs, element), outputs)
    made = dynamic(float_net)
    # Weights alone are rounded: those of the model.
    add("dynamic", made, run(float_net, inputs))
    for name, domain in [("qonnx", "qonnx.custom_op.general"), ("brevitas", "onnx.brevitas")]:
        model, reference = qonnx(domain)
        add(name, model, run(reference, inputs))
    model = qcdq()
    add("qcdq", model, run(real(model), inputs), rounded=run(model, inputs))
    model = weights_only()
    add("weights", model, run(model, inputs))
    (HERE / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
