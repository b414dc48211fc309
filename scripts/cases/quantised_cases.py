#!/usr/bin/env python3
"""Cases of onnxruntime's quantisation of models that PyTorch exported: QDQ, QOperator, dynamic, weights alone.

Runs in the environment of requirements-torch.txt; `scripts/import_cases` calls it.
"""

import argparse
import logging
import pathlib
import warnings

import numpy as np
import onnx
import onnx.version_converter
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic

import common
from torch_base import Apply, conv, export, head, nn, settle, torch, unit
from torch_forms import Last1d, Two, causal
from torch_nets import DenseLayer, Inverted, Mixed, Residual, ShuffleDown, ShuffleTwo

relu = nn.ReLU
MODELS = [
    ("chain", lambda: nn.Sequential(unit(3, 8, 3, 2), unit(8, 12), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(192, 16), relu(), nn.Linear(16, 10)), (3, 16, 16)),
    ("residual", lambda: nn.Sequential(unit(3, 8), Residual(8, 8), Residual(8, 12, 2), head(12)), (3, 16, 16)),
    ("mobilenet-v2", lambda: nn.Sequential(unit(3, 8, 3, 2, act=nn.ReLU6), Inverted(8, 8, 1, 3), Inverted(8, 12, 2, 3), head(12)), (3, 16, 16)),
    ("dense", lambda: nn.Sequential(conv(3, 8), DenseLayer(8, 4), DenseLayer(12, 4), nn.AvgPool2d(2), head(16)), (3, 16, 16)),
    ("mixed", lambda: nn.Sequential(unit(3, 8), Mixed(8, nn.AvgPool2d(3, 1, 1)), head(18)), (3, 12, 12)),
    ("shuffle", lambda: nn.Sequential(unit(3, 8), ShuffleDown(8, 8), ShuffleTwo(8), head(16)), (3, 16, 16)),
    ("line", lambda: nn.Sequential(*causal(4, 8, 5, 1), nn.MaxPool1d(2), *causal(8, 8, 3, 2), Last1d(8)), (4, 1, 40)),
    ("mlp", lambda: nn.Sequential(nn.Flatten(), nn.Linear(256, 24), relu(), nn.Linear(24, 16), relu(), nn.Linear(16, 10)), (1, 16, 16)),
    ("softmax", lambda: nn.Sequential(unit(3, 8, 3, 2), head(8), nn.Softmax(1)), (3, 16, 16)),
    ("sigmoid", lambda: nn.Sequential(unit(3, 8, 3, 2), head(8, 1), nn.Sigmoid()), (3, 16, 16)),
    ("leaky", lambda: nn.Sequential(conv(3, 8), nn.LeakyReLU(0.1), conv(8, 8), nn.LeakyReLU(0.2), head(8)), (3, 12, 12)),
    ("limits", lambda: nn.Sequential(conv(3, 8), Apply(lambda x: x.clamp(0, 1)), conv(8, 8), nn.ReLU6(), head(8)), (3, 12, 12)),
    ("lower-limit", lambda: nn.Sequential(conv(3, 8), Apply(lambda x: x.clamp(0.25, 2)), conv(8, 8), relu(), head(8)), (3, 12, 12)),
    ("map", lambda: nn.Sequential(unit(3, 8), conv(8, 4, 1)), (3, 8, 8)),
]
U8, S8 = QuantType.QUInt8, QuantType.QInt8
QDQ, OPERATOR = QuantFormat.QDQ, QuantFormat.QOperator
SETTINGS = {
    "qdq": dict(quant_format=QDQ, per_channel=False),
    "qdq-channel": dict(quant_format=QDQ, per_channel=True),
    "qdq-signed": dict(quant_format=QDQ, per_channel=True, activation_type=S8, extra_options={"ActivationSymmetric": True}),
    "qdq-unsigned": dict(quant_format=QDQ, per_channel=False, weight_type=U8),
    "qop": dict(quant_format=OPERATOR, per_channel=False),
    "qop-channel": dict(quant_format=OPERATOR, per_channel=True),
    "qop-signed": dict(quant_format=OPERATOR, per_channel=False, activation_type=S8),
}
# Not every form of every network: these show what is special.
SOME = {"qdq-signed": {"chain", "residual", "mobilenet-v2", "mlp", "line"}, "qdq-unsigned": {"chain", "residual", "mlp"},
        "qop-signed": {"chain", "residual", "mlp", "softmax"}}


def floats(name, build, shape):
    torch.manual_seed(1)
    model = build()
    line = any(isinstance(part, nn.Conv1d) for part in model.modules())
    layout = "ncl" if line else "nchw"
    dims = (1, shape[0], shape[2]) if line else (1, *shape)
    return export(settle(model, dims, len(name)), dims, False, 17), layout


def weights_alone(data, bits):
    """The model with its weights as integers behind DequantizeLinear, one scale an output channel."""
    model = onnx.load_from_string(data)
    if bits == 4:
        model = onnx.version_converter.convert_version(model, 21)
    most = 2 ** (bits - 1) - 1
    nodes = []
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            at = next(i for i, t in enumerate(model.graph.initializer) if t.name == node.input[1])
            weight = numpy_helper.to_array(model.graph.initializer[at])
            sides = tuple(range(1, weight.ndim))
            scale = np.abs(weight).max(sides) / most
            levels = np.round(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8)
            name = node.input[1]
            kind = onnx.TensorProto.INT4 if bits == 4 else onnx.TensorProto.INT8
            model.graph.initializer[at].CopyFrom(helper.make_tensor(f"{name}_levels", kind, levels.shape, levels.flatten()))
            model.graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}_scale"))
            # A name of its own: exporters share weights between nodes.
            nodes.append(helper.make_node("DequantizeLinear", [f"{name}_levels", f"{name}_scale"], [name], axis=0))
        nodes.append(node)
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model.SerializeToString()


def dynamic(data, folder, per_channel):
    source, path = folder / "float.tmp", folder / "dynamic.tmp"
    source.write_bytes(data)
    quantize_dynamic(source, path, per_channel=per_channel, weight_type=S8, op_types_to_quantize=["MatMul", "Gemm", "Conv"] if not per_channel else None)
    return path.read_bytes()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--only", action="append")
    parser.add_argument("--missing", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    folder = pathlib.Path(given.folder)
    suite = common.Suite(folder, [common.version(p) for p in ("onnxruntime", "torch", "onnx")], given.only, given.missing)
    for name, build, shape in MODELS:
        data, layout = floats(name, build, shape)
        for setting, asked in SETTINGS.items():
            full = f"ort-{name}-{setting}"
            if name not in SOME.get(setting, {name}):
                continue

            def one():
                inputs = common.images(full, shape)
                fed = np.ascontiguousarray(common.LAYOUTS[layout](common.values(inputs, {})))
                small = common.quantise(data, fed, folder, **asked)
                suite.onnx(full, small, exporter=f"onnxruntime {'QOperator' if 'qop' in setting else 'QDQ'}", form="quantised",
                           tests=f"{name}, {setting}", shape=shape, layout=layout, quantised=True)

            suite.guarded(full, one)
        if name in ("chain", "residual", "mlp", "softmax", "line"):
            for bits in (8, 4):
                suite.guarded(f"ort-{name}-weights-{bits}", lambda: suite.onnx(
                    f"ort-{name}-weights-{bits}", weights_alone(data, bits), exporter="DequantizeLinear of weights", form="quantised",
                    tests=f"{name}, weights of {bits} bits", shape=shape, layout=layout, quantised=True, again=True))
        if name in ("chain", "mlp", "residual"):
            for label, channel in [("", False), ("-channel", True)]:
                suite.guarded(f"ort-{name}-dynamic{label}", lambda: suite.onnx(
                    f"ort-{name}-dynamic{label}", dynamic(data, folder, channel), exporter="onnxruntime dynamic", form="quantised",
                    tests=f"{name}, quantised as it runs", shape=shape, layout=layout, quantised=True,
                    again=True))
    suite.close()


main()
