"""What a quantised ONNX model means in real numbers: quantised constants become floats, quantisers of activations go.

A quantiser of activations stands for the limits of what it can hold ("closed"), or, where it cannot hold a value below
0, for a ReLU ("open"): onnxruntime drops a Relu before such a one. "rounded" keeps its steps, for a runtime that knows no
quantisers. Weights and biases keep the values that the quantised model has.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

INTEGERS = {
    onnx.TensorProto.UINT8: (0, 255), onnx.TensorProto.INT8: (-128, 127),
    onnx.TensorProto.UINT16: (0, 65535), onnx.TensorProto.INT16: (-32768, 32767),
    onnx.TensorProto.UINT4: (0, 15), onnx.TensorProto.INT4: (-8, 7),
}
SAME = {"QLinearGlobalAveragePool", "QLinearAveragePool", "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax"}


class Graph:
    def __init__(self, model, mode):
        self.model = model
        self.mode = mode
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value":
                        self.constants[node.output[0]] = numpy_helper.to_array(attribute.t)
                    elif attribute.name == "value_float":
                        self.constants[node.output[0]] = np.float32(attribute.f)
                    elif attribute.name == "value_int":
                        self.constants[node.output[0]] = np.int64(attribute.i)
        self.nodes = []
        self.count = 0

    def fresh(self):
        self.count += 1
        return f"real_{self.count}"

    def add(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))

    def hold(self, array):
        name = self.fresh()
        self.constants[name] = np.asarray(array, np.float32)
        return name

    def limits(self, value, output, scale, zero, low, high):
        """output = value within the limits of a quantiser."""
        scale, zero = np.float64(np.max(scale)), np.float64(np.max(zero))
        low, high = (low - zero) * scale, (high - zero) * scale
        if self.mode == "closed" or low == 0:
            self.add("Clip", [value, self.hold(low), self.hold(high)], output)
        else:
            self.add("Identity", [value], output)

    def quantiser(self, value, output, scale, zero, low=None, high=None):
        kind = helper.np_dtype_to_tensor_dtype(zero.dtype)
        least, most = INTEGERS[kind]
        self.limits(value, output, scale, zero, least if low is None else low, most if high is None else high)


def shaped(scale, rank, axis):
    """A scale for each index of `axis`, so that it multiplies an array of this rank."""
    scale = np.asarray(scale)
    if scale.ndim == 0 or scale.size == 1:
        return scale.reshape(())
    return scale.reshape([-1 if side == axis else 1 for side in range(rank)])


def dequantised(array, scale, zero, axis):
    array = np.asarray(array)
    return (array.astype(np.float64) - shaped(np.asarray(zero, np.float64), array.ndim, axis)) * \
        shaped(np.asarray(scale, np.float64), array.ndim, axis)


def attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def quantised_constant(array, scale, zero, low, high, axis=1):
    levels = np.round(array / shaped(scale, array.ndim, axis)) + shaped(zero, array.ndim, axis)
    return dequantised(np.clip(levels, low, high), scale, zero, axis)


def integer_inputs(g):
    """Real values of inputs that are integers with a scale: new names by old ones."""
    renamed = {}
    for info in g.model.graph.input:
        if info.name in g.constants or info.type.tensor_type.elem_type not in INTEGERS:
            continue
        reader = next(node for node in g.model.graph.node if info.name in node.input)
        if reader.op_type not in ("DequantizeLinear", "QLinearConv", "QGemm", "QLinearMatMul"):
            continue
        scale, zero = g.constants[reader.input[1]], g.constants[reader.input[2]]
        moved, name = g.fresh(), g.fresh()
        g.add("Sub", [info.name, g.hold(zero)], moved)
        g.add("Mul", [moved, g.hold(scale)], name)
        renamed[info.name] = name
    return renamed


def real(data, mode="closed"):
    """The bytes of the float model that the quantised model `data` stands for."""
    model = onnx.load_from_string(data)
    g = Graph(model, mode)
    values = g.constants
    renamed = integer_inputs(g)
    # Sums in integers, which are cast and scaled afterwards.
    sums = set()
    for node in model.graph.node:
        op, given = node.op_type, attributes(node)
        inputs, output = [renamed.get(name, name) for name in node.input], node.output[0]
        held = [values.get(name) for name in inputs]
        zero_of = lambda at: held[at] if len(held) > at and held[at] is not None else np.zeros((), np.uint8)
        if op == "Constant":
            continue
        if op == "QuantizeLinear":
            axis = given.get("axis", 1)
            zero = zero_of(2)
            if held[0] is not None:
                low, high = INTEGERS[helper.np_dtype_to_tensor_dtype(zero.dtype)]
                values[output] = np.clip(np.round(held[0] / shaped(held[1], held[0].ndim, axis)) +
                                         shaped(zero.astype(float), held[0].ndim, axis), low, high)
            else:
                g.quantiser(inputs[0], output, held[1], zero)
        elif op == "Clip" and held[0] is not None:
            values[output] = np.clip(held[0], *[float(v) for v in held[1:]])
        elif op == "Clip" and all(v is not None and v.dtype in (np.int8, np.uint8) for v in held[1:]):
            # QCDQ: a quantiser of fewer bits, in integers.
            quantiser = next(n for n in model.graph.node if n.output and n.output[0] == inputs[0])
            scale, zero = values[quantiser.input[1]], values[quantiser.input[2]]
            g.limits(inputs[0], output, scale, zero, float(held[1]), float(held[2]))
        elif op == "DequantizeLinear":
            if held[0] is not None:
                values[output] = dequantised(held[0], held[1], zero_of(2), given.get("axis", 1)).astype(np.float32)
            else:
                g.add("Identity", [inputs[0]], output)
        elif op == "DynamicQuantizeLinear":
            g.add("Identity", [inputs[0]], output)
            values[node.output[1]] = np.float32(1)
            values[node.output[2]] = np.uint8(0)
        elif op in ("ConvInteger", "MatMulInteger"):
            weight = held[1].astype(np.float64) - shaped(zero_of(3).astype(np.float64), held[1].ndim, 0 if op == "ConvInteger" else held[1].ndim - 1)
            g.add(op.removesuffix("Integer"), [inputs[0], g.hold(weight)], output, **given)
            sums.add(output)
        elif op == "Cast" and inputs[0] in sums:
            g.add("Identity", [inputs[0]], output)
        elif op == "Mul" and all(v is not None for v in held):
            values[output] = held[0] * held[1]
        elif op in ("Quant", "BipolarQuant"):
            scale = held[1]
            if op == "BipolarQuant":
                values[output] = np.where(held[0] >= 0, 1.0, -1.0) * scale
                continue
            bits, signed, narrow = float(held[3]), given["signed"], given["narrow"]
            low = -(2 ** (bits - 1)) + (1 if narrow else 0) if signed else 0.0
            high = 2 ** (bits - 1) - 1 if signed else 2 ** bits - 1 - (1 if narrow else 0)
            if held[0] is not None:
                values[output] = (np.clip(np.round(held[0] / scale + held[2]), low, high) - held[2]) * scale
            else:
                g.limits(inputs[0], output, scale, held[2], low, high)
        elif op == "QLinearConv":
            weight = dequantised(held[3], held[4], held[5], 0)
            terms = [inputs[0], g.hold(weight)]
            if len(held) > 8 and held[8] is not None:
                terms.append(g.hold(held[8].astype(np.float64) * float(held[1]) * np.asarray(held[4], np.float64).reshape(-1)))
            inner = g.fresh()
            g.add("Conv", terms, inner, **given)
            g.quantiser(inner, output, held[6], held[7])
        elif op == "QLinearMatMul":
            inner = g.fresh()
            weight = dequantised(held[3], held[4], held[5], held[3].ndim - 1)
            g.add("MatMul", [inputs[0], g.hold(weight)], inner)
            g.quantiser(inner, output, held[6], held[7])
        elif op == "QGemm":
            axis = 0 if given.get("transB") else 1
            weight = dequantised(held[3], held[4], held[5], axis)
            terms = [inputs[0], g.hold(weight)]
            if held[6] is not None:
                terms.append(g.hold(held[6].astype(np.float64) * float(held[1]) * np.asarray(held[4], np.float64).reshape(-1)))
            inner = g.fresh()
            g.add("Gemm", terms, inner, **given)
            if len(held) > 8:
                g.quantiser(inner, output, held[7], held[8])
            else:
                g.add("Identity", [inner], output)
        elif op in ("QLinearAdd", "QLinearMul"):
            inner = g.fresh()
            terms = [inputs[at] if held[at] is None else g.hold(dequantised(held[at], held[at + 1], held[at + 2], 0)) for at in (0, 3)]
            g.add(op.removeprefix("QLinear"), terms, inner)
            g.quantiser(inner, output, held[6], held[7])
        elif op == "QLinearConcat":
            inner = g.fresh()
            g.add("Concat", inputs[2::3], inner, **given)
            g.quantiser(inner, output, held[0], held[1])
        elif op == "Pad" and len(held) > 2 and held[2] is not None and held[2].dtype in (np.uint8, np.int8):
            # What it pads with is the zero point.
            g.add(op, [inputs[0], inputs[1], g.hold(0), *inputs[3:]], output, **given)
        elif op in SAME:
            inner = g.fresh()
            for own in ("channels_last", "opset"):
                given.pop(own, None)
            g.add(op.removeprefix("QLinear"), [inputs[0]], inner, **given)
            g.quantiser(inner, output, held[3], held[4])
        else:
            copied = onnx.NodeProto()
            copied.CopyFrom(node)
            g.nodes.append(copied)
    used = {name for node in g.nodes for name in node.input}
    made = {name for node in g.nodes for name in node.output}
    del model.graph.node[:]
    model.graph.node.extend(g.nodes)
    del model.graph.initializer[:]
    for name in sorted(used - made):
        if name in values:
            array = np.asarray(values[name])
            model.graph.initializer.append(numpy_helper.from_array(
                array.astype(np.float32) if array.dtype == np.float64 else array, name))
    del model.graph.value_info[:]
    kept = [info for info in model.graph.input if info.name not in values]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    for info in model.graph.output:
        kind = info.type.tensor_type
        if kind.elem_type in INTEGERS:
            kind.elem_type = onnx.TensorProto.FLOAT
    for info in model.graph.input:
        kind = info.type.tensor_type
        if kind.elem_type in INTEGERS:
            kind.elem_type = onnx.TensorProto.FLOAT
    if not any(held.domain in ("", "ai.onnx") for held in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", 17))
    return model.SerializeToString()
