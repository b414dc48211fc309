#!/usr/bin/env python3
"""Keeps a few small cases for the tests that run everywhere: the model, and its description with two inputs and their outputs.

Usage: fixtures.py CASES FOLDER; `scripts/import_cases --fixtures` calls it in the environment of requirements-torch.txt.
"""

import json
import pathlib
import sys

import numpy as np

KEPT = 2
MOST_BYTES = 15_000
NAMES = """
torch-pad-uneven-stride-script torch-pad-causal-dynamo torch-end-log-softmax-dynamo torch-end-argmax-script
torch-pool-uncounted-script torch-pool-ceil-dynamo torch-pool-max-whole-script torch-wide-31-script torch-dilated-2-dynamo
torch-padding-kernel-script torch-split-shuffle-script torch-batch-4-dynamo torch-input-uint8-script torch-not-gelu-dynamo
torch-not-hardswish-script keras-prelu-dense keras-causal tflite-average-same-float tflite-separable-int8 tflite-prelu-dense-int8
ort-limits-qdq-channel ort-line-qdq ort-softmax-qop brevitas-depthwise-4-4-channel-qonnx
brevitas-depthwise-4-4-channel-qcdq sklearn-mlp-10 sklearn-logistic-2-zipmap paddle-padded jax-functions
""".split()


def main():
    cases, folder = (pathlib.Path(word) for word in sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name in NAMES:
        (path,) = cases.glob(f"*/{name}.json")
        about = json.loads(path.read_text())
        model = path.with_name(about["file"]).read_bytes()
        if len(model) > MOST_BYTES:
            sys.exit(f"{name}: {len(model)} bytes, at most {MOST_BYTES} are kept")
        arrays = {}
        for key in ("inputs", "float", "open"):
            array = path.with_name(f"{name}.{key}.npy")
            if array.is_file():
                values = np.load(array)[:KEPT].reshape(KEPT, -1)
                arrays[key] = values.tolist() if key == "inputs" else [[float(f"{x:.8g}") for x in row] for row in values]
        about["arrays"] = arrays
        (folder / about["file"]).write_bytes(model)
        (folder / f"{name}.json").write_text(json.dumps(about) + "\n")
        print(name, len(model))


main()
