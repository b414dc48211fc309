#!/usr/bin/env python3
"""Cases of PyTorch's two exporters, and of onnxruntime's quantisation of what they write.

Runs in the environment of requirements-torch.txt; `scripts/import_cases` calls it.
"""

import argparse
import logging
import warnings

import common
import torch_forms
import torch_more  # noqa: F401
import torch_nets
import torch_refused  # noqa: F401
from torch_base import export, settle, torch

DIMS = {
    "nchw": lambda c, h, w: (c, h, w), "nhwc": lambda c, h, w: (h, w, c), "ncl": lambda c, h, w: (c, w),
    "nlc": lambda c, h, w: (w, c), "nhw": lambda c, h, w: (h, w), "flat": lambda c, h, w: (c * h * w,),
}
ELEMENTS = {"float32": torch.float32, "uint8": torch.uint8, "int8": torch.int8}


def layout_of(shape, more, module):
    if "layout" in more:
        return more["layout"]
    line = any(isinstance(part, torch.nn.Conv1d) for part in module.modules())
    return "ncl" if line else "nchw"


def between(element, options):
    """What byte 0 and byte 255 are to the model."""
    if element != "float32":
        return (0.0, 255.0) if element == "uint8" else (-128.0, 127.0)
    mean, std = options.get("mean", [0.0])[0], options.get("std", [1.0])[0]
    return -mean / std, (255 * options.get("scale", 1 / 255) - mean) / std


def make(suite, name, group, tests, module, shape, more):
    more = dict(more)
    exporters, opset = more.pop("exporters", "sd"), more.pop("opset", None)
    batch, dynamic = more.pop("batch", 1), more.pop("dynamic", False)
    names, training = more.pop("names", None), more.pop("training", False)
    element = more.get("element", "float32")
    if not any(suite.wants(f"torch-{name}-{exporter}") for exporter in ("script", "dynamo")):
        return
    torch.manual_seed(1)
    built = module()
    layout = layout_of(shape, more, built)
    dims = (batch, *DIMS[layout](*shape))
    model = settle(built, dims, len(name), between(element, more.get("options", {})))
    if training:
        # Dropout alone: batch norm in training mode is another network.
        model.train()
        [part.eval() for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    normalised = (lambda bytes_: bytes_.astype("int16") - 128) if element == "int8" else None
    for exporter, label in [("s", "script"), ("d", "dynamo")]:
        if exporter not in exporters:
            continue
        full = f"torch-{name}-{label}"

        def one():
            data = export(model, dims, exporter == "d", opset, ELEMENTS[element], dynamic, names, training)
            if training:
                model.eval()
                more["reference"] = export(model, dims, exporter == "d")
                model.train()
            suite.onnx(full, data, exporter=f"torch {label}", form=group, tests=tests, shape=shape,
                       **{**more, "layout": layout, "normalised": normalised})

        suite.guarded(full, one)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--only", action="append")
    parser.add_argument("--missing", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    torch_nets.library()
    suite = common.Suite(given.folder, [common.version(p) for p in ("torch", "onnx", "onnxscript", "onnxruntime")], given.only, given.missing)
    for name, group, tests, module, shape, more in torch_forms.ALL:
        make_guarded(suite, name, group, tests, module, shape, more)
    suite.close()


def make_guarded(suite, name, group, tests, module, shape, more):
    try:
        make(suite, name, group, tests, module, shape, more)
    except Exception as error:
        suite.failed.append((f"torch-{name}", f"{type(error).__name__}: {error}"))


main()
