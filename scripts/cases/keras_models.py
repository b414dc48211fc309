"""Small Keras models, one for each form, and common architectures."""

import numpy as np
import tensorflow as tf
from keras import Model, Sequential, applications, layers as L

ALL = []


def form(name, group, tests, build, shape=(16, 16, 3), **more):
    """shape: height, width, channels (or length, channels) as Keras has them."""
    ALL.append((name, group, tests, build, shape, more))


def seq(name, group, tests, parts, shape=(16, 16, 3), **more):
    form(name, group, tests, lambda: Sequential([L.Input(shape), *parts()]), shape, **more)


def settle(model, shape, seed=0, between=(0.0, 1.0)):
    """Weights as He has them, and batch norms with the statistics that noise has there, somewhat beside them."""
    rng = np.random.default_rng(seed)
    norms = []
    for layer in model._flatten_layers(include_self=False, recursive=True):
        weights = layer.get_weights()
        if isinstance(layer, L.BatchNormalization):
            count = weights[0].shape
            layer.momentum = 0.0
            layer.set_weights([rng.uniform(0.5, 1.5, count), rng.normal(0, 0.3, count), np.zeros(count), np.ones(count)])
            norms.append(layer)
        elif isinstance(layer, L.PReLU):
            layer.set_weights([rng.uniform(0.05, 0.4, weights[0].shape)])
        elif isinstance(layer, (L.Dense, L.Conv1D, L.Conv2D, L.DepthwiseConv2D, L.DepthwiseConv1D)) and weights:
            kernel = weights[0]
            inputs = int(np.prod(kernel.shape[:2])) if isinstance(layer, L.DepthwiseConv2D) else int(np.prod(kernel.shape[:-1]))
            new = [rng.normal(0, (2 / inputs) ** 0.5, kernel.shape)]
            layer.set_weights(new + [rng.normal(0, 0.2, bias.shape) for bias in weights[1:]])
    if norms:
        noise = rng.uniform(*between, (16, *shape)).astype(np.float32)
        for _ in range(2):
            model(noise, training=True)
        for layer in norms:
            gamma, beta, mean, variance = layer.get_weights()
            spread = np.sqrt(variance)
            layer.set_weights([gamma, beta, mean + 0.2 * spread * rng.normal(size=mean.shape), variance * rng.uniform(0.6, 1.6, mean.shape)])
    return model


def bn(conv, act="relu"):
    return [conv, L.BatchNormalization(), *([L.Activation(act)] if isinstance(act, str) else [act] if act else [])]


def end(classes=10, act=None):
    return [L.GlobalAveragePooling2D(), L.Dense(classes, activation=act)]


C, D = L.Conv2D, L.DepthwiseConv2D
seq("zero-padding", "pads", "ZeroPadding2D before a large stem", lambda: [L.ZeroPadding2D(3), *bn(C(8, 7, 2)), L.ZeroPadding2D(1), L.MaxPooling2D(3, 2), *bn(C(12, 3, padding="same")), *end()])
seq("zero-padding-uneven", "pads", "ZeroPadding2D on two sides before a depthwise convolution", lambda: [*bn(C(8, 3, padding="same")), L.ZeroPadding2D(((0, 1), (0, 1))), *bn(D(3, 2), L.ReLU(6.0)), *bn(C(12, 1)), *end()])
seq("zero-padding-mean", "pads", "ZeroPadding2D on an input from -1 to 1", lambda: [L.ZeroPadding2D(2), *bn(C(8, 5, 2)), *end()], options={"scale": 1 / 127.5, "mean": [1.0]})
seq("zero-padding-pool", "pads", "ZeroPadding2D before a mean", lambda: [*bn(C(8, 3)), L.ZeroPadding2D(1), L.AveragePooling2D(2), *end()])
seq("causal", "pads", "causal convolutions", lambda: [L.Conv1D(8, 3, padding="causal", activation="relu"), L.Conv1D(8, 3, padding="causal", dilation_rate=2, activation="relu"), L.GlobalAveragePooling1D(), L.Dense(4)], (40, 4))
seq("same-even", "padding", "padding 'same' with stride 2 on even sides", lambda: [*bn(C(8, 3, 2, padding="same")), *bn(C(8, 5, 2, padding="same")), *end()])
seq("same-even-kernel", "padding", "padding 'same' with an even kernel", lambda: [C(8, 4, padding="same", activation="relu"), C(8, 2, 2, padding="same", activation="relu"), *end()], (15, 15, 3))
seq("dilated", "dilation", "dilation of 2", lambda: [C(8, 3, padding="same", dilation_rate=2, activation="relu"), C(8, 3, dilation_rate=3, activation="relu"), *end()])
seq("dilated-line", "dilation", "dilation in one dimension", lambda: [L.Conv1D(8, 3, padding="same", dilation_rate=4, activation="relu"), L.GlobalMaxPooling1D(), L.Dense(4)], (48, 3))
seq("flatten", "fc behind a map", "Flatten of 12 x 12 x 16", lambda: [C(16, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(), L.Dense(24, activation="relu"), L.Dropout(0.5), L.Dense(10, activation="softmax")], (26, 26, 1))
seq("mnist", "fc behind a map", "the example of Keras", lambda: [C(32, 3, activation="relu"), L.MaxPooling2D(), C(64, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(), L.Dropout(0.5), L.Dense(10, activation="softmax")], (28, 28, 1))
seq("dense", "fc behind a map", "a perceptron", lambda: [L.Flatten(), L.Dense(32, activation="relu"), L.Dense(10)], (28, 28, 1))
seq("dense-flat", "input", "a perceptron on a vector", lambda: [L.Dense(16, activation="relu"), L.BatchNormalization(), L.Dense(4)], (30,))
seq("sigmoid", "endings", "one sigmoid", lambda: [*bn(C(8, 3, 2)), *end(1, "sigmoid")])
seq("sigmoid-many", "endings", "several sigmoids", lambda: [*bn(C(8, 3, 2)), *end(6, "sigmoid")])
seq("softmax-two", "endings", "Softmax over two classes", lambda: [*bn(C(8, 3, 2)), *end(2, "softmax")])
seq("softmax-map", "endings", "a Softmax behind Reshape, as MobileNet has it", lambda: [*bn(C(8, 3, 2)), L.GlobalAveragePooling2D(keepdims=True), L.Dropout(0.1), C(10, 1), L.Reshape((10,)), L.Softmax()])
seq("map", "endings", "a map of classes", lambda: [*bn(C(8, 3, padding="same")), C(4, 1)], (8, 8, 3))
seq("average-same", "pools", "AveragePooling2D 'same', which leaves padding out", lambda: [*bn(C(8, 3)), L.AveragePooling2D(3, 2, padding="same"), *end()])
seq("average-same-one", "pools", "AveragePooling2D 'same', stride 1", lambda: [*bn(C(8, 3)), L.AveragePooling2D(3, 1, padding="same"), *end()], (10, 10, 3))
seq("max-same", "pools", "MaxPooling2D 'same'", lambda: [*bn(C(8, 3)), L.MaxPooling2D(3, 2, padding="same"), *end()])
seq("global-max", "pools", "GlobalMaxPooling2D over 18 x 18", lambda: [*bn(C(8, 3)), L.GlobalMaxPooling2D(), L.Dense(10)], (20, 20, 3))
seq("pool-line", "pools", "pools in one dimension", lambda: [L.Conv1D(8, 5, activation="relu"), L.MaxPooling1D(2), L.AveragePooling1D(2), L.Conv1D(8, 3, activation="relu"), L.GlobalAveragePooling1D(), L.Dense(4)], (48, 3))
seq("line-31", "large kernels", "a kernel of 31", lambda: [L.Conv1D(8, 31, 2, padding="same"), L.BatchNormalization(), L.ReLU(), L.GlobalAveragePooling1D(), L.Dense(4)], (96, 2))
seq("line-80", "large kernels", "a kernel of 80", lambda: [L.Conv1D(8, 80, 4, activation="relu"), L.MaxPooling1D(4), L.Conv1D(8, 3, activation="relu"), L.GlobalAveragePooling1D(), L.Dense(4)], (320, 1))
seq("patch", "large kernels", "patches of 16 x 16", lambda: [C(16, 16, 16, activation="relu"), *end()], (48, 48, 3))
seq("prelu", "arithmetic", "PReLU of each channel", lambda: [C(8, 3), L.PReLU(shared_axes=[1, 2]), C(8, 3), L.PReLU(shared_axes=[1, 2]), *end()])
seq("prelu-dense", "arithmetic", "PReLU of each output", lambda: [L.Flatten(), L.Dense(16), L.PReLU(), L.Dense(4)], (8, 8, 1))
seq("prelu-each", "arithmetic", "PReLU of each position", lambda: [C(4, 3), L.PReLU(), *end(4)], (8, 8, 1), expect="either", refused=["PReLU", "PRelu", "Mul", "PRELU"])
seq("leaky", "arithmetic", "LeakyReLU", lambda: [C(8, 3), L.LeakyReLU(negative_slope=0.2), C(8, 3), L.LeakyReLU(negative_slope=0.1), *end()])
seq("relu6", "arithmetic", "ReLU with a limit", lambda: [*bn(C(8, 3), L.ReLU(6.0)), *bn(C(8, 3), L.ReLU(1.5)), *end()])
seq("bn-first", "arithmetic", "BatchNormalization first", lambda: [L.BatchNormalization(), *bn(C(8, 3, padding="same")), *end()])
seq("bn-last", "arithmetic", "BatchNormalization behind ReLU", lambda: [C(8, 3, activation="relu"), L.BatchNormalization(), C(8, 3, padding="same", activation="relu"), L.BatchNormalization(), *end()])
seq("bn-flat", "arithmetic", "BatchNormalization behind Flatten", lambda: [*bn(C(4, 3, 2)), L.Flatten(), L.BatchNormalization(), L.Dense(10)])
seq("bn-dense", "arithmetic", "BatchNormalization between Dense", lambda: [L.Flatten(), L.Dense(24), L.BatchNormalization(), L.ReLU(), L.Dense(10)], (8, 8, 3))
seq("rescaling", "input", "Rescaling to -1 to 1", lambda: [L.Rescaling(1 / 127.5, -1.0), *bn(C(8, 3, 2, padding="same")), *end()], options={"scale": 1.0})
seq("normalisation", "input", "Normalization", lambda: [L.Normalization(mean=[0.48, 0.45, 0.4], variance=[0.05, 0.05, 0.06]), *bn(C(8, 3, 2, padding="same")), *end()])
seq("separable", "architectures", "SeparableConv2D", lambda: [*bn(C(8, 3, 2)), L.SeparableConv2D(12, 3, padding="same", activation="relu"), *bn(L.SeparableConv2D(12, 3, 2)), *end()])
seq("grouped", "architectures", "convolutions in groups", lambda: [*bn(C(8, 3)), *bn(C(16, 3, groups=4, padding="same")), *end()])
seq("multiplier", "architectures", "a depthwise convolution that doubles the channels", lambda: [*bn(C(6, 3)), *bn(D(3, depth_multiplier=2)), *end()])
seq("fixed-batch", "batch", "a batch of 4 written into the file", lambda: [*bn(C(8, 3, 2)), *end()], batch=4)
seq("time-distributed", "arithmetic", "Dense at every step", lambda: [L.Dense(8, activation="relu"), L.Dense(8, activation="relu"), L.Flatten(), L.Dense(4)], (12, 6))
seq("cropped", "parts", "Cropping2D", lambda: [*bn(C(8, 3)), L.Cropping2D(1), *bn(C(8, 3)), *end()], expect="either", refused=["Slice", "StridedSlice"])


def functional(name, group, tests, body, shape=(16, 16, 3), **more):
    def build():
        given = L.Input(shape)
        return Model(given, body(given))

    form(name, group, tests, build, shape, **more)


def chain(x, parts):
    for part in parts:
        x = part(x)
    return x


def residual(x):
    x = chain(x, bn(C(8, 3, padding="same")))
    x = L.ReLU()(L.Add()([chain(x, [*bn(C(8, 3, padding="same")), C(8, 3, padding="same"), L.BatchNormalization()]), x]))
    short = chain(x, [C(12, 1, 2), L.BatchNormalization()])
    x = L.ReLU()(L.Add()([chain(x, [*bn(C(12, 3, 2, padding="same")), C(12, 3, padding="same"), L.BatchNormalization()]), short]))
    return chain(x, end())


def branches(x):
    x = chain(x, bn(C(8, 3)))
    parts = [chain(x, bn(C(4, 1))), chain(x, bn(C(6, 3, padding="same"))), chain(x, [L.AveragePooling2D(3, 1, padding="same"), *bn(C(4, 1))])]
    return chain(L.Concatenate()(parts), end())


def split(x):
    x = chain(x, bn(C(16, 3)))
    a, b = x[..., :8], x[..., 8:]
    return chain(L.Concatenate()([a, chain(b, bn(C(8, 3, padding="same")))]), end())


functional("residual", "architectures", "ResNet", residual)
functional("branches", "architectures", "Inception", branches)
functional("split", "parts", "halves of the channels", split)
functional("average", "arithmetic", "the average of two maps", lambda x: chain(L.Average()([L.Conv2D(8, 3, padding="same")(x), L.Conv2D(8, 5, padding="same")(x)]), [L.ReLU(), *end()]))
functional("subtract", "arithmetic", "the difference of two maps", lambda x: chain(L.Subtract()([L.Conv2D(8, 3, padding="same")(x), L.Conv2D(8, 5, padding="same")(x)]), [L.ReLU(), *end()]))
functional("maximum", "arithmetic", "the larger of two maps", lambda x: chain(L.Maximum()([L.Conv2D(8, 3)(x), L.Conv2D(8, 3)(x)]), end()), expect="either", refused=["Max", "Maximum", "MAXIMUM"])
functional("two-outputs", "endings", "two outputs", lambda x: (lambda y: [L.Dense(10, name="classes")(y), L.Dense(2, name="side")(y)])(chain(x, [*bn(C(8, 3, 2)), L.GlobalAveragePooling2D()])), refused=["outputs"])
form("mobilenet", "architectures", "keras.applications MobileNet, an eighth wide", lambda: applications.MobileNet((32, 32, 3), 0.125, weights=None, classes=10), (32, 32, 3), options={"scale": 1 / 127.5, "mean": [1.0]})
form("mobilenet-v2", "architectures", "keras.applications MobileNet v2, a tenth wide", lambda: applications.MobileNetV2((32, 32, 3), 0.1, weights=None, classes=10), (32, 32, 3), options={"scale": 1 / 127.5, "mean": [1.0]})
form("mobilenet-v3", "to be refused", "keras.applications MobileNet v3", lambda: applications.MobileNetV3Small((32, 32, 3), 0.1, minimalistic=False, weights=None, classes=10), (32, 32, 3), refused=["HardSwish", "HardSigmoid", "HARD_SWISH", "Mul", "MUL"])


def refused(name, tests, middle, words, shape=(16, 16, 3), **more):
    seq(f"not-{name}", "to be refused", tests, lambda: [*bn(C(8, 3)), *middle(), *end()], shape, refused=words, **more)


refused("swish", "swish", lambda: [L.Activation("swish"), C(8, 3)], ["Sigmoid", "LOGISTIC", "Swish"])
refused("gelu", "GELU", lambda: [L.Activation("gelu"), C(8, 3)], ["Erf", "Gelu", "GELU", "ERF"])
refused("tanh", "tanh", lambda: [L.Activation("tanh"), C(8, 3)], ["Tanh", "TANH"])
refused("elu", "ELU", lambda: [L.Activation("elu"), C(8, 3)], ["Elu", "ELU"])
refused("hard-swish", "hard swish", lambda: [L.Activation("hard_swish"), C(8, 3)], ["HardSwish", "HARD_SWISH", "Mul", "HardSigmoid"])
refused("upsampling", "UpSampling2D", lambda: [L.UpSampling2D(), C(8, 3)], ["Resize", "RESIZE", "Upsample"])
refused("transposed", "Conv2DTranspose", lambda: [L.Conv2DTranspose(8, 2, 2), C(8, 3)], ["ConvTranspose", "TRANSPOSE_CONV"])
refused("layer-norm", "LayerNormalization", lambda: [L.LayerNormalization(), C(8, 3)], ["LayerNormalization", "ReduceMean", "MEAN", "Sqrt", "RSQRT", "SQUARED", "Sub", "Mul"])
functional("not-excited", "to be refused", "squeeze and excitation", lambda x: (lambda y: chain(L.Multiply()([y, chain(y, [L.GlobalAveragePooling2D(keepdims=True), C(4, 1, activation="relu"), C(8, 1, activation="sigmoid")])]), end()))(chain(x, bn(C(8, 3)))), refused=["Sigmoid", "Mul", "LOGISTIC", "MUL"])
seq("not-lstm", "to be refused", "LSTM", lambda: [L.LSTM(8), L.Dense(4)], (20, 6), refused=["LSTM", "Loop", "Scan", "WHILE", "Sigmoid", "UNIDIRECTIONAL"])

__all__ = ["ALL", "settle", "tf"]
