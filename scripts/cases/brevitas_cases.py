#!/usr/bin/env python3
"""Cases of Brevitas: QONNX and QCDQ, with weights of 2, 4 and 8 bits.

Runs in the environment of requirements-torch.txt; `scripts/import_cases` calls it.
"""

import argparse
import logging
import warnings

import brevitas.nn as qnn
from brevitas.export import export_onnx_qcdq, export_qonnx
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat, Int8WeightPerTensorFloat, Uint8ActPerTensorFloat

import common
from torch_base import nn, settle, torch

PER = {"tensor": Int8WeightPerTensorFloat, "channel": Int8WeightPerChannelFloat}


def conv(inputs, outputs, bits, per, kernel=3, stride=1, groups=1, bias=False):
    return qnn.QuantConv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias, weight_bit_width=bits, weight_quant=PER[per])


def unit(inputs, outputs, bits, acts, per, **more):
    return [conv(inputs, outputs, bits, per, **more), nn.BatchNorm2d(outputs), qnn.QuantReLU(bit_width=acts, act_quant=Uint8ActPerTensorFloat)]


def chain(bits, acts, per):
    return nn.Sequential(qnn.QuantIdentity(bit_width=8, act_quant=Int8ActPerTensorFloat), *unit(3, 8, bits, acts, per, stride=2), *unit(8, 12, bits, acts, per), nn.MaxPool2d(2),
                         nn.Flatten(), qnn.QuantLinear(192, 10, bias=True, weight_bit_width=bits, weight_quant=PER[per]))


def depthwise(bits, acts, per):
    return nn.Sequential(*unit(3, 8, 8, acts, per), *unit(8, 8, bits, acts, per, groups=8), *unit(8, 12, bits, acts, per, kernel=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         qnn.QuantLinear(12, 10, bias=True, weight_bit_width=bits, weight_quant=PER[per]))


def perceptron(bits, acts, per):
    parts = []
    for inputs, outputs in [(256, 24), (24, 16)]:
        parts += [qnn.QuantLinear(inputs, outputs, bias=True, weight_bit_width=bits, weight_quant=PER[per]), nn.BatchNorm1d(outputs), qnn.QuantReLU(bit_width=acts)]
    return nn.Sequential(nn.Flatten(), *parts, qnn.QuantLinear(16, 10, bias=True, weight_bit_width=bits, weight_quant=PER[per]))


class Residual(nn.Module):
    def __init__(self, bits, acts, per):
        super().__init__()
        self.stem = nn.Sequential(*unit(3, 8, bits, acts, per))
        self.body = nn.Sequential(*unit(8, 8, bits, acts, per), conv(8, 8, bits, per), nn.BatchNorm2d(8))
        self.left, self.right = (qnn.QuantIdentity(bit_width=8) for _ in range(2))
        self.after = qnn.QuantReLU(bit_width=acts)
        self.last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), qnn.QuantLinear(8, 10, bias=True, weight_bit_width=bits, weight_quant=PER[per]))

    def forward(self, x):
        x = self.stem(x)
        return self.last(self.after(self.left(x) + self.right(self.body(x))))


MODELS = [("chain", chain, (3, 16, 16)), ("depthwise", depthwise, (3, 16, 16)), ("perceptron", perceptron, (1, 16, 16)), ("residual", Residual, (3, 12, 12))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--only", action="append")
    parser.add_argument("--missing", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    suite = common.Suite(given.folder, [common.version(p) for p in ("brevitas", "torch", "qonnx", "onnxruntime")], given.only, given.missing)
    for name, build, shape in MODELS:
        for bits, acts, per in [(8, 8, "tensor"), (4, 8, "tensor"), (4, 4, "channel"), (2, 4, "tensor")]:
            torch.manual_seed(1)
            dims = (1, *shape)
            model = build(bits, acts, per)
            # Scales are learnt from what passes in training mode.
            model.train()
            for _ in range(3):
                model(torch.rand(16, *shape))
            settled = settle(model, dims, len(name))
            settled.train()
            with torch.no_grad():
                for _ in range(20):
                    settled(torch.rand(16, *shape))
            settled.eval()
            for form, export in [("qonnx", export_qonnx), ("qcdq", export_onnx_qcdq)]:
                full = f"brevitas-{name}-{bits}-{acts}-{per}-{form}"

                def one():
                    path = suite.folder / "brevitas.tmp"
                    export(settled, torch.rand(dims), export_path=str(path), opset_version=13 if form == "qonnx" else 17, dynamo=False)
                    add(suite, full, path.read_bytes(), form, f"{name}, weights of {bits} bits a {per}, activations of {acts}", shape)

                suite.guarded(full, one)
    suite.close()


def add(suite, name, data, form, tests, shape):
    suite.onnx(name, data, exporter=f"Brevitas {form.upper()}", form="quantised", tests=tests, shape=shape, quantised=True, again=True)


main()
