#!/usr/bin/env python3
"""Cases of JAX (Flax NNX and Equinox) by jax2onnx. Runs in the environment of requirements-jax.txt; `scripts/import_cases` calls it."""

import argparse
import logging
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax2onnx import onnx_function, to_onnx

import common


def conv(inputs, outputs, kernel=3, stride=1, padding="SAME", rngs=None, **more):
    size = (kernel, kernel) if isinstance(kernel, int) else kernel
    return nnx.Conv(inputs, outputs, size, stride, padding=padding, rngs=rngs, **more)


class Net(nnx.Module):
    """Layers of a table, one after the other."""

    def __init__(self, parts, seed=0):
        rngs = nnx.Rngs(seed)
        self.parts = nnx.List([part(rngs) if getattr(part, "made", False) else part for part in parts])

    def __call__(self, x):
        for part in self.parts:
            x = part(x)
        return x


def made(function):
    function.made = True
    return function


def C(*given, **named):
    return made(lambda rngs: conv(*given, rngs=rngs, **named))


def BN(channels):
    return made(lambda rngs: nnx.BatchNorm(channels, use_running_average=True, rngs=rngs))


def FC(inputs, outputs):
    return made(lambda rngs: nnx.Linear(inputs, outputs, rngs=rngs))


def pool_max(x):
    return nnx.max_pool(x, window_shape=(2, 2), strides=(2, 2))


def pool_mean(x):
    return nnx.avg_pool(x, window_shape=(2, 2), strides=(2, 2))


def pool_same(x):
    return nnx.avg_pool(x, window_shape=(3, 3), strides=(2, 2), padding="SAME")


def mean(x):
    return jnp.mean(x, axis=(1, 2))


def largest(x):
    return jnp.max(x, axis=(1, 2))


def flat(x):
    return x.reshape(x.shape[0], -1)


class Residual(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.stem, self.a, self.b, self.last = conv(3, 8, rngs=rngs), conv(8, 8, rngs=rngs), conv(8, 8, rngs=rngs), nnx.Linear(8, 10, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.stem(x))
        return self.last(mean(nnx.relu(x + self.b(nnx.relu(self.a(x))))))


@onnx_function
class Block(nnx.Module):
    def __init__(self, inputs, outputs, seed):
        self.conv = conv(inputs, outputs, rngs=nnx.Rngs(seed))

    def __call__(self, x):
        return nnx.relu(self.conv(x))


class Functions(nnx.Module):
    """Blocks that jax2onnx writes as functions of the file."""

    def __init__(self):
        self.a, self.b, self.last = Block(3, 8, 1), Block(8, 8, 2), nnx.Linear(8, 10, rngs=nnx.Rngs(3))

    def __call__(self, x):
        return self.last(mean(self.b(self.a(x))))


relu = nnx.relu
MODELS = [
    ("chain", "architectures", "convolutions, maxima, Linear", lambda: Net([C(3, 8), relu, pool_max, C(8, 12), relu, pool_max, flat, FC(192, 16), relu, FC(16, 10)]), (16, 16, 3), {}),
    ("lenet", "architectures", "LeNet on grey images", lambda: Net([C(1, 6, 5), relu, pool_mean, C(6, 12, 5, padding="VALID"), relu, pool_mean, flat, FC(300, 32), relu, FC(32, 10)]), (28, 28, 1), {}),
    ("bn", "architectures", "batch norm behind convolutions", lambda: Net([C(3, 8, use_bias=False), BN(8), relu, C(8, 12, 3, 2), BN(12), relu, mean, FC(12, 10)]), (16, 16, 3), {}),
    ("depthwise", "architectures", "depthwise convolutions", lambda: Net([C(3, 8), relu, C(8, 8, feature_group_count=8), relu, C(8, 12, 1), relu, mean, FC(12, 10)]), (16, 16, 3), {}),
    ("residual", "architectures", "ResNet", Residual, (16, 16, 3), {}),
    ("relu6", "arithmetic", "ReLU6", lambda: Net([C(3, 8), nnx.relu6, C(8, 8), jax.nn.relu6, mean, FC(8, 10)]), (12, 12, 3), {}),
    ("leaky", "arithmetic", "leaky ReLU", lambda: Net([C(3, 8), nnx.leaky_relu, C(8, 8), nnx.leaky_relu, mean, FC(8, 10)]), (12, 12, 3), {}),
    ("softmax", "endings", "softmax", lambda: Net([C(3, 8, 3, 2), relu, mean, FC(8, 10), nnx.softmax]), (16, 16, 3), {}),
    ("log-softmax", "endings", "log_softmax", lambda: Net([C(3, 8, 3, 2), relu, mean, FC(8, 10), nnx.log_softmax]), (16, 16, 3), {}),
    ("sigmoid", "endings", "one sigmoid", lambda: Net([C(3, 8, 3, 2), relu, mean, FC(8, 1), nnx.sigmoid]), (16, 16, 3), {}),
    ("argmax", "endings", "argmax", lambda: Net([C(3, 8, 3, 2), relu, mean, FC(8, 10), lambda x: jnp.argmax(x, -1)]), (16, 16, 3), {"compare": "class"}),
    ("mean-same", "pools", "a mean with padding 'SAME'", lambda: Net([C(3, 8), relu, pool_same, C(8, 8), relu, mean, FC(8, 10)]), (15, 15, 3), {}),
    ("largest", "pools", "the largest of the map", lambda: Net([C(3, 8), relu, largest, FC(8, 10)]), (18, 18, 3), {}),
    ("dilated", "dilation", "dilation of 2", lambda: Net([C(3, 8, kernel_dilation=2), relu, C(8, 8), relu, mean, FC(8, 10)]), (16, 16, 3), {}),
    ("padded", "pads", "jnp.pad before a convolution", lambda: Net([C(3, 8), relu, lambda x: jnp.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0))), C(8, 8, 3, 2, padding="VALID"), relu, mean, FC(8, 10)]), (16, 16, 3), {}),
    ("causal", "pads", "causal convolutions", lambda: Net([C(4, 8, (5,), padding="CAUSAL"), relu, C(8, 8, (3,), padding="CAUSAL"), relu, lambda x: jnp.mean(x, 1), FC(8, 4)]), (40, 4), {}),
    ("line", "large kernels", "a kernel of 32", lambda: Net([C(2, 8, (32,), 2), relu, lambda x: jnp.mean(x, 1), FC(8, 4)]), (96, 2), {}),
    ("patch", "large kernels", "patches of 16 x 16", lambda: Net([C(3, 16, 16, 16, padding="VALID"), relu, mean, FC(16, 10)]), (48, 48, 3), {}),
    ("functions", "functions", "blocks as functions of the file", Functions, (16, 16, 3), {}),
    ("halves", "parts", "halves of the channels", lambda: Net([C(3, 16), relu, lambda x: jnp.concatenate([x[..., 8:], x[..., :8]], -1), C(16, 8), relu, mean, FC(8, 10)]), (12, 12, 3), {}),
    ("perceptron", "fc behind a map", "a perceptron", lambda: Net([flat, FC(784, 24), relu, FC(24, 10)]), (28, 28, 1), {}),
    ("normalised", "arithmetic", "x * 2 - 1 on a padded input", lambda: Net([lambda x: x * 2 - 1, C(3, 8), relu, mean, FC(8, 10)]), (16, 16, 3), {}),
    ("not-gelu", "to be refused", "GELU", lambda: Net([C(3, 8), nnx.gelu, mean, FC(8, 10)]), (16, 16, 3), {"refused": ["Gelu", "Erf", "Tanh", "Pow", "Mul"]}),
    ("not-silu", "to be refused", "SiLU", lambda: Net([C(3, 8), nnx.silu, C(8, 8), mean, FC(8, 10)]), (16, 16, 3), {"refused": ["Sigmoid", "Swish"]}),
    ("not-resized", "to be refused", "jax.image.resize", lambda: Net([C(3, 8), relu, lambda x: jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), C(8, 8), mean, FC(8, 10)]), (8, 8, 3), {"refused": ["Resize", "Gather", "Tile", "Expand", "Reshape", "Concat"]}),
]


def settle(model, seed):
    """Weights as He has them; batch norms with statistics of their own."""
    rng = np.random.default_rng(seed)
    for _, part in nnx.iter_graph(model):
        if isinstance(part, (nnx.Conv, nnx.Linear)):
            kernel = part.kernel.get_value()
            part.kernel.set_value(jnp.asarray(rng.normal(0, (2 / np.prod(kernel.shape[:-1])) ** 0.5, kernel.shape), jnp.float32))
            if part.bias is not None and part.bias.get_value() is not None:
                part.bias.set_value(jnp.asarray(rng.normal(0, 0.2, part.bias.get_value().shape), jnp.float32))
        if isinstance(part, nnx.BatchNorm):
            count = part.mean.get_value().shape
            for name, value in [("mean", rng.normal(0, 0.3, count)), ("var", rng.uniform(0.3, 1.2, count)), ("scale", rng.uniform(0.5, 1.5, count)), ("bias", rng.normal(0, 0.3, count))]:
                getattr(part, name).set_value(jnp.asarray(value, jnp.float32))
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--only", action="append")
    parser.add_argument("--missing", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    suite = common.Suite(given.folder, [common.version(p) for p in ("jax", "flax", "jax2onnx", "onnxruntime")], given.only, given.missing)
    for name, group, tests, build, shape, more in MODELS:
        def one(first=False):
            model = settle(build(), len(name))
            layout = {3: "nhwc", 2: "nlc"}[len(shape)]
            bytes_shape = (shape[2], shape[0], shape[1]) if len(shape) == 3 else (shape[1], 1, shape[0])
            asked = {"inputs_as_nchw": [0]} if first else {}
            written = to_onnx(model, [(1, *shape)], model_name=name, **asked)
            suite.onnx(f"jax-{name}{'-first' if first else ''}", written, exporter="jax2onnx", form=group, tests=tests, shape=bytes_shape,
                       layout="nchw" if first else layout, output_layout="nhwc", **more)

        suite.guarded(f"jax-{name}", one)
        if name in ("chain", "residual", "bn", "padded"):
            suite.guarded(f"jax-{name}-first", lambda: one(True))
    suite.close()


main()
