"""More small PyTorch modules: arithmetic, parts of channels, batches, element types, opsets."""

from torch_base import F, conv, head, nn, torch, unit
from torch_forms import Last1d, form, lam

relu = nn.ReLU

# Limits, sums, and arithmetic with constants.


def between(name, tests, function, **more):
    form(f"math-{name}", "arithmetic", tests, lambda: nn.Sequential(conv(3, 8), lam(function), conv(8, 8), relu(), head(8)), **more)


between("clamp", "limits of 0 and 6 by clamp", lambda x: x.clamp(0, 6))
between("clamp-low", "a lower limit alone", lambda x: x.clamp(min=0))
between("minimum", "Min of a constant, then Max", lambda x: torch.maximum(torch.minimum(x, torch.tensor(1.5)), torch.tensor(0.0)))
between("maximum", "Max of a constant, then Min, constants first", lambda x: torch.minimum(torch.tensor(2.0), torch.maximum(torch.tensor(0.0), x)))
between("relu-minimum", "Relu, then Min", lambda x: torch.minimum(F.relu(x), torch.tensor(1.0)))
between("limits-around", "limits of -1 and 1", lambda x: F.hardtanh(x), expect="either", refused=["Clip"])
between("limits-above", "limits of 0.25 and 2", lambda x: x.clamp(0.25, 2.0), expect="either", refused=["Clip"])
between("where", "Where with the map's own sign", lambda x: torch.where(x > 0, x, torch.zeros(())), expect="either", refused=["Where", "Greater"])
between("sqrt", "division by the root of a constant", lambda x: F.relu(x / torch.sqrt(torch.tensor(3.0))))
between("double", "a map added to itself", lambda x: F.relu(x + x))
between("scaled", "a map times a number, plus a number", lambda x: F.relu(x * 0.7 + 0.3))
between("from-one", "one minus a map", lambda x: F.relu(1.0 - x))
between("negated", "a map negated", lambda x: F.relu(-x))
between("leaky", "leaky ReLU", lambda x: F.leaky_relu(x, 0.1))
between("abs", "absolute values, by two ReLUs", lambda x: F.relu(x) + F.relu(-x))
between("prelu-parts", "PReLU as Keras writes it", lambda x: F.relu(x) - 0.25 * F.relu(-x))
between("concatenated", "CReLU", lambda x: torch.cat([F.relu(x), F.relu(-x)], 1)[:, :8])


class Buffers(nn.Module):
    """Normalisation that the model does itself."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("variance", torch.tensor([0.05, 0.06, 0.04]).view(1, 3, 1, 1))
        self.body = nn.Sequential(unit(3, 8, 3, 2), head(8))

    def forward(self, x):
        if self.kind == "expand":
            x = (x - self.mean.expand(1, 3, 16, 16)) / self.variance.sqrt()
        elif self.kind == "stack":
            x = torch.stack([(x[:, c] - 0.4) / 0.2 for c in range(3)], 1)
        elif self.kind == "byte":
            x = (x.float() / 255 - self.mean) / self.variance.sqrt()
        elif self.kind == "around":
            x = x * 2 - 1
        else:
            x = (x - self.mean) * self.variance.rsqrt()
        return self.body(x)


form("math-normalised", "arithmetic", "the model takes the mean away itself", lambda: Buffers("plain"))
form("math-expand", "arithmetic", "the mean expanded to the map", lambda: Buffers("expand"))
form("math-around", "arithmetic", "x * 2 - 1 on a padded input", lambda: Buffers("around"))
form("math-stack", "arithmetic", "channels normalised one by one and stacked", lambda: Buffers("stack"), expect="either", refused=["Gather", "Unsqueeze", "Concat"])
form("math-sum", "arithmetic", "ReduceSum over the map", lambda: nn.Sequential(unit(3, 8), lam(lambda x: x.sum((2, 3)) / 50), nn.Linear(8, 10)))
form("math-mean-channels", "arithmetic", "the mean over channels", lambda: nn.Sequential(unit(3, 8), unit(8, 8), lam(lambda x: x.mean(1, keepdim=True)), nn.Flatten(), nn.Linear(100, 10)), (3, 10, 10))
form("math-sum-channels", "arithmetic", "the sum over channels", lambda: nn.Sequential(unit(3, 8), lam(lambda x: x.sum(1)), nn.Flatten(), nn.Linear(64, 10)), (3, 8, 8))
form("math-max-channels", "arithmetic", "the largest over channels", lambda: nn.Sequential(unit(3, 8), lam(lambda x: x.amax(1)), nn.Flatten(), nn.Linear(64, 10)), (3, 8, 8), expect="either", refused=["ReduceMax"])
form("math-bn-flat", "arithmetic", "BatchNorm1d behind Flatten", lambda: nn.Sequential(unit(3, 6, 3, 2), nn.Flatten(), nn.BatchNorm1d(384), nn.Linear(384, 10)))
form("math-bn-relu-flat", "arithmetic", "BatchNorm1d and ReLU behind Flatten", lambda: nn.Sequential(conv(3, 6, 3, 2), nn.Flatten(), nn.BatchNorm1d(384), relu(), nn.Linear(384, 10)))
form("math-bn-fc", "arithmetic", "BatchNorm1d between fully connected layers", lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 24), nn.BatchNorm1d(24), relu(), nn.Linear(24, 16), nn.BatchNorm1d(16), nn.PReLU(16), nn.Linear(16, 4)), (3, 8, 8))
form("math-bn-first", "arithmetic", "BatchNorm2d before the first convolution, which pads", lambda: nn.Sequential(nn.BatchNorm2d(3), unit(3, 8), head(8)))
form("math-bn-after-relu", "arithmetic", "ReLU before BatchNorm2d, then a padded convolution", lambda: nn.Sequential(conv(3, 8), relu(), nn.BatchNorm2d(8), conv(8, 8), relu(), nn.BatchNorm2d(8), head(8)))
form("math-bn-pool", "arithmetic", "BatchNorm2d behind a pool", lambda: nn.Sequential(conv(3, 8), relu(), nn.MaxPool2d(2), nn.BatchNorm2d(8), head(8)))
form("math-prelu", "arithmetic", "PReLU, one and one a channel", lambda: nn.Sequential(conv(3, 8), nn.PReLU(), conv(8, 8), nn.PReLU(8), head(8)))
form("math-affine", "arithmetic", "a scale and a shift of each channel", lambda: Affine())
form("math-fc-nobias", "arithmetic", "fully connected layers without biases", lambda: nn.Sequential(nn.Flatten(), nn.Linear(256, 16, bias=False), relu(), nn.Linear(16, 10, bias=False)), (1, 16, 16))
form("math-mean-all", "arithmetic", "one number: the mean of all", lambda: nn.Sequential(unit(3, 8), lam(lambda x: x.mean((1, 2, 3), keepdim=True).flatten(1))), expect="either", refused=["ReduceMean"])


class Affine(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.last = conv(3, 8), head(8)
        self.scale = nn.Parameter(torch.rand(1, 8, 1, 1) + 0.5)
        self.shift = nn.Parameter(torch.randn(8, 1, 1) * 0.2)

    def forward(self, x):
        return self.last(F.relu(self.conv(x) * self.scale + self.shift))


# Parts of channels.


class Parts(nn.Module):
    def __init__(self, cut, width=16, joined=16, each=None):
        super().__init__()
        self.cut = cut
        self.stem = unit(3, width)
        sizes = each or [width // 2, width // 2]
        self.branches = nn.ModuleList([unit(size, size) for size in sizes])
        self.last = head(joined)

    def forward(self, x):
        parts = self.cut(self.stem(x))
        return self.last(torch.cat([branch(part) for branch, part in zip(self.branches, parts)], 1))


class HalfKept(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.branch, self.last = unit(3, 16), nn.Sequential(unit(8, 8, 1), unit(8, 8, 3, 1, 1, 8, None), unit(8, 8, 1)), head(16)

    def forward(self, x):
        kept, changed = self.stem(x).chunk(2, 1)
        x = torch.cat([kept, self.branch(changed)], 1)
        b, c, h, w = x.shape
        return self.last(x.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w))


class Added(nn.Module):
    """CSP and Res2Net: a part is added to another."""

    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b, self.last = unit(3, 16), unit(8, 8), unit(8, 8), head(16)

    def forward(self, x):
        x = self.stem(x)
        first, second = x[:, :8], x[:, 8:]
        a = self.a(first)
        return self.last(torch.cat([a, self.b(a + second)], 1))


form("split-chunk", "parts", "chunk in two", lambda: Parts(lambda x: x.chunk(2, 1)))
form("split-sizes", "parts", "split in uneven parts", lambda: Parts(lambda x: x.split([4, 12], 1), each=[4, 12]))
form("split-four", "parts", "split in four", lambda: Parts(lambda x: x.split(4, 1), each=[4] * 4))
form("split-slice", "parts", "slices of channels", lambda: Parts(lambda x: (x[:, :8], x[:, 8:])))
form("split-stride", "parts", "every second channel", lambda: Parts(lambda x: (x[:, ::2], x[:, 1::2])))
form("split-one", "parts", "only one part is used", lambda: Parts(lambda x: (x[:, 4:12],), joined=8, each=[8]))
form("split-index", "parts", "channels by a list of indices", lambda: Parts(lambda x: (x[:, [3, 1, 0, 7, 9, 2, 5, 4]],), joined=8, each=[8]))
form("split-shuffle", "parts", "the unit of ShuffleNet v2", HalfKept)
form("split-added", "parts", "a part added to another", Added)
form("split-input", "parts", "the channels of the image apart", lambda: SplitInput())
form("split-flip", "parts", "the channels of the image in reverse", lambda: nn.Sequential(lam(lambda x: x[:, [2, 1, 0]]), unit(3, 8), head(8)))
form("split-crop", "parts", "a border cut away", lambda: nn.Sequential(unit(3, 8), lam(lambda x: x[:, :, 1:-1, 1:-1]), unit(8, 8), head(8)), expect="either", refused=["Slice"])
form("split-last-step", "parts", "the last position of a line", lambda: nn.Sequential(nn.Conv1d(4, 8, 3), relu(), lam(lambda x: x[:, :, -1]), nn.Linear(8, 3)), (4, 1, 24), expect="either", refused=["Slice", "Gather"])
form("split-features", "parts", "halves of a vector", lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 16), relu(), lam(lambda x: x[:, :8] + x[:, 8:]), nn.Linear(8, 4)), (1, 8, 8))


class SplitInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.each, self.last = nn.ModuleList([unit(1, 4) for _ in range(3)]), head(12)

    def forward(self, x):
        return self.last(torch.cat([each(x[:, at:at + 1]) for at, each in enumerate(self.each)], 1))


# Batches, element types, layouts.
small = lambda: nn.Sequential(unit(3, 8, 3, 2), unit(8, 12, 3, 2), head(12))
for batch in (4, 8):
    form(f"batch-{batch}", "batch", f"a batch of {batch} written into the file", small, batch=batch)
form("batch-fc", "batch", "a batch of 4, flattened", lambda: nn.Sequential(unit(1, 4, 3, 2), nn.Flatten(), nn.Linear(256, 10)), (1, 16, 16), batch=4)
form("batch-view", "batch", "a batch of 4 in a view of numbers", lambda: nn.Sequential(unit(1, 4, 3, 2), lam(lambda x: x.view(4, 256)), nn.Linear(256, 10)), (1, 16, 16), batch=4)
form("batch-softmax", "batch", "a batch of 8 with Softmax", lambda: nn.Sequential(small(), nn.Softmax(1)), batch=8)
form("batch-mixed", "batch", "a batch of 4 whose images are mixed", lambda: nn.Sequential(small(), lam(lambda x: x - x.mean(0, keepdim=True))), batch=4, refused=["ReduceMean", "batch", "mean"])
form("batch-symbolic", "batch", "a batch of any size", small, dynamic=True)
form("batch-symbolic-view", "batch", "view(x.size(0), -1) with a batch of any size", lambda: nn.Sequential(unit(1, 4, 3, 2), lam(lambda x: x.view(x.size(0), -1)), nn.Linear(256, 10)), (1, 16, 16), dynamic=True)
form("input-uint8", "input", "bytes, divided by 255 in the model", lambda: nn.Sequential(lam(lambda x: x.float() / 255), small()), element="uint8")
form("input-uint8-plain", "input", "bytes as they are", lambda: nn.Sequential(lam(lambda x: x.float()), nn.BatchNorm2d(3), small()), element="uint8")
form("input-uint8-normalised", "input", "bytes, normalised in the model", lambda: Buffers("byte"), element="uint8")
form("input-uint8-last", "input", "bytes, channels last", lambda: nn.Sequential(lam(lambda x: x.permute(0, 3, 1, 2).float() / 255), small()), layout="nhwc", element="uint8")
form("input-int8", "input", "signed bytes: the byte less 128", lambda: nn.Sequential(lam(lambda x: x.float() / 128), unit(3, 8, 3, 2), head(8)), element="int8")
form("input-last", "input", "channels last", lambda: nn.Sequential(lam(lambda x: x.permute(0, 3, 1, 2)), small()), layout="nhwc")
form("input-last-wide", "input", "channels last, four of them, the shape is given", lambda: nn.Sequential(lam(lambda x: x.permute(0, 3, 1, 2)), unit(4, 8), head(8)), (4, 12, 12), layout="nhwc", options={"shape": "4x12x12"})
form("input-flat", "input", "a flat input, seen as an image", lambda: nn.Sequential(lam(lambda x: x.view(-1, 1, 16, 16)), unit(1, 8), head(8)), (1, 16, 16), layout="flat", options={"shape": "1x16x16"})
form("input-grey", "input", "an image without a side of channels", lambda: nn.Sequential(lam(lambda x: x.unsqueeze(1)), unit(1, 8), head(8)), (1, 16, 16), layout="nhw")
form("input-byte-range", "input", "floats from 0 to 255", lambda: nn.Sequential(lam(lambda x: x / 255), small()), options={"scale": 1.0})
form("input-line-last", "input", "a line with channels last", lambda: nn.Sequential(lam(lambda x: x.permute(0, 2, 1)), nn.Conv1d(6, 8, 5), relu(), Last1d(8)), (6, 1, 40), layout="nlc")


for opset in (9, 11, 13, 15, 17):
    form(f"opset-{opset}", "opsets", f"opset {opset}", lambda: nn.Sequential(unit(3, 8, 3, 2, act=nn.ReLU6), lam(lambda x: F.pad(x, (1, 1, 1, 1))), unit(8, 12, 3, 2, 0), nn.Dropout(), head(12), nn.Softmax(1)), exporters="s", opset=opset)
for opset in (18, 20, 21, 23):
    form(f"opset-{opset}", "opsets", f"opset {opset}", lambda: nn.Sequential(unit(3, 8, 3, 2, act=nn.ReLU6), lam(lambda x: F.pad(x, (1, 1, 1, 1))), unit(8, 12, 3, 2, 0), nn.Dropout(), head(12), nn.Softmax(1)), exporters="d", opset=opset)
