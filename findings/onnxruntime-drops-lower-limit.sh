#!/usr/bin/env bash
# onnxruntime's static quantisation loses a lower limit above zero.
#
# quantize_static removes a Clip (and a Relu) whose output is quantised, since the quantiser's range clips too. The range of
# the quantiser always holds 0, so a Clip from 0.25 to 2 becomes limits of 0 and 2: what was at least 0.25 may now be 0.
# The float model and the quantised one then compute different functions; this is no rounding.
#
# Versions: onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.
# Seen:     nodes of the quantised model: Conv DequantizeLinear QuantizeLinear
#           float [0.25 0.25 0.25 1.   2.  ]
#           int8  [0.   0.   0.09 1.   2.  ]
# Means:    an importer cannot find the lower limit in such a file, and must take the range of the quantiser as it is. Whoever
#           quantises should leave Clip from above 0 out of the quantised operators (nodes_to_exclude) or add a constant instead.
# Status 1 if something else is seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

nodes = [
    helper.make_node("Conv", ["x", "one"], ["a"]),
    helper.make_node("Clip", ["a", "low", "high"], ["b"]),
    helper.make_node("Conv", ["b", "one"], ["y"]),
]
constants = [
    helper.make_tensor("one", TensorProto.FLOAT, [1, 1, 1, 1], [1.0]),
    helper.make_tensor("low", TensorProto.FLOAT, [], [0.25]),
    helper.make_tensor("high", TensorProto.FLOAT, [], [2.0]),
]
sides = [1, 1, 1, 5]
graph = helper.make_graph(
    nodes, "limits", [helper.make_tensor_value_info("x", TensorProto.FLOAT, sides)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, sides)], constants)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "float.onnx")
image = np.array([-1.0, 0.0, 0.1, 1.0, 3.0], np.float32).reshape(sides)


class Reader(CalibrationDataReader):
    left = [{"x": image}]

    def get_next(self):
        return self.left.pop() if self.left else None


quantize_static("float.onnx", "int8.onnx", Reader(), quant_format=QuantFormat.QDQ)


def run(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": image})[0].ravel()


kinds = {node.op_type for node in onnx.load("int8.onnx").graph.node}
before, after = run("float.onnx"), run("int8.onnx")
print("nodes of the quantised model:", *sorted(kinds))
print("float", before.round(2))
print("int8 ", after.round(2))
lost = "Clip" not in kinds and before.min() == 0.25 and after.min() < 0.02
print("the lower limit is lost" if lost else "CHANGED: the lower limit is kept")
sys.exit(0 if lost else 1)
END
