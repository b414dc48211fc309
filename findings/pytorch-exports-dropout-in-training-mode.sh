#!/usr/bin/env bash
# The exporter that torch.onnx.export takes by default writes the mode that a model happens to be in; the one before did not.
#
# Whoever forgets model.eval() got a file for inference from the TorchScript exporter, whose default is training=EVAL. The
# exporter through torch.export, the default now, keeps Dropout with training_mode true, says nothing, and runtimes obey: the
# same input gives other outputs at every call.
#
# Versions: torch 2.15.0, onnxscript 0.7.2, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11. PyTorch is a download of 3 GB.
# Seen (kinds of nodes, training_mode of each Dropout, whether two runs of one input differ):
#           default:      ['Gemm', 'Dropout'] [True] True
#           dynamo=False: ['Gemm'] [] False
# Means:    an importer for inference takes Dropout as the identity whatever its third input says, and warns; whoever exports must
#           call model.eval() before.
# Status 1 if something else is seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 onnxscript==0.7.2 onnx==1.23.2 onnxruntime==1.32.0 \
    numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

warnings.filterwarnings("ignore")
torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.Dropout(0.5))
model.train()
image = torch.rand(1, 4)


def look(path):
    """Kinds of nodes, whether Dropout trains, and whether two runs differ."""
    graph = onnx.load(path).graph
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    held |= {node.output[0]: numpy_helper.to_array(node.attribute[0].t) for node in graph.node if node.op_type == "Constant"}
    modes = [bool(held[node.input[2]]) for node in graph.node if node.op_type == "Dropout" and len(node.input) > 2]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    runs = [session.run(None, {session.get_inputs()[0].name: image.numpy()})[0] for _ in range(2)]
    return [node.op_type for node in graph.node if node.op_type != "Constant"], modes, not np.array_equal(*runs)


torch.onnx.export(model, (image,), "default.onnx", verbose=False)
torch.onnx.export(model, (image,), "script.onnx", dynamo=False)
now, before = look("default.onnx"), look("script.onnx")
print("default:     ", *now)
print("dynamo=False:", *before)
seen = now == (["Gemm", "Dropout"], [True], True) and before == (["Gemm"], [], False)
print("Dropout stays in training mode" if seen else "CHANGED: the exporters agree, or write something else")
sys.exit(0 if seen else 1)
END
