#!/usr/bin/env python3
"""Cases of Keras: ONNX by tf2onnx, TFLite in floats, int8 and hybrid, and ONNX by tf2onnx of int8 TFLite.

Runs in the environment of requirements-keras.txt; `scripts/import_cases` calls it.
"""

import argparse
import logging
import os
import warnings

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1")

import numpy as np

import common
from keras_models import ALL, settle, tf

# TFLite says operators in its own words.
HYBRID = {"mnist", "residual", "separable", "dense", "line-31", "mobilenet", "softmax-map"}
INT8_OF_FLOAT = {"mnist", "residual", "zero-padding", "sigmoid", "mobilenet-v2", "branches"}
HALF = {"residual", "mnist", "mobilenet-v2"}
SIXTEEN = {"residual"}
FIRST = {"residual", "same-even", "mnist", "separable"}


def as_bytes(shape):
    """Channels, height, width of an input of Keras."""
    if len(shape) == 3:
        return shape[2], shape[0], shape[1]
    return (shape[1], 1, shape[0]) if len(shape) == 2 else (1, 1, shape[0])


def layout(shape):
    return {3: "nhwc", 2: "nlc", 1: "flat"}[len(shape)]


def to_onnx(model, shape, batch, first=False):
    import tf2onnx

    signature = [tf.TensorSpec((batch, *shape), tf.float32, name="image")]
    function = tf.function(lambda image: model(image, training=False), input_signature=signature)
    written, _ = tf2onnx.convert.from_function(function, signature, opset=17, inputs_as_nchw=["image"] if first else None)
    return written


def to_tflite(model, shape, kind, samples, batch):
    if batch:
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2 as frozen

        signature = [tf.TensorSpec((batch, *shape), tf.float32, name="image")]
        function = tf.function(lambda image: model(image, training=False), input_signature=signature)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen(function.get_concrete_function())])
    else:
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind.startswith("int8") or kind == "int16":
        step = batch or 1
        converter.representative_dataset = lambda: ([samples[at:at + step]] for at in range(0, len(samples) - step + 1, step))
        # Floats outside, or integers through and through.
        if kind == "int8":
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        elif kind == "int16":
            converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    if kind == "half":
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def by_tflite(data, fed):
    """What the interpreter of TFLite gives, as real numbers."""
    run = tf.lite.Interpreter(model_content=data, experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF)
    run.allocate_tensors()
    given, made = run.get_input_details()[0], run.get_output_details()[0]
    step, rows = given["shape"][0] if len(given["shape"]) == fed.ndim else 1, []
    for at in range(0, len(fed), step):
        part = fed[at:at + step]
        scale, zero = given["quantization"]
        if given["dtype"] != np.float32:
            part = np.clip(np.round(part / scale) + zero, -128, 127).astype(given["dtype"])
        run.set_tensor(given["index"], part.reshape(given["shape"]))
        run.invoke()
        got = run.get_tensor(made["index"])
        scale, zero = made["quantization"]
        if got.dtype != np.float32:
            got = (got.astype(np.float32) - zero) * scale
        rows.append(got.reshape(step, -1))
    return np.concatenate(rows)


def real_tflite(data, folder):
    """The QDQ model that tf2onnx makes of int8 TFLite."""
    import tf2onnx

    path = folder / "tflite.tmp"
    path.write_bytes(data)
    written, _ = tf2onnx.convert._convert_common(None, tflite_path=str(path), opset=17)
    return written.SerializeToString()


def tflite_case(suite, name, kind, model, about, shape, fed, options, batch, floats, refused, more):
    full = f"tflite-{name}-{kind}"
    if not suite.wants(full):
        return
    group, tests = about
    data = to_tflite(model, shape, kind, fed, batch)
    arrays = {"inputs": common.images(full, as_bytes(shape))}
    values = np.ascontiguousarray(common.LAYOUTS[layout(shape)](common.values(arrays["inputs"], options)))
    quantised = kind.startswith("int") or kind == "hybrid"
    note = None
    expect = more.get("expect") or ("refused" if refused else "taken")
    if expect != "refused":
        got = by_tflite(data, values)
        if kind.startswith("int8"):
            import real

            # The same model with floats outside says what the integers mean.
            written = real_tflite(to_tflite(model, shape, "int8-inside", fed, batch), suite.folder)
            outputs = lambda mode: common.outputs(real.real(written, mode), values, None, "nhwc")
            arrays.update(float=outputs("closed"), open=outputs("open"), int8=got)
        elif kind == "hybrid":
            # Its kernels quantise activations as they come; the weights alone are part of the model.
            small = common.quantise(floats(), values, suite.folder)
            arrays.update(float=dequantised(data, values), int8=common.outputs(small, values, None, "nhwc"))
        elif kind == "int16":
            arrays.update(float=got)
        else:
            arrays.update(float=got)
            onnx_model = floats()
            small = common.quantise(onnx_model, values, suite.folder) if onnx_model else None
            if small:
                arrays["int8"] = common.outputs(small, values, None, "nhwc")
    suite.write(full, data, ".tflite", arrays, exporter=f"TFLite {kind}", form=group, tests=tests, shape=as_bytes(shape),
                options=options, expect=expect, refused=refused, element="int8" if kind == "int8" else "float32",
                compare=more.get("compare", "values"), note=note, quantised=quantised, layout=layout(shape))


def dequantised(data, values):
    """Outputs of a hybrid model with its weights as floats: tf2onnx writes them so."""
    import pathlib
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        import real

        written = real_tflite(data, pathlib.Path(folder))
        return common.outputs(real.real(written, "open"), values, None, "nhwc")


def make(suite, name, group, tests, build, shape, more):
    more = dict(more)
    batch, options, refused = more.pop("batch", None), more.get("options", {}), more.get("refused")
    if not any(suite.wants(f"{start}-{name}") for start in ("keras", "tflite", "tf2onnx")):
        return
    tf.keras.utils.set_random_seed(1)
    mean = options.get("mean", [0.0])[0]
    model = settle(build(), shape, len(name), (-mean, 255 * options.get("scale", 1 / 255) - mean))
    about = (group, tests)
    kept = {"form": group, "tests": tests, "shape": as_bytes(shape), "layout": layout(shape), **more}
    # [1, N, C] may be an image of one channel, and [H, W, C] of many channels is only known by the shape given.
    c, h, w = as_bytes(shape)
    if len(shape) == 3 and c not in (1, 3):
        kept["options"] = {**options, "shape": f"{c}x{h}x{w}"}

    made = {}

    def floats():
        if "model" not in made:
            made["model"] = to_onnx(model, shape, batch)
        return made["model"].SerializeToString()

    def plain():
        suite.onnx(f"keras-{name}", floats(), exporter="tf2onnx", **kept)

    def first():
        again = {**kept, "layout": "nchw", "output_layout": "nhwc"}
        suite.onnx(f"keras-{name}-first", to_onnx(model, shape, batch, True).SerializeToString(), exporter="tf2onnx", **again)

    suite.guarded(f"keras-{name}", plain)
    if name in FIRST:
        suite.guarded(f"keras-{name}-first", first)
    kinds = ["float", "int8"] if group != "to be refused" else ["float"]
    kinds += [kind for kind, names in [("hybrid", HYBRID), ("int8-inside", INT8_OF_FLOAT), ("half", HALF), ("int16", SIXTEEN)] if name in names]
    for kind in kinds:
        inputs = common.images(f"tflite-{name}-{kind}", as_bytes(shape))
        fed = np.ascontiguousarray(common.LAYOUTS[layout(shape)](common.values(inputs, options)))
        suite.guarded(f"tflite-{name}-{kind}", lambda: tflite_case(
            suite, name, kind, model, about, shape, fed, options, batch, floats, refused, more))
    if name in INT8_OF_FLOAT:
        def again():
            data = to_tflite(model, shape, "int8-inside", fed, batch)
            suite.onnx(f"tf2onnx-{name}-int8", real_tflite(data, suite.folder), exporter="tf2onnx of int8 TFLite", quantised=True, **kept)

        suite.guarded(f"tf2onnx-{name}-int8", again)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--only", action="append")
    parser.add_argument("--missing", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    suite = common.Suite(given.folder, [common.version(p) for p in ("tensorflow-cpu", "keras", "tf2onnx", "onnxruntime")], given.only, given.missing)
    for name, group, tests, build, shape, more in ALL:
        try:
            make(suite, name, group, tests, build, shape, more)
        except Exception as error:
            suite.failed.append((name, f"{type(error).__name__}: {error}"))
    suite.close()


main()
