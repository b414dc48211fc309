"""PyTorch modules that no layer can compute: each must be refused by the name of what is missing."""

from torch_base import F, conv, head, nn, torch, unit
from torch_forms import form, lam


def refused(name, tests, middle, words, shape=(3, 16, 16), after=None, **more):
    form(f"not-{name}", "to be refused", tests, lambda: nn.Sequential(unit(3, 8), middle(), after() if after else unit(8, 8), head(8)), shape, refused=words, **more)


refused("hardswish", "Hardswish", nn.Hardswish, ["HardSwish", "HardSigmoid"])
refused("hardsigmoid", "Hardsigmoid", nn.Hardsigmoid, ["HardSigmoid"])
refused("gelu", "GELU", nn.GELU, ["Gelu", "Erf"])
refused("gelu-tanh", "GELU by tanh", lambda: nn.GELU("tanh"), ["Gelu", "Tanh", "Pow", "Mul"])
refused("silu", "SiLU", nn.SiLU, ["Sigmoid", "Swish"])
refused("mish", "Mish", nn.Mish, ["Mish", "Softplus", "Tanh"])
refused("elu", "ELU", nn.ELU, ["Elu"])
refused("selu", "SELU", nn.SELU, ["Selu"])
refused("tanh", "Tanh", nn.Tanh, ["Tanh"])
refused("sigmoid", "Sigmoid between layers", nn.Sigmoid, ["Sigmoid"])
refused("softplus", "Softplus", nn.Softplus, ["Softplus"])
refused("transposed", "a transposed convolution", lambda: nn.ConvTranspose2d(8, 8, 2, 2), ["ConvTranspose"])
refused("upsample", "Upsample, nearest", lambda: nn.Upsample(scale_factor=2), ["Resize", "Upsample"])
refused("bilinear", "Upsample, bilinear", lambda: nn.Upsample(scale_factor=2, mode="bilinear"), ["Resize", "Upsample"])
refused("instance-norm", "InstanceNorm2d", lambda: nn.InstanceNorm2d(8), ["InstanceNormalization"])
refused("group-norm", "GroupNorm", lambda: nn.GroupNorm(2, 8), ["InstanceNormalization", "GroupNormalization"])
refused("lrn", "local response normalisation", lambda: nn.LocalResponseNorm(3), ["LRN", "Pow", "AveragePool", "Mul"])
refused("square", "a map times itself", lambda: lam(lambda x: x * x), ["Mul", "Pow"])
refused("reflected", "reflected padding", lambda: nn.ReflectionPad2d(1), ["Pad"])
refused("replicated", "replicated padding", lambda: nn.ReplicationPad2d(1), ["Pad"])
refused("exp", "exp of a map", lambda: lam(lambda x: torch.exp(-x)), ["Exp"])
refused("lp-pool", "LPPool2d", lambda: nn.LPPool2d(2, 2), ["LpPool", "Pow", "Abs", "Sign"])


class Excited(nn.Module):
    def __init__(self, gate):
        super().__init__()
        self.stem, self.last = unit(3, 8), head(8)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(8, 4, 1), nn.ReLU(), conv(4, 8, 1), gate)

    def forward(self, x):
        x = self.stem(x)
        return self.last(x * self.gate(x))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer, self.last = kind(6, 12, batch_first=True), nn.Linear(12, 4)

    def forward(self, x):
        return self.last(self.layer(x)[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.attention = conv(3, 16, 4, 4, 0), nn.MultiheadAttention(16, 2, batch_first=True)
        self.last = nn.Linear(16, 4)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        return self.last((x + self.attention(x, x, x, need_weights=False)[0]).mean(1))


class Upwards(nn.Module):
    """A small U-Net."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = unit(3, 8), unit(8, 12), unit(20, 8)
        self.last = conv(8, 3, 1)

    def forward(self, x):
        a = self.a(x)
        b = self.b(F.max_pool2d(a, 2))
        return self.last(self.c(torch.cat([a, F.interpolate(b, scale_factor=2)], 1)))


form("not-excited", "to be refused", "squeeze and excitation", lambda: Excited(nn.Sigmoid()), refused=["Sigmoid", "Mul"])
form("not-excited-hard", "to be refused", "squeeze and excitation, hard", lambda: Excited(nn.Hardsigmoid()), refused=["HardSigmoid", "Mul"])
form("not-lstm", "to be refused", "LSTM", lambda: Recurrent(nn.LSTM), (6, 1, 20), layout="nlc", refused=["LSTM"], exporters="s")
form("not-gru", "to be refused", "GRU", lambda: Recurrent(nn.GRU), (6, 1, 20), layout="nlc", refused=["GRU"], exporters="s")
form("not-attention", "to be refused", "attention", Attention, refused=["MatMul", "Attention", "Softmax"])
form("not-u-net", "to be refused", "a small U-Net", Upwards, refused=["Resize", "Upsample"])
form("not-layer-norm", "to be refused", "LayerNorm", lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 4)), (1, 8, 8), refused=["LayerNormalization", "ReduceMean", "Pow"])
form("not-line-gelu", "to be refused", "GELU in a network of one dimension", lambda: nn.Sequential(nn.Conv1d(3, 8, 5), nn.GELU(), nn.Conv1d(8, 8, 3), nn.Flatten(), nn.Linear(8 * 122, 4)), (3, 1, 128), refused=["Gelu", "Erf"])
form("not-pixel-shuffle", "to be refused", "PixelShuffle", lambda: nn.Sequential(unit(3, 8), nn.PixelShuffle(2), unit(2, 8), head(8)), (3, 8, 8), refused=["DepthToSpace"])
form("not-cosine", "to be refused", "cosine similarity at the end", lambda: nn.Sequential(unit(3, 8, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 6), lam(lambda x: F.normalize(x))), refused=["ReduceL2", "LpNormalization", "Abs", "Pow", "Norm"])
