"""Common architectures in small, as PyTorch modules."""

from torch_base import F, conv, head, nn, torch, unit
from torch_forms import Last1d, form, lam

relu = nn.ReLU


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride=1, groups=1, first=False):
        super().__init__()
        self.first = first
        if first:
            self.body = nn.Sequential(nn.BatchNorm2d(inputs), relu(), conv(inputs, outputs, 3, stride, bias=False), nn.BatchNorm2d(outputs), relu(), conv(outputs, outputs, bias=False))
        else:
            self.body = nn.Sequential(unit(inputs, outputs, 3, stride), unit(outputs, outputs, groups=groups, act=None))
        same = inputs == outputs and stride == 1
        self.short = nn.Identity() if same else (conv(inputs, outputs, 1, stride) if first else unit(inputs, outputs, 1, stride, act=None))

    def forward(self, x):
        y = self.body(x) + self.short(x)
        return y if self.first else F.relu(y)


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, expand):
        super().__init__()
        hidden = inputs * expand
        self.body = nn.Sequential(unit(inputs, hidden, 1, act=nn.ReLU6), unit(hidden, hidden, 3, stride, None, hidden, nn.ReLU6), unit(hidden, outputs, 1, act=None))
        self.add = inputs == outputs and stride == 1

    def forward(self, x):
        return x + self.body(x) if self.add else self.body(x)


class Fire(nn.Module):
    def __init__(self, inputs, squeeze, expand):
        super().__init__()
        self.squeeze, self.a, self.b = conv(inputs, squeeze, 1), conv(squeeze, expand, 1), conv(squeeze, expand, 3)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.a(x)), F.relu(self.b(x))], 1)


class DenseLayer(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm2d(inputs), relu(), conv(inputs, growth * 2, 1, bias=False), nn.BatchNorm2d(growth * 2), relu(), conv(growth * 2, growth, bias=False))

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


class Mixed(nn.Module):
    """An Inception block; `pool` is its branch that pools."""

    def __init__(self, inputs, pool):
        super().__init__()
        self.a, self.b = unit(inputs, 4, 1), nn.Sequential(unit(inputs, 4, 1), unit(4, 6, 3))
        self.c = nn.Sequential(unit(inputs, 2, 1), unit(2, 4, (1, 5)), unit(4, 4, (5, 1)))
        self.d = nn.Sequential(pool, unit(inputs, 4, 1))

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x), self.c(x), self.d(x)], 1)


def shuffled(x, groups):
    b, c, h, w = x.shape
    return x.view(b, groups, c // groups, h, w).transpose(1, 2).contiguous().view(b, c, h, w)


class ShuffleOne(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.a, self.b, self.c = unit(channels, channels, 1, groups=2), unit(channels, channels, 3, 1, 1, channels, None), unit(channels, channels, 1, groups=2, act=None)

    def forward(self, x):
        return F.relu(x + self.c(self.b(shuffled(self.a(x), 2))))


class ShuffleDown(nn.Module):
    def __init__(self, inputs, half):
        super().__init__()
        self.a = nn.Sequential(unit(inputs, inputs, 3, 2, 1, inputs, None), unit(inputs, half, 1))
        self.b = nn.Sequential(unit(inputs, half, 1), unit(half, half, 3, 2, 1, half, None), unit(half, half, 1))

    def forward(self, x):
        return shuffled(torch.cat([self.a(x), self.b(x)], 1), 2)


class ShuffleTwo(nn.Module):
    def __init__(self, half):
        super().__init__()
        self.b = nn.Sequential(unit(half, half, 1), unit(half, half, 3, 1, 1, half, None), unit(half, half, 1))

    def forward(self, x):
        kept, changed = x.chunk(2, 1)
        return shuffled(torch.cat([kept, self.b(changed)], 1), 2)


class Temporal(nn.Module):
    """A block of a temporal convolutional network: padded on both sides, then cut."""

    def __init__(self, inputs, outputs, dilation):
        super().__init__()
        size = 2 * dilation
        self.a, self.b = nn.Conv1d(inputs, outputs, 3, padding=size, dilation=dilation), nn.Conv1d(outputs, outputs, 3, padding=size, dilation=dilation)
        self.short = nn.Conv1d(inputs, outputs, 1)
        self.size = size

    def forward(self, x):
        y = F.relu(self.a(x)[:, :, :-self.size])
        return F.relu(F.relu(self.b(y)[:, :, :-self.size]) + self.short(x))


class Repeated(nn.Module):
    """RepVGG: three branches of one block."""

    def __init__(self, channels):
        super().__init__()
        self.a, self.b, self.c = unit(channels, channels, act=None), unit(channels, channels, 1, act=None), nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(self.a(x) + self.b(x) + self.c(x))


class Ghost(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.a, self.b = unit(inputs, outputs // 2, 1), unit(outputs // 2, outputs // 2, 3, 1, 1, outputs // 2)

    def forward(self, x):
        x = self.a(x)
        return torch.cat([x, self.b(x)], 1)


class Mixer(nn.Module):
    """A mixer with ReLU and batch norm."""

    def __init__(self):
        super().__init__()
        self.patch = conv(3, 12, 4, 4, 0)
        self.tokens, self.channels = nn.Sequential(nn.Linear(16, 12), relu(), nn.Linear(12, 16)), nn.Sequential(nn.Linear(12, 24), relu(), nn.Linear(24, 12))
        self.last = nn.Linear(12, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2)
        x = x + self.tokens(x)
        x = x.transpose(1, 2)
        x = x + self.channels(x)
        return self.last(x.mean(1))


class ConvMixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, 4, 4, 0), relu(), nn.BatchNorm2d(16))
        self.depth = nn.ModuleList([nn.Sequential(conv(16, 16, 5, groups=16), relu(), nn.BatchNorm2d(16)) for _ in range(2)])
        self.point = nn.ModuleList([nn.Sequential(conv(16, 16, 1), relu(), nn.BatchNorm2d(16)) for _ in range(2)])
        self.last = head(16)

    def forward(self, x):
        x = self.stem(x)
        for depth, point in zip(self.depth, self.point):
            x = point(x + depth(x))
        return self.last(x)


def vgg():
    first = [unit(3, 8), unit(8, 8), nn.MaxPool2d(2), unit(8, 16), unit(16, 16), nn.MaxPool2d(2)]
    return nn.Sequential(*first, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(144, 32), relu(), nn.Dropout(), nn.Linear(32, 10))


def net(name, tests, module, shape=(3, 24, 24), **more):
    form(f"net-{name}", "architectures", tests, module, shape, **more)


average = lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False)
net("lenet", "LeNet 5 with ReLU", lambda: nn.Sequential(conv(1, 6, 5, padding=0), relu(), nn.MaxPool2d(2), conv(6, 16, 5, padding=0), relu(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 60), relu(), nn.Linear(60, 42), relu(), nn.Linear(42, 10)), (1, 28, 28))
net("vgg", "VGG with batch norm", vgg)
net("alexnet", "AlexNet", lambda: nn.Sequential(conv(3, 12, 11, 4, 2), relu(), nn.MaxPool2d(3, 2), conv(12, 24, 5), relu(), conv(24, 16, 3), relu(), nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Dropout(), nn.Linear(784, 32), relu(), nn.Linear(32, 10)), (3, 64, 64))
net("nin", "network in network", lambda: nn.Sequential(conv(3, 12, 5), relu(), conv(12, 8, 1), relu(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(), conv(8, 12), relu(), conv(12, 10, 1), relu(), nn.AvgPool2d(12), nn.Flatten()))
net("all-conv", "convolutions alone", lambda: nn.Sequential(conv(3, 8), relu(), conv(8, 8, 3, 2), relu(), conv(8, 16), relu(), conv(16, 16, 3, 2), relu(), conv(16, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
net("resnet", "ResNet", lambda: nn.Sequential(unit(3, 8), Residual(8, 8), Residual(8, 16, 2), Residual(16, 16), head(16)))
net("resnet-stem", "ResNet with the large stem", lambda: nn.Sequential(unit(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1), Residual(8, 8), Residual(8, 16, 2), head(16)), (3, 32, 32), options={"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]})
net("preact", "ResNet v2", lambda: nn.Sequential(conv(3, 8), Residual(8, 8, first=True), Residual(8, 16, 2, first=True), nn.BatchNorm2d(16), relu(), head(16)))
net("resnext", "ResNeXt", lambda: nn.Sequential(unit(3, 16), Residual(16, 16, groups=4), Residual(16, 24, 2, 4), head(24)))
net("resnet-line", "ResNet in one dimension", lambda: nn.Sequential(Line(), Last1d(12)), (3, 1, 96))
net("mobilenet", "MobileNet v1", lambda: nn.Sequential(unit(3, 8, 3, 2, act=nn.ReLU6), unit(8, 8, 3, 1, 1, 8, nn.ReLU6), unit(8, 16, 1, act=nn.ReLU6), unit(16, 16, 3, 2, 1, 16, nn.ReLU6), unit(16, 24, 1, act=nn.ReLU6), head(24)))
net("mobilenet-v2", "MobileNet v2", lambda: nn.Sequential(unit(3, 8, 3, 2, act=nn.ReLU6), Inverted(8, 8, 1, 3), Inverted(8, 12, 2, 3), Inverted(12, 12, 1, 3), unit(12, 24, 1, act=nn.ReLU6), head(24)))
net("squeezenet", "SqueezeNet", lambda: nn.Sequential(conv(3, 12, 3, 2, 0), relu(), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(12, 4, 8), Fire(16, 4, 8), nn.Dropout(), conv(16, 10, 1), relu(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
net("densenet", "DenseNet", lambda: nn.Sequential(conv(3, 8), DenseLayer(8, 4), DenseLayer(12, 4), nn.BatchNorm2d(16), relu(), conv(16, 8, 1), nn.AvgPool2d(2), DenseLayer(8, 4), nn.BatchNorm2d(12), relu(), head(12)))
net("inception-max", "Inception with maxima", lambda: nn.Sequential(unit(3, 8, 3, 2), Mixed(8, nn.MaxPool2d(3, 1, 1)), Mixed(18, nn.MaxPool2d(3, 1, 1)), head(18)))
net("inception-mean", "Inception v3 with means that leave padding out", lambda: nn.Sequential(unit(3, 8, 3, 2), Mixed(8, average()), Mixed(18, average()), head(18)))
net("shufflenet", "ShuffleNet v1", lambda: nn.Sequential(unit(3, 12, 3, 2), ShuffleOne(12), ShuffleOne(12), head(12)))
net("shufflenet-v2", "ShuffleNet v2", lambda: nn.Sequential(unit(3, 8, 3, 2), ShuffleDown(8, 8), ShuffleTwo(8), ShuffleTwo(8), unit(16, 24, 1), head(24)))
net("tcn", "a temporal convolutional network that cuts its padding off", lambda: nn.Sequential(Temporal(4, 8, 1), Temporal(8, 8, 2), Temporal(8, 8, 4), Last1d(8)), (4, 1, 32))
net("repvgg", "RepVGG", lambda: nn.Sequential(unit(3, 12, 3, 2), Repeated(12), Repeated(12), head(12)))
net("ghost", "GhostNet", lambda: nn.Sequential(unit(3, 8, 3, 2), Ghost(8, 16), Ghost(16, 16), head(16)))
net("autoencoder", "the autoencoder of MLPerf Tiny in small", lambda: nn.Sequential(*[part for a, b in [(128, 32), (32, 32), (32, 8), (8, 32), (32, 32)] for part in (nn.Linear(a, b), nn.BatchNorm1d(b), relu())], nn.Linear(32, 128)), (1, 1, 128), layout="flat")
net("ds-cnn", "DS-CNN for key words", lambda: nn.Sequential(unit(1, 16, (10, 4), 2, (4, 1)), *[part for _ in range(2) for part in (unit(16, 16, 3, 1, 1, 16), unit(16, 16, 1))], nn.Dropout(), head(16, 12)), (1, 49, 10))
net("mixer", "a mixer of tokens and channels", Mixer, (3, 16, 16), expect="either", refused=["MatMul", "Gemm"])
net("conv-mixer", "ConvMixer with ReLU", ConvMixer, (3, 32, 32))
net("perceptron", "a perceptron with batch norm and dropout", lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.BatchNorm1d(32), relu(), nn.Dropout(), nn.Linear(32, 10)), (1, 28, 28), options={"mean": [0.1307], "std": [0.3081]})
net("eeg", "EEGNet with ReLU", lambda: nn.Sequential(conv(1, 4, (1, 32), padding=(0, 16), bias=False), nn.BatchNorm2d(4), conv(4, 8, (8, 1), padding=0, groups=4, bias=False), nn.BatchNorm2d(8), relu(), nn.AvgPool2d((1, 4)), conv(8, 8, (1, 16), padding=(0, 8), groups=8, bias=False), conv(8, 8, 1, bias=False), nn.BatchNorm2d(8), relu(), nn.AvgPool2d((1, 8)), nn.Flatten(), nn.Linear(16, 4)), (1, 8, 64))
net("training", "a model exported in training mode", lambda: nn.Sequential(unit(3, 8, 3, 2), nn.Dropout(0.3), nn.Flatten(), nn.Linear(512, 10)), (3, 16, 16), training=True)


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(3, 12, 7, 2, 3), nn.BatchNorm1d(12), relu(), nn.MaxPool1d(3, 2, 1))
        self.body = nn.Sequential(nn.Conv1d(12, 12, 3, padding=1), nn.BatchNorm1d(12), relu(), nn.Conv1d(12, 12, 3, padding=1), nn.BatchNorm1d(12))

    def forward(self, x):
        x = self.stem(x)
        return F.relu(x + self.body(x))


def library():
    """Networks of torchvision itself, as narrow as they can be told to be."""
    import torchvision.models as m

    size = (3, 48, 48)
    kept = {"exporters": "sd", "options": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
    net("tv-mobilenet-v2", "torchvision MobileNet v2, a quarter wide", lambda: m.MobileNetV2(num_classes=10, width_mult=0.25, inverted_residual_setting=[[1, 16, 1, 1], [4, 24, 2, 2], [4, 32, 1, 2]]), size, **kept)
    net("tv-shufflenet-v2", "torchvision ShuffleNet v2", lambda: m.ShuffleNetV2([2, 2, 2], [12, 16, 24, 32, 48], num_classes=10), size, **kept)
    net("tv-densenet", "torchvision DenseNet", lambda: m.DenseNet(8, (2, 2), 16, num_classes=10), size, **kept)
    net("tv-mnasnet", "torchvision MNASNet", lambda: m.MNASNet(0.25, num_classes=10), size, **kept)
    net("tv-mobilenet-v3", "torchvision MobileNet v3", lambda: m.mobilenet_v3_small(num_classes=10, width_mult=0.25), size, refused=["HardSwish", "HardSigmoid"], **kept)
    net("tv-resnet", "torchvision ResNet, narrow", narrow_resnet, size, **kept)


def narrow_resnet():
    from torchvision.models.resnet import BasicBlock, ResNet

    class Narrow(ResNet):
        def _make_layer(self, block, planes, *more, **named):
            return super()._make_layer(block, planes // 8, *more, **named)

    # The classifier of ResNet stands behind 512 channels; here there are 64.
    model = Narrow.__new__(Narrow)
    ResNet.__init__(model, BasicBlock, [1, 1, 1, 1], num_classes=10)
    model.fc = nn.Linear(64, 10)
    return model
