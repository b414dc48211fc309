"""Small PyTorch modules, one for each form of graph that exporters write."""

from torch_base import Apply, F, conv, head, nn, torch, unit

ALL = []


def form(name, group, tests, module, shape=(3, 16, 16), **more):
    """more: exporters ("s" TorchScript, "d" dynamo), opset, and what `Suite.onnx` takes."""
    ALL.append((name, group, tests, module, shape, more))


def seq(*parts):
    return lambda: nn.Sequential(*parts)


def lam(function):
    return Apply(function)


relu = nn.ReLU

# Padding as an operator of its own.
form("pad-conv", "pads", "zeros around, then a convolution that does not pad",
     lambda: nn.Sequential(lam(lambda x: F.pad(x, (1, 1, 1, 1))), conv(3, 8, 3, padding=0), relu(), head(8)))
form("pad-uneven-stride", "pads", "zeros on some sides, stride 2",
     lambda: nn.Sequential(conv(3, 8), relu(), lam(lambda x: F.pad(x, (0, 1, 0, 1))), conv(8, 12, 3, 2, 0), relu(), head(12)))
form("pad-both", "pads", "zeros before a convolution that pads too",
     lambda: nn.Sequential(conv(3, 8), relu(), lam(lambda x: F.pad(x, (2, 0, 1, 3))), conv(8, 8, 3, 1, 1), relu(), head(8)))
form("pad-depthwise", "pads", "zeros before a depthwise convolution",
     lambda: nn.Sequential(unit(3, 12), lam(lambda x: F.pad(x, (0, 1, 0, 1))), unit(12, 12, 3, 2, 0, 12), unit(12, 16, 1), head(16)))
form("pad-maxpool", "pads", "zeros before a maximum, which counts them",
     lambda: nn.Sequential(unit(3, 8), lam(lambda x: F.pad(x, (1, 1, 1, 1))), nn.MaxPool2d(3, 2), unit(8, 8), head(8)))
form("pad-avgpool", "pads", "zeros before a mean, which counts them",
     lambda: nn.Sequential(unit(3, 8), lam(lambda x: F.pad(x, (1, 1, 1, 1))), nn.AvgPool2d(3, 2), unit(8, 8), head(8)))
form("pad-mean", "pads", "zeros after the mean was taken away",
     lambda: nn.Sequential(nn.ZeroPad2d((2, 2, 2, 2)), conv(3, 8, 5, 2, 0), relu(), head(8)),
     options={"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]})
form("pad-joined", "pads", "zeros around one of two maps that are joined",
     lambda: PadJoined(), (3, 12, 12))
form("pad-same-even", "pads", "padding='same' with an even kernel",
     lambda: nn.Sequential(nn.Conv2d(3, 8, 4, padding="same"), relu(), nn.Conv2d(8, 8, 2, padding="same"), relu(), head(8)))
form("pad-channels", "pads", "a shortcut with zeros for new channels, as BlazeFace and old ResNets have",
     lambda: PadChannels(), (3, 16, 16))
form("pad-causal", "pads", "causal convolutions in one dimension",
     lambda: nn.Sequential(*causal(6, 12, 3, 1), *causal(12, 12, 3, 2), *causal(12, 12, 3, 4), Last1d(12)), (6, 1, 48))
form("pad-causal-long", "pads", "a causal kernel of 20",
     lambda: nn.Sequential(*causal(3, 8, 20, 1), nn.MaxPool1d(4), *causal(8, 8, 5, 1), Last1d(8)), (3, 1, 64))


class PadJoined(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b = unit(3, 8), unit(8, 8, 3, 1, 0), unit(16, 16)
        self.last = head(16)

    def forward(self, x):
        x = self.stem(x)
        return self.last(self.b(torch.cat([x, F.pad(self.a(x), (1, 1, 1, 1))], 1)))


class PadChannels(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = unit(3, 8)
        self.body = nn.Sequential(unit(8, 12, 3, 2), unit(12, 12, act=None))
        self.last = head(12)

    def forward(self, x):
        x = self.stem(x)
        short = F.pad(F.max_pool2d(x, 2), (0, 0, 0, 0, 0, 4))
        return self.last(F.relu(self.body(x) + short))


class Last1d(nn.Module):
    def __init__(self, channels, classes=5):
        super().__init__()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        return self.fc(x.mean(-1))


def causal(inputs, outputs, kernel, dilation):
    size = (kernel - 1) * dilation
    return [lam(lambda x: F.pad(x, (size, 0))), nn.Conv1d(inputs, outputs, kernel, dilation=dilation), relu()]


# Fully connected layers behind large maps.
form("fc-mnist", "fc behind a map", "the example of PyTorch: 64 x 12 x 12 to 128", lambda: Mnist(), (1, 28, 28),
     options={"mean": [0.1307], "std": [0.3081]})
form("fc-map-144", "fc behind a map", "16 x 12 x 12 to 32",
     lambda: nn.Sequential(unit(1, 16, 3, 1, 0), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * 144, 32), relu(), nn.Linear(32, 10)),
     (1, 26, 26))
form("fc-map-400", "fc behind a map", "4 x 20 x 20 to 16",
     lambda: nn.Sequential(unit(3, 4), nn.Flatten(), nn.Linear(1600, 16), relu(), nn.Linear(16, 4)), (3, 20, 20))
form("fc-image", "fc behind a map", "a perceptron on 32 x 32 x 3",
     lambda: nn.Sequential(nn.Flatten(), nn.Linear(3072, 24), relu(), nn.Linear(24, 10)), (3, 32, 32))
form("fc-view", "fc behind a map", "view(-1, N) with N written out",
     lambda: nn.Sequential(unit(1, 6, 5), nn.MaxPool2d(2), lam(lambda x: x.view(-1, 6 * 64)), nn.Linear(384, 20), relu(), nn.Linear(20, 10)),
     (1, 16, 16))
form("fc-permuted", "fc behind a map", "permuted to channels last before the flatten",
     lambda: nn.Sequential(unit(3, 8, 3, 2), lam(lambda x: x.permute(0, 2, 3, 1).flatten(1)), nn.Linear(512, 10)))


class Mnist(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, 1), nn.Conv2d(32, 64, 3, 1)
        self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = self.dropout1(F.max_pool2d(x, 2)).flatten(1)
        return F.log_softmax(self.fc2(self.dropout2(F.relu(self.fc1(x)))), dim=1)


# Endings.
def ending(name, tests, last, classes=10, **more):
    form(f"end-{name}", "endings", tests, lambda: nn.Sequential(unit(3, 8, 3, 2), unit(8, 12, 3, 2), head(12, classes), last()), **more)


ending("log-softmax", "LogSoftmax", lambda: nn.LogSoftmax(1))
ending("softmax", "Softmax", lambda: nn.Softmax(-1))
ending("softmax-two", "Softmax over two classes", lambda: nn.Softmax(1), 2)
ending("sigmoid-one", "one sigmoid for two classes", nn.Sigmoid, 1)
ending("sigmoid-many", "a sigmoid for each of several labels", nn.Sigmoid, 7)
ending("sigmoid-flat", "one sigmoid, squeezed", lambda: lam(lambda x: torch.sigmoid(x).squeeze(1)), 1)
ending("argmax", "ArgMax", lambda: lam(lambda x: x.argmax(1)), compare="class")
ending("argmax-kept", "ArgMax that keeps its side", lambda: lam(lambda x: x.argmax(1, keepdim=True)), compare="class")
ending("softmax-argmax", "ArgMax of a Softmax", lambda: lam(lambda x: x.softmax(1).argmax(-1)), compare="class")
ending("threshold", "classes by a threshold", lambda: lam(lambda x: (torch.sigmoid(x) > 0.5).float()), 1, expect="either",
       refused=["Greater", "Sigmoid"])
form("end-two-outputs", "endings", "logits and probabilities", lambda: Two(lambda y, x: (y, y.softmax(1))), names=["logits", "probabilities"],
     options={"logits": "logits"})
form("end-two-outputs-second", "endings", "features and logits, the second is chosen", lambda: Two(lambda y, x: (x, y)),
     names=["features", "logits"], options={"logits": "logits"})
form("end-features", "endings", "features and logits, the features are chosen", lambda: Two(lambda y, x: (x, y)),
     names=["features", "logits"], options={"logits": "features"})
form("end-unnamed", "endings", "several outputs, none chosen: the message lists them", lambda: Two(lambda y, x: (y, x)),
     names=["logits", "features"], refused=["logits, features"], exporters="s")
form("end-map", "endings", "a map of classes, as segmentation has it", lambda: nn.Sequential(unit(3, 8), unit(8, 8), conv(8, 4, 1)), (3, 8, 8))
form("end-map-mean", "endings", "class maps, then their mean", lambda: nn.Sequential(unit(3, 8), conv(8, 10, 1), relu(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
form("end-map-softmax", "endings", "a Softmax in every position of a map", lambda: nn.Sequential(unit(3, 8), conv(8, 4, 1), nn.Softmax(1)),
     (3, 6, 6), expect="either", refused=["Softmax"])


class Two(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.body = nn.Sequential(unit(3, 8, 3, 2), unit(8, 12, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.last, self.function = nn.Linear(12, 10), function

    def forward(self, x):
        x = self.body(x)
        return self.function(self.last(x), x)


# Means and maxima.
def pooled(name, tests, pool, shape=(3, 15, 15), after=None, **more):
    form(f"pool-{name}", "pools", tests, lambda: nn.Sequential(unit(3, 8), pool(), after() if after else unit(8, 8), head(8)), shape, **more)


pooled("uncounted", "a mean that leaves padding out", lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False))
pooled("uncounted-same", "a mean that leaves padding out, stride 1", lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False))
pooled("uncounted-wide", "a mean of 5 x 5 that leaves padding of 2 out", lambda: nn.AvgPool2d(5, 1, 2, count_include_pad=False), (3, 9, 9))
pooled("ceil", "a mean with ceil_mode over the edge", lambda: nn.AvgPool2d(2, 2, ceil_mode=True))
pooled("ceil-padded", "a mean with padding and ceil_mode", lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), (3, 16, 16))
pooled("ceil-uncounted", "a mean with ceil_mode that leaves padding out", lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (3, 16, 16))
pooled("counted", "a mean that counts padding", lambda: nn.AvgPool2d(3, 2, 1))
pooled("max-ceil", "a maximum with ceil_mode and padding", lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True), (3, 16, 16))
pooled("max-dilated", "a dilated maximum", lambda: nn.MaxPool2d(2, 1, dilation=2), expect="either", refused=["MaxPool"])
pooled("adaptive", "AdaptiveAvgPool2d(2)", lambda: nn.AdaptiveAvgPool2d(2), (3, 16, 16))
pooled("uneven", "windows of 2 x 3, stride 1 x 2", lambda: nn.AvgPool2d((2, 3), (1, 2), (1, 1), count_include_pad=False), (3, 12, 14))
form("pool-line", "pools", "means in one dimension that leave padding out",
     lambda: nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), relu(), nn.AvgPool1d(3, 2, 1, count_include_pad=False), nn.Conv1d(8, 8, 3), relu(), Last1d(8)),
     (4, 1, 40))
form("pool-first", "pools", "a mean as the first layer", lambda: nn.Sequential(nn.AvgPool2d(2), unit(3, 8), head(8)))
form("pool-last", "pools", "a mean of 8 x 8 and view", lambda: nn.Sequential(unit(3, 8, 3, 2), nn.AvgPool2d(8), lam(lambda x: x.view(x.size(0), -1)), nn.Linear(8, 10)))
form("pool-max-whole", "pools", "the largest of 20 x 20", lambda: nn.Sequential(unit(3, 8), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 10)), (3, 20, 20))
form("pool-max-20", "pools", "MaxPool of 20 x 20", lambda: nn.Sequential(unit(3, 8), nn.MaxPool2d(20), nn.Flatten(), nn.Linear(8, 10)), (3, 20, 20))
form("pool-amax", "pools", "ReduceMax over the map", lambda: nn.Sequential(unit(3, 8), lam(lambda x: x.amax((2, 3))), nn.Linear(8, 10)), (3, 18, 18))
form("pool-both", "pools", "mean and maximum, joined", lambda: nn.Sequential(unit(3, 8), lam(lambda x: torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)), nn.Linear(16, 10)))
form("pool-mean-20", "pools", "the mean of 20 x 20", lambda: nn.Sequential(unit(3, 8), head(8)), (3, 20, 20))
form("pool-rows", "pools", "the mean of the rows, then of the columns", lambda: nn.Sequential(unit(3, 8), lam(lambda x: x.mean(2).mean(2)), nn.Linear(8, 10)), (3, 12, 10))

# Large windows.
form("wide-80", "large kernels", "M5: a kernel of 80, stride 4",
     lambda: nn.Sequential(nn.Conv1d(1, 16, 80, 4), nn.BatchNorm1d(16), relu(), nn.MaxPool1d(4), nn.Conv1d(16, 16, 3), nn.BatchNorm1d(16), relu(), Last1d(16)),
     (1, 1, 400))
for kernel in (16, 31, 64):
    form(f"wide-{kernel}", "large kernels", f"a kernel of {kernel} in one dimension, padded",
         lambda kernel=kernel: nn.Sequential(nn.Conv1d(3, 8, kernel, 2, kernel // 2), nn.BatchNorm1d(8), relu(), nn.Conv1d(8, 8, 5), relu(), Last1d(8)), (3, 1, 128))
form("wide-depthwise", "large kernels", "a depthwise kernel of 1 x 32",
     lambda: nn.Sequential(conv(1, 8, (1, 3)), relu(), conv(8, 8, (1, 32), padding=(0, 16), groups=8), nn.BatchNorm2d(8), relu(), nn.AvgPool2d((1, 4)), conv(8, 8, (4, 1), padding=0), relu(), head(8, 4)),
     (1, 4, 64))
form("patch-16", "large kernels", "patches of 16 x 16", lambda: nn.Sequential(conv(3, 24, 16, 16, 0), relu(), conv(24, 16, 1), relu(), head(16)), (3, 48, 48))
form("patch-8", "large kernels", "patches of 8 x 8", lambda: nn.Sequential(conv(3, 16, 8, 8, 0), relu(), head(16)), (3, 32, 32))
form("whole-10", "large kernels", "a kernel of the whole map, 10 x 10", lambda: nn.Sequential(unit(3, 8), conv(8, 16, 10, padding=0), relu(), conv(16, 10, 1), nn.Flatten()), (3, 10, 10))
form("whole-20", "large kernels", "a kernel of the whole map, 20 x 20", lambda: nn.Sequential(unit(1, 4), conv(4, 8, 20, padding=0), relu(), nn.Flatten(), nn.Linear(8, 5)), (1, 20, 20))
form("conv-21", "large kernels", "a kernel of 21 x 21, padded", lambda: nn.Sequential(conv(1, 4, 21), relu(), head(4, 5)), (1, 24, 24))

# Dilation and padding.
for side in (2, 3, 4):
    form(f"dilated-{side}", "dilation", f"dilation of {side}", lambda side=side: nn.Sequential(unit(3, 8), conv(8, 8, 3, padding=side, dilation=side), relu(), head(8)))
form("dilated-depthwise", "dilation", "a dilated depthwise convolution", lambda: nn.Sequential(unit(3, 8), conv(8, 8, 3, padding=2, dilation=2, groups=8), relu(), unit(8, 12, 1), head(12)))
form("dilated-uneven", "dilation", "dilation of 1 x 3", lambda: nn.Sequential(unit(3, 8), conv(8, 8, (3, 3), padding=(1, 3), dilation=(1, 3)), relu(), head(8)))
form("dilated-stride", "dilation", "dilation and stride", lambda: nn.Sequential(conv(3, 8, 3, 2, 2, dilation=2), relu(), head(8)))
form("dilated-line", "dilation", "dilations of 1 to 16 in one dimension",
     lambda: nn.Sequential(*[part for d in (1, 2, 4, 8, 16) for part in (nn.Conv1d(4 if d == 1 else 8, 8, 3, padding=d, dilation=d), relu())], Last1d(8)), (4, 1, 64))
form("padding-kernel", "padding", "padding as wide as the kernel", lambda: nn.Sequential(conv(3, 8, 3, padding=3), relu(), conv(8, 8, 3, 2, 2), relu(), head(8)), (3, 12, 12))
form("padding-wider", "padding", "padding wider than the kernel", lambda: nn.Sequential(conv(3, 8, 3, padding=4), relu(), head(8)), (3, 10, 10))
form("padding-one", "padding", "padding around a kernel of 1", lambda: nn.Sequential(conv(3, 8, 1, padding=1), relu(), head(8)), (3, 10, 10))
form("padding-rows", "padding", "padding of rows alone", lambda: nn.Sequential(conv(3, 8, 3, padding=(1, 0)), relu(), conv(8, 8, (5, 1), padding=(2, 0)), relu(), head(8)))
form("padding-narrow", "padding", "a map of one position, padded", lambda: nn.Sequential(conv(3, 8, 3, padding=1), relu(), nn.Flatten(), nn.Linear(8, 4)), (3, 1, 1))
form("padding-mean", "padding", "a mean taken away before padding", lambda: nn.Sequential(unit(3, 8, 5, 2), unit(8, 12), head(12)),
     options={"scale": 1.0, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "bgr": True})
