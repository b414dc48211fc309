#!/usr/bin/env python3
"""Cases of PaddlePaddle by paddle2onnx. Runs in the environment of requirements-paddle.txt; `scripts/import_cases` calls it."""

import argparse
import logging
import pathlib
import tempfile
import warnings

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

import common


def unit(inputs, outputs, kernel=3, stride=1, groups=1, act=nn.ReLU):
    parts = [nn.Conv2D(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias_attr=False), nn.BatchNorm2D(outputs)]
    return nn.Sequential(*parts, *([act()] if act else []))


def head(channels, classes=10):
    return nn.Sequential(nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(channels, classes))


class Apply(nn.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Residual(nn.Layer):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.body = nn.Sequential(unit(inputs, outputs, 3, stride), unit(outputs, outputs, act=None))
        self.short = unit(inputs, outputs, 1, stride, act=None)

    def forward(self, x):
        return F.relu(self.body(x) + self.short(x))


class Halves(nn.Layer):
    def __init__(self):
        super().__init__()
        self.stem, self.branch, self.last = unit(3, 16), unit(8, 8), head(16)

    def forward(self, x):
        kept, changed = paddle.split(self.stem(x), 2, 1)
        x = paddle.concat([kept, self.branch(changed)], 1)
        # paddle2onnx ends the whole program at F.channel_shuffle.
        side = x.shape[-1]
        x = x.reshape([1, 2, 8, side, side]).transpose([0, 2, 1, 3, 4]).reshape([1, 16, side, side])
        return self.last(x)


seq = nn.Sequential
MODELS = [
    ("chain", "architectures", "convolutions, maxima, Linear", lambda: seq(unit(3, 8), nn.MaxPool2D(2, 2), unit(8, 12), nn.MaxPool2D(2, 2), nn.Flatten(), nn.Linear(192, 16), nn.ReLU(), nn.Linear(16, 10)), (3, 16, 16), {}),
    ("lenet", "architectures", "LeNet", lambda: paddle.vision.models.LeNet(), (1, 28, 28), {}),
    ("residual", "architectures", "ResNet", lambda: seq(unit(3, 8), Residual(8, 8), Residual(8, 12, 2), head(12)), (3, 16, 16), {}),
    ("mobilenet", "architectures", "MobileNet v1", lambda: seq(unit(3, 8, 3, 2), unit(8, 8, 3, 1, 8, nn.ReLU6), unit(8, 12, 1), head(12)), (3, 16, 16), {}),
    ("halves", "parts", "split, concat, channel shuffle", Halves, (3, 16, 16), {}),
    ("padded", "pads", "ZeroPad2D", lambda: seq(nn.ZeroPad2D([0, 1, 2, 1]), nn.Conv2D(3, 8, 3, 2), nn.ReLU(), head(8)), (3, 16, 16), {}),
    ("mean-uncounted", "pools", "a mean that leaves padding out", lambda: seq(unit(3, 8), nn.AvgPool2D(3, 2, 1), head(8)), (3, 15, 15), {}),
    ("mean-ceil", "pools", "a mean with ceil_mode", lambda: seq(unit(3, 8), nn.AvgPool2D(2, 2, ceil_mode=True), head(8)), (3, 15, 15), {}),
    ("mean-adaptive", "pools", "AdaptiveAvgPool2D(2)", lambda: seq(unit(3, 8), nn.AdaptiveAvgPool2D(2), nn.Flatten(), nn.Linear(32, 10)), (3, 16, 16), {}),
    ("largest", "pools", "AdaptiveMaxPool2D(1)", lambda: seq(unit(3, 8), nn.AdaptiveMaxPool2D(1), nn.Flatten(), nn.Linear(8, 10)), (3, 16, 16), {}),
    ("dilated", "dilation", "dilation of 2", lambda: seq(nn.Conv2D(3, 8, 3, padding=2, dilation=2), nn.ReLU(), head(8)), (3, 16, 16), {}),
    ("prelu", "arithmetic", "PReLU", lambda: seq(nn.Conv2D(3, 8, 3), nn.PReLU(8), nn.Conv2D(8, 8, 3), nn.LeakyReLU(0.1), head(8)), (3, 16, 16), {}),
    ("relu6", "arithmetic", "ReLU6", lambda: seq(unit(3, 8, act=nn.ReLU6), unit(8, 8, act=nn.ReLU6), head(8)), (3, 16, 16), {}),
    ("bn-flat", "arithmetic", "BatchNorm1D behind Flatten", lambda: seq(unit(3, 4, 3, 2), nn.Flatten(), nn.BatchNorm1D(256), nn.Linear(256, 10)), (3, 16, 16), {}),
    ("softmax", "endings", "Softmax", lambda: seq(unit(3, 8, 3, 2), head(8), nn.Softmax()), (3, 16, 16), {}),
    ("log-softmax", "endings", "LogSoftmax", lambda: seq(unit(3, 8, 3, 2), head(8), nn.LogSoftmax()), (3, 16, 16), {}),
    ("sigmoid", "endings", "one sigmoid", lambda: seq(unit(3, 8, 3, 2), head(8, 1), nn.Sigmoid()), (3, 16, 16), {}),
    ("argmax", "endings", "argmax", lambda: seq(unit(3, 8, 3, 2), head(8), Apply(lambda x: paddle.argmax(x, 1))), (3, 16, 16), {"compare": "class"}),
    ("line", "large kernels", "a kernel of 31", lambda: seq(nn.Conv1D(3, 8, 31, 2, 15), nn.BatchNorm1D(8), nn.ReLU(), nn.AdaptiveAvgPool1D(1), nn.Flatten(), nn.Linear(8, 4)), (3, 1, 96), {"layout": "ncl"}),
    ("squeezenet", "architectures", "paddle.vision SqueezeNet stem", lambda: seq(nn.Conv2D(3, 12, 3, 2), nn.ReLU(), nn.MaxPool2D(3, 2), nn.Conv2D(12, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2D(1), nn.Flatten()), (3, 24, 24), {}),
    ("dropout", "architectures", "dropout in inference", lambda: seq(unit(3, 8, 3, 2), nn.Flatten(), nn.Dropout(0.4), nn.Linear(512, 10)), (3, 16, 16), {}),
    ("normalised", "arithmetic", "a mean taken away in the model", lambda: seq(Apply(lambda x: (x - 0.45) / 0.22), unit(3, 8), head(8)), (3, 16, 16), {}),
    ("not-hardswish", "to be refused", "Hardswish", lambda: seq(unit(3, 8, act=nn.Hardswish), unit(8, 8), head(8)), (3, 12, 12), {"refused": ["HardSwish", "HardSigmoid", "Mul", "Div", "Clip"]}),
    ("not-silu", "to be refused", "SiLU", lambda: seq(unit(3, 8, act=nn.Silu), unit(8, 8), head(8)), (3, 12, 12), {"refused": ["Sigmoid", "Swish"]}),
    ("not-upsampled", "to be refused", "Upsample", lambda: seq(unit(3, 8), nn.Upsample(scale_factor=2), unit(8, 8), head(8)), (3, 12, 12), {"refused": ["Resize", "Upsample"]}),
]


def settle(model, seed):
    rng = np.random.default_rng(seed)
    norms = (nn.BatchNorm1D, nn.BatchNorm2D)
    for part in model.sublayers(include_self=True):
        if isinstance(part, (nn.Conv1D, nn.Conv2D, nn.Linear)):
            sides = part.weight.shape
            inputs = sides[0] if isinstance(part, nn.Linear) else int(np.prod(sides[1:]))
            part.weight.set_value(rng.normal(0, (2 / inputs) ** 0.5, sides).astype(np.float32))
            if part.bias is not None:
                part.bias.set_value(rng.normal(0, 0.2, part.bias.shape).astype(np.float32))
        if isinstance(part, norms):
            count = part._mean.shape
            for held, value in [(part._mean, rng.normal(0, 0.3, count)), (part._variance, rng.uniform(0.3, 1.2, count)), (part.weight, rng.uniform(0.5, 1.5, count)), (part.bias, rng.normal(0, 0.3, count))]:
                held.set_value(value.astype(np.float32))
    model.eval()
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--only", action="append")
    parser.add_argument("--missing", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    suite = common.Suite(given.folder, [common.version(p) for p in ("paddlepaddle", "paddle2onnx", "onnx", "onnxruntime")], given.only, given.missing)
    for name, group, tests, build, shape, more in MODELS:
        for suffix, batch in [("", 1), ("-symbolic", None)]:
            if batch is None and name not in ("chain", "residual", "softmax"):
                continue

            def one():
                model = settle(build(), len(name))
                dims = [batch, shape[0], shape[2]] if more.get("layout") == "ncl" else [batch, *shape]
                with tempfile.TemporaryDirectory() as folder:
                    path = pathlib.Path(folder) / "net.onnx"
                    paddle.onnx.export(model, str(path.with_suffix("")), input_spec=[paddle.static.InputSpec(dims, "float32", "image")], opset_version=17)
                    data = path.read_bytes()
                suite.onnx(f"paddle-{name}{suffix}", data, exporter="paddle2onnx", form=group, tests=tests, shape=shape, **more)

            suite.guarded(f"paddle-{name}{suffix}", one)
    suite.close()


main()
