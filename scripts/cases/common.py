"""What all generators share: a case is a model file with inputs, what a runtime computes for them, and a description."""

import json
import pathlib
import zlib

import numpy as np
import onnx
import onnxruntime

import real

COUNT = 12


def version(package):
    from importlib.metadata import version as of

    return f"{package} {of(package)}"


def images(name, shape):
    """Bytes, [COUNT, height, width, channels]: noise, soft waves, and half of each; black and white are among them."""
    channels, height, width = shape
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    made = []
    for index in range(COUNT):
        noise = rng.integers(0, 256, (height, width, channels)).astype(float)
        phase, pace = rng.uniform(0, 6.3, channels), rng.uniform(0.1, 0.7, (2, channels))
        y, x = np.mgrid[0:height, 0:width]
        waves = 127.5 + 127.5 * np.sin(y[..., None] * pace[0] + x[..., None] * pace[1] + phase)
        made.append([noise, waves, (noise + waves) / 2][index % 3])
    made = np.stack(made).round().clip(0, 255).astype(np.uint8)
    made[0].flat[0], made[0].flat[-1] = 0, 255
    return made


def values(inputs, options):
    """What the model reads for the bytes, still position by position: (byte * scale - mean) / std."""
    scale = options.get("scale", 1 / 255)
    mean = np.array(options.get("mean", [0.0]), np.float32)
    std = np.array(options.get("std", [1.0]), np.float32)
    read = inputs.astype(np.float32)
    if options.get("bgr"):
        read = read[..., ::-1]
    return ((read * np.float32(scale) - mean) / std).astype(np.float32)


LAYOUTS = {
    "nchw": lambda v: v.transpose(0, 3, 1, 2),
    "nhwc": lambda v: v,
    "ncl": lambda v: v[:, 0].transpose(0, 2, 1),
    "nlc": lambda v: v[:, 0],
    "nhw": lambda v: v[..., 0],
    "flat": lambda v: v.transpose(0, 3, 1, 2).reshape(len(v), -1),
    # Channels inside a position.
    "flat-last": lambda v: v.reshape(len(v), -1),
}


def in_memory_order(output, layout):
    """Outputs as the network gives them, position by position: one row an input."""
    if layout == "nchw" and output.ndim == 4:
        output = output.transpose(0, 2, 3, 1)
    if layout == "ncl" and output.ndim == 3:
        output = output.transpose(0, 2, 1)
    return output.reshape(len(output), -1)


def session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    # What is to be seen is the model as written, not what fusing made of it.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model if isinstance(model, (str, bytes)) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def batch_of(run):
    first = run.get_inputs()[0].shape[0]
    return first if isinstance(first, int) else 1


def outputs(model, fed, name=None, layout="nchw", dtype=np.float32):
    """Runs one input after the other, or as many as the model's fixed batch has."""
    run = session(model)
    rank = len(run.get_inputs()[0].shape)
    batch = batch_of(run) if rank == fed.ndim else None
    names = [name or run.get_outputs()[0].name]
    rows = []
    step = batch or 1
    for at in range(0, len(fed), step):
        part = fed[at:at + step]
        lacks = step - len(part)
        if lacks:
            part = np.concatenate([part, np.repeat(part[-1:], lacks, 0)])
        part = part.astype(dtype)
        got = run.run(names, {run.get_inputs()[0].name: part if batch else part[0]})[0]
        got = np.asarray(got)
        if got.ndim == 0 or not batch or got.shape[0] != step:
            got = got[None]
        rows.append(in_memory_order(got[:step - lacks], layout))
    return np.concatenate(rows)


class Reader:
    """Calibration inputs as onnxruntime wants them."""

    def __init__(self, name, fed, batch):
        self.feeds = iter([{name: fed[at:at + batch]} for at in range(0, len(fed) - batch + 1, batch)])

    def get_next(self):
        return next(self.feeds, None)


def quantise(model, fed, folder, **settings):
    """onnxruntime's static int8 of a float model, calibrated with `fed`: bytes of the model."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    float_path, clean, path = (str(folder / f"{part}.tmp") for part in ["float", "clean", "int8"])
    onnx.save(onnx.load_from_string(model), float_path)
    try:
        quant_pre_process(float_path, clean, skip_symbolic_shape=True)
    except Exception:
        clean = float_path
    run = session(model)
    asked = {"quant_format": QuantFormat.QDQ, "activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8,
             "per_channel": True, **settings}
    if len(run.get_inputs()[0].shape) != fed.ndim:
        fed = [np.array(one) for one in fed]
        reader = Reader(run.get_inputs()[0].name, fed, 1)
        reader.feeds = iter([{run.get_inputs()[0].name: one} for one in fed])
    else:
        reader = Reader(run.get_inputs()[0].name, fed, batch_of(run))
    quantize_static(clean, path, reader, **asked)
    with open(path, "rb") as file:
        return file.read()


def stripped(model):
    """Exporters note where on this machine each operator comes from; that is no part of a model."""
    graphs = [model.graph, *model.functions]
    for noted in [model, *graphs, *(node for graph in graphs for node in graph.node), *model.graph.value_info,
                  *model.graph.input, *model.graph.output, *model.graph.initializer]:
        noted.doc_string = ""
        noted.ClearField("metadata_props")
    return model


class Suite:
    """Writes the cases of one exporter to a folder."""

    def __init__(self, folder, versions, only=None, missing=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.versions = versions
        self.only = only
        self.missing = missing
        self.names = []
        self.failed = []

    def wants(self, name):
        if self.missing and (self.folder / f"{name}.json").is_file():
            return False
        return self.only is None or any(part in name for part in self.only)

    def onnx(self, name, model, *, exporter, form, tests, shape, layout="nchw", options=None, refused=None,
             element="float32", output=None, compare="values", quantised=False, output_layout=None,
             normalised=None, expect=None, again=False, reference=None):
        """Adds a case of an ONNX model (bytes or a ModelProto).

        shape: channels, height, width of the bytes. options: what the importer is told. refused: the operator or
        words that the refusal must name. quantised: the model is itself quantised. again: its 8-bit
        model to compare with is one that onnxruntime makes, since its own quantisers are not those of 8 bits. reference: the model that computes what is right, where that is another one. normalised: a function from bytes
        to the model's values where its input is not float.
        """
        if not self.wants(name):
            return
        options = options or {}
        if isinstance(model, bytes):
            model = onnx.load_from_string(model)
        stripped(model)
        data = model.SerializeToString()
        inputs = images(name, shape)
        arrays = {"inputs": inputs}
        fed = LAYOUTS[layout](values(inputs, options))
        if element != "float32":
            fed = LAYOUTS[layout](normalised(inputs) if normalised else inputs)
        fed = np.ascontiguousarray(fed)
        given = output_layout or ("nhwc" if layout in ("nhwc", "nlc") else layout if layout in ("nchw", "ncl") else "nchw")
        note = None
        expect = expect or ("refused" if refused else "taken")
        if expect != "refused":
            name_of = options.get("logits")
            if quantised:
                arrays["float"] = outputs(real.real(data), fed, name_of, given)
                arrays["open"] = outputs(real.real(data, "open"), fed, name_of, given)
                if not again:
                    arrays["int8"] = outputs(data, fed, name_of, given, element)
                reference = real.real(data, "open")
            else:
                arrays["float"] = outputs(reference or data, fed, name_of, given, element)
            if again or not quantised:
                # Its quantisation a channel fails on some fully connected layers.
                for per_channel in (True, False):
                    try:
                        small = quantise(reference or data, fed.astype(element), self.folder, per_channel=per_channel)
                        arrays["int8"] = outputs(small, fed, name_of, given, element)
                        note = None
                        break
                    except Exception as error:
                        note = f"onnxruntime cannot quantise it: {type(error).__name__}"
        self.write(name, data, ".onnx", arrays, exporter=exporter, form=form, tests=tests, shape=shape, options=options,
                   expect=expect, refused=refused, element=element, compare=compare, note=note, quantised=quantised,
                   layout=layout)

    def write(self, name, data, suffix, arrays, *, exporter, form, tests, shape, options, expect, refused, element,
              compare, note, quantised, layout):
        (self.folder / f"{name}{suffix}").write_bytes(data)
        arrays = {key: array if key == "inputs" else np.ascontiguousarray(array, np.float32) for key, array in arrays.items()}
        for key, array in arrays.items():
            if key != "inputs" and not np.isfinite(array).all():
                raise ValueError(f"{name}: {key} is not finite")
        for key, array in arrays.items():
            np.save(self.folder / f"{name}.{key}.npy", array)
        about = {
            "file": f"{name}{suffix}", "exporter": exporter, "versions": self.versions, "form": form, "tests": tests,
            "shape": list(shape), "layout": layout, "element": element, "options": options, "quantised": quantised,
            "compare": compare, "expect": expect, "refused": refused, "note": note,
        }
        (self.folder / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")
        self.names.append(name)
        print(f"{name}{suffix}", len(data), flush=True)

    def guarded(self, name, make):
        """Runs `make`, and notes what an exporter cannot do instead of ending."""
        if not self.wants(name):
            return
        try:
            make()
        except Exception as error:
            self.failed.append((name, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"))
            print("FAILED", *self.failed[-1], flush=True)

    def close(self):
        """Says what was made, and what an exporter could not write."""
        for path in self.folder.glob("*.tmp"):
            path.unlink()
        print(f"{len(self.names)} files; {len(self.failed)} could not be made")
        for name, why in self.failed:
            print("  ", name, why[:300])
