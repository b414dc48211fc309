#!/usr/bin/env python3
"""Makes the models of this folder and expected.json: inputs, and what the interpreter makes of them.

    pip install tensorflow-cpu==2.21.0 ai-edge-litert==2.3.0 numpy
    python host/tflite/tests/data/make.py

Weights are random from a seed. An 8-bit model is compared as real numbers: a copy of it whose constants are multiplied
out and whose activations are floats, so that the interpreter rounds nothing.
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

HERE = pathlib.Path(__file__).parent
L = tf.keras.layers
RNG = np.random.default_rng(7)


def model(inputs, outputs):
    net = tf.keras.Model(inputs, outputs)
    weights = []
    for weight in net.get_weights():
        fan = max(1, int(np.prod(weight.shape[:-1])))
        spread = 0.5 if weight.ndim == 1 else 1.5 / np.sqrt(fan)
        weights.append(RNG.normal(0, spread, weight.shape).astype(np.float32))
    # Variances are no negative numbers.
    for layer, first in zip(*starts(net)):
        if isinstance(layer, L.BatchNormalization):
            weights[first] = np.abs(weights[first]) + 0.5
            weights[first + 3] = np.abs(weights[first + 3]) + 0.5
    net.set_weights(weights)
    return net


def starts(net):
    first, at = [], 0
    for layer in net.layers:
        first.append(at)
        at += len(layer.get_weights())
    return net.layers, first


def separable():
    x = i = L.Input((11, 9, 3), batch_size=1)
    x = L.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = L.BatchNormalization()(x)
    x = L.ReLU(6.0)(x)
    x = L.DepthwiseConv2D((3, 2), depth_multiplier=2, activation="relu")(x)
    x = L.Conv2D(12, 1, activation="relu")(x)
    x = L.GlobalAveragePooling2D()(x)
    return model(i, L.Dense(5, activation="softmax")(x))


def residual():
    x = i = L.Input((8, 8, 2), batch_size=1)
    x = a = L.Conv2D(6, 3, padding="same", activation="relu")(x)
    x = L.Conv2D(6, 3, padding="same")(x)
    x = L.ReLU()(L.Add()([x, a]))
    b = L.Conv2D(4, 1, activation="relu")(x)
    x = L.Concatenate()([x, b])
    x = L.MaxPooling2D(2)(x)
    x = L.AveragePooling2D(2)(x)
    x = L.Flatten()(x)
    return model(i, L.Dense(4)(x))


def activations():
    x = i = L.Input((6, 6, 3), batch_size=1)
    x = L.Conv2D(4, 3)(x)
    x = L.LeakyReLU(negative_slope=0.2)(x)
    x = L.Conv2D(5, 2)(x)
    x = L.PReLU(shared_axes=[1, 2])(x)
    x = L.Rescaling(0.5, 0.25)(x)
    x = L.Flatten()(x)
    return model(i, L.Dense(3, activation="sigmoid")(x))


def line():
    x = i = L.Input((16, 4), batch_size=1)
    x = L.Conv1D(6, 5, strides=2, activation="relu")(x)
    x = L.MaxPooling1D(2)(x)
    x = L.Flatten()(x)
    return model(i, L.Dense(3)(x))


def large():
    x = i = L.Input((4, 4, 4), batch_size=1)
    x = L.Conv2D(32, 3, activation="relu")(x)
    x = L.Flatten()(x)
    x = L.Dense(24, activation="relu")(x)
    return model(i, L.Dense(3)(x))


def any_batch():
    x = i = L.Input((6, 6, 1))
    x = L.Conv2D(4, 3, activation="relu")(x)
    x = L.Reshape((16, 4))(x)
    x = L.Flatten()(x)
    return model(i, L.Activation("log_softmax")(L.Dense(3)(x)))


def padded():
    x = i = L.Input((7, 7, 2), batch_size=1)
    x = L.ZeroPadding2D(((0, 1), (1, 2)))(x)
    x = L.Conv2D(4, 3, strides=2, activation="relu")(x)
    x = L.Conv2D(4, 2, dilation_rate=2, padding="same", activation="relu")(x)
    x = L.AveragePooling2D(3, strides=1, padding="same")(x)
    x = L.Flatten()(x)
    return model(i, L.Dense(3)(x))


def free():
    x = i = L.Input((None, None, 2))
    x = L.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    x = L.GlobalMaxPooling2D()(x)
    return model(i, L.Dense(3)(x))


def dilated():
    """With a batch that is not fixed, dilation is SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND around a convolution."""
    x = i = L.Input((11, 8, 2))
    x = L.Conv2D(4, 3, dilation_rate=(3, 2), padding="same", activation="relu")(x)
    x = L.DepthwiseConv2D((2, 3), dilation_rate=2, activation="relu")(x)
    x = L.Conv2D(4, 2, dilation_rate=2)(x)
    x = L.GlobalAveragePooling2D()(x)
    return model(i, L.Dense(3)(x))


def causal():
    x = i = L.Input((14, 2))
    x = L.Conv1D(4, 3, padding="causal", activation="relu")(x)
    x = L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    x = L.Conv1D(5, 2, padding="same", dilation_rate=4)(x)
    x = L.GlobalMaxPooling1D()(x)
    return model(i, L.Dense(3)(x))


def timed():
    """A dense layer on every position, with sides that the file computes."""
    x = i = L.Input((6, 3))
    x = L.Dense(4, activation="relu")(x)
    x = L.Flatten()(x)
    return model(i, L.Dense(3)(x))


def tanh_inside():
    x = i = L.Input((4, 4, 2), batch_size=1)
    x = L.Activation("tanh")(L.Conv2D(3, 3)(x))
    return model(i, L.Dense(3)(L.Flatten()(x)))


def tanh_last():
    x = i = L.Input((4, 4, 2), batch_size=1)
    x = L.Conv2D(3, 3)(x)
    return model(i, L.Activation("tanh")(L.Dense(3)(L.Flatten()(x))))


def samples(net, count=100):
    # As images are: from 0 on.
    shape = [1, *(side or 6 for side in net.inputs[0].shape[1:])]
    return [RNG.uniform(0, 1, shape).astype(np.float32) for _ in range(count)]


def convert(net, kind, data, whole=False):
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "half":
        converter.target_spec.supported_types = [tf.float16]
    if kind in ("int8", "uint8"):
        converter.representative_dataset = lambda: ([sample] for sample in data)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = {"int8": tf.int8, "uint8": tf.uint8}[kind]
        converter.inference_output_type = converter.inference_input_type
        converter._experimental_disable_per_channel = whole
    return converter.convert()


def as_real(content):
    """The same model with constants multiplied out and activations as floats."""
    net = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    graph = net.subgraphs[0]
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in net.operatorCodes]
    same = {}
    kept = []
    for node in graph.operators:
        node.inputs = [same.get(index, index) for index in node.inputs]
        code = codes[node.opcodeIndex]
        if code in (schema.BuiltinOperator.QUANTIZE, schema.BuiltinOperator.DEQUANTIZE):
            same[node.outputs[0]] = node.inputs[0]
        else:
            kept.append(node)
    graph.operators = kept
    graph.outputs = [same.get(index, index) for index in graph.outputs]
    for definition in net.signatureDefs or []:
        for output in definition.outputs:
            output.tensorIndex = same.get(output.tensorIndex, output.tensorIndex)
    integers = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8,
                schema.TensorType.INT32: np.int32}
    for tensor in graph.tensors:
        quantised = tensor.quantization
        if quantised is None or quantised.scale is None or tensor.type not in integers:
            continue
        data = net.buffers[tensor.buffer].data
        if data is not None and len(data):
            values = np.frombuffer(bytes(data), integers[tensor.type])
            # A tensor without sides has none in the file.
            shape = [] if tensor.shape is None else tensor.shape
            values = values.reshape(shape)
            side = [1] * values.ndim
            if len(quantised.scale) > 1:
                side[quantised.quantizedDimension] = -1
            scale = np.array(quantised.scale, np.float64).reshape(side)
            zero = np.array(quantised.zeroPoint, np.float64).reshape(side)
            real = ((values - zero) * scale).astype(np.float32)
            # Tensors of equal bytes share them.
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(real.tobytes(), np.uint8)
            tensor.buffer = len(net.buffers)
            net.buffers.append(buffer)
        tensor.type = schema.TensorType.FLOAT32
        tensor.quantization = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(net.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def short(values, digits):
    return [round(float(value), digits) for value in values.reshape(-1)]


def run(content, inputs):
    interpreter = Interpreter(model_content=content)
    if len(inputs):
        into = interpreter.get_input_details()[0]
        if tuple(into["shape"]) != inputs[0].shape:
            interpreter.resize_tensor_input(into["index"], inputs[0].shape)
    interpreter.allocate_tensors()
    into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for values in inputs:
        interpreter.set_tensor(into["index"], values.reshape(into["shape"]).astype(into["dtype"]))
        interpreter.invoke()
        results.append(interpreter.get_tensor(out["index"]).reshape(-1))
    return np.array(results), into, out


def main():
    expected = {}

    def add(name, net, kind, **options):
        data = samples(net)
        content = convert(net, kind, data, **options)
        assert len(content) < 20_000, (name, len(content))
        (HERE / f"{name}.tflite").write_bytes(content)
        entry = {}
        # Not to the edge of what the quantisers saw.
        inputs = [np.round(0.7 * sample, 2) for sample in data[:2]]
        if kind in ("int8", "uint8"):
            _, into, out = run(content, [])
            scale, zero = into["quantization"]
            lowest = np.iinfo(into["dtype"]).min
            integers = [np.round(x / scale) + zero for x in inputs]
            rounded = run(content, integers)[0].astype(np.float64)
            step, shift = out["quantization"]
            entry["bytes"] = [[int(v) - lowest for v in x.reshape(-1)] for x in integers]
            entry["step"] = float(step)
            entry["rounded"] = [short(x, 6) for x in (rounded - shift) * step]
            real = [((x - zero) * scale).astype(np.float32) for x in integers]
            outputs = run(as_real(content), real)[0]
        else:
            entry["floats"] = [short(x, 2) for x in inputs]
            outputs = run(content, inputs)[0]
        entry["outputs"] = [short(x, 6) for x in outputs]
        expected[name] = entry

    for net in (separable, residual, activations, line, padded):
        name = net.__name__
        made = net()
        add(f"{name}-float", made, "float")
        add(f"{name}-int8", made, "int8")
    made = separable()
    add("separable-uint8", made, "uint8")
    add("separable-whole", made, "int8", whole=True)
    add("separable-half", made, "half")
    add("large-hybrid", large(), "hybrid")
    add("any-batch-float", any_batch(), "float")
    add("free-float", free(), "float")
    for net in (dilated, causal, timed):
        made = net()
        add(f"{net.__name__}-float", made, "float")
        add(f"{net.__name__}-int8", made, "int8")
    for net in (tanh_inside, tanh_last):
        name = net.__name__.replace("_", "-")
        (HERE / f"{name}.tflite").write_bytes(convert(net(), "float", []))
    (HERE / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
