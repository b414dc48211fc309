#!/usr/bin/env bash
# jax2onnx does not take flax's pools as flax documents them.
#
# flax.nnx.max_pool(inputs, window_shape, strides=None, padding="VALID") may be called with the window by position, and runs
# so. to_onnx replaces the function while it traces by one that takes all but the first argument by name, so that the conversion of
# a network that runs ends in a TypeError about a function that the user never called. avg_pool is the same.
#
# Versions: jax 0.10.2, flax 0.12.8, jax2onnx 0.17.1, onnx 1.23.2, numpy 2.4.6, Python 3.11.
# Seen:     runs: (1, 2, 2, 1) the same by name: True
#           by name: Transpose MaxPool Transpose
#           by position: MaxPoolPlugin._make_patch.<locals>.patched_max_pool() takes 1 positional argument but 2 positional
#           arguments (and 1 keyword-only argument) were given
# Means:    write window_shape=... in networks that are to be converted.
# Status 1 if something else is seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 flax==0.12.8 jax2onnx==0.17.1 onnx==1.23.2 \
    numpy==2.4.6
cd "$folder"
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'END'
import sys
import warnings

import jax.numpy as jnp
from flax import nnx
from jax2onnx import to_onnx

warnings.filterwarnings("ignore")


def by_position(x):
    return nnx.max_pool(x, (2, 2), strides=(2, 2))


def by_name(x):
    return nnx.max_pool(x, window_shape=(2, 2), strides=(2, 2))


image = jnp.arange(16.0).reshape(1, 4, 4, 1)
print("runs:", by_position(image).shape, "the same by name:", bool((by_position(image) == by_name(image)).all()))
kinds = [node.op_type for node in to_onnx(by_name, [(1, 4, 4, 1)]).graph.node]
print("by name:", *kinds)
try:
    to_onnx(by_position, [(1, 4, 4, 1)])
    why = None
except TypeError as error:
    why = str(error)
print("by position:", why)
seen = "MaxPool" in kinds and why is not None and "positional argument" in why
print("the window by position is refused" if seen else "CHANGED: the window by position is taken")
sys.exit(0 if seen else 1)
END
