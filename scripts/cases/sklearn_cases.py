#!/usr/bin/env python3
"""Cases of scikit-learn by skl2onnx. Runs in the environment of requirements-sklearn.txt; `scripts/import_cases` calls it."""

import argparse
import warnings

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC

import common

FEATURES = 24


def data(classes):
    """Vectors around one centre a class, from 0 to 1."""
    rng = np.random.default_rng(classes)
    centres = rng.uniform(0.2, 0.8, (classes, FEATURES))
    labels = np.arange(300) % classes
    return np.clip(centres[labels] + rng.normal(0, 0.15, (300, FEATURES)), 0, 1).astype(np.float32), labels


def perceptron(*hidden, **more):
    return MLPClassifier(hidden, max_iter=60, random_state=1, **more)


MODELS = [
    ("mlp", lambda: perceptron(16)),
    ("mlp-deep", lambda: perceptron(20, 12)),
    ("mlp-scaled", lambda: make_pipeline(StandardScaler(), perceptron(16))),
    ("mlp-minmax", lambda: make_pipeline(MinMaxScaler(), perceptron(12))),
    ("logistic", lambda: LogisticRegression()),
    ("logistic-scaled", lambda: make_pipeline(StandardScaler(), LogisticRegression())),
    ("sgd", lambda: SGDClassifier(random_state=1)),
    ("linear-svc", lambda: LinearSVC()),
]
REFUSED = [
    ("mlp-tanh", lambda: perceptron(12, activation="tanh"), ["Tanh"]),
    ("mlp-logistic", lambda: perceptron(12, activation="logistic"), ["Sigmoid"]),
    ("forest", lambda: RandomForestClassifier(5, max_depth=3, random_state=1), ["TreeEnsembleClassifier"]),
    ("svc", lambda: SVC(), ["SVMClassifier"]),
    ("neighbours", lambda: KNeighborsClassifier(3), ["TopK", "ArrayFeatureExtractor", "Scan", "CDist", "ReduceSumSquare", "Mul"]),
]


def label_or_probabilities(model):
    """Name of the second output: probabilities or decision values."""
    return model.graph.output[-1].name


def convert(model, **options):
    return convert_sklearn(model, initial_types=[("image", FloatTensorType([None, FEATURES]))], options=options or None, target_opset=17)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--only", action="append")
    parser.add_argument("--missing", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    suite = common.Suite(given.folder, [common.version(p) for p in ("scikit-learn", "skl2onnx", "onnxruntime")], given.only, given.missing)
    # Vectors of numbers from 0 to 1: bytes over 255.
    kept = {"exporter": "skl2onnx", "shape": (1, 1, FEATURES), "layout": "flat-last"}
    for classes in (2, 10):
        x, y = data(classes)
        for name, make in MODELS:
            fitted = make().fit(x, y)

            def one(suffix, written, output, compare):
                suite.onnx(f"sklearn-{name}-{classes}{suffix}", written, form="scikit-learn", tests=f"{name}, {classes} classes, output {output}",
                           options={"logits": output}, compare=compare, **kept)

            def plain():
                written = convert(fitted, **({} if "svc" in name else {"zipmap": False}))
                one("", written, label_or_probabilities(written), "values")

            def zipped():
                # Its last output is a list of dictionaries; the label is a tensor.
                written = convert(fitted)
                one("-zipmap", written, written.graph.output[0].name, "class")

            suite.guarded(f"sklearn-{name}-{classes}", plain)
            suite.guarded(f"sklearn-{name}-{classes}-zipmap", zipped)
    x, y = data(4)
    for name, make, words in REFUSED:
        def plain():
            written = convert(make().fit(x, y), zipmap=False)
            suite.onnx(f"sklearn-not-{name}", written, form="to be refused", tests=name, refused=words,
                       options={"logits": label_or_probabilities(written)}, **kept)

        suite.guarded(f"sklearn-not-{name}", plain)
    numbers = x @ np.linspace(-1, 1, FEATURES * 3).reshape(FEATURES, 3).astype(np.float32)
    for name, make in [("regression", LinearRegression), ("mlp-regression", lambda: MLPRegressor(hidden_layer_sizes=(16,), max_iter=100, random_state=1)),
                       ("regression-scaled", lambda: make_pipeline(MaxAbsScaler(), LinearRegression()))]:
        def plain():
            suite.onnx(f"sklearn-{name}", convert(make().fit(x, numbers)), form="scikit-learn", tests=f"{name}, three numbers", **kept)

        suite.guarded(f"sklearn-{name}", plain)
    for name, make in [("lda", LinearDiscriminantAnalysis), ("ridge", RidgeClassifier), ("perceptron", Perceptron)]:
        def plain():
            written = convert(make().fit(x, y), zipmap=False)
            suite.onnx(f"sklearn-{name}", written, form="scikit-learn", tests=name, options={"logits": label_or_probabilities(written)}, **kept)

        suite.guarded(f"sklearn-{name}", plain)
    suite.close()


main()
