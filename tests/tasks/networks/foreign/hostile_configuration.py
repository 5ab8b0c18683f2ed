"""Configurations that were made to harm: none at all, or one thing changed in a good one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.tasks.networks.foreign.hostile_zip import Good


def layer_of(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one layer in a configuration."""
    return next(layer for layer in config["config"]["layers"] if layer["name"] == name)


def configurations(good: Good) -> Iterator[tuple[str, Any]]:
    """Yield configurations that are none, or that name, ask for or contain what they should not."""
    for name, value in {
        "a list": [1, 2],
        "a number": 7,
        "a text": "Sequential",
        "nothing": None,
        "an empty mapping": {},
        "no configuration": {"class_name": "Functional"},
        "a list as configuration": {"class_name": "Functional", "config": []},
        "no layers": {"class_name": "Sequential", "config": {"layers": []}},
        "layers as a text": {"class_name": "Sequential", "config": {"layers": "abc"}},
        "layers as a mapping": {"class_name": "Sequential", "config": {"layers": {"a": 1}}},
        "layers that are numbers": {"class_name": "Sequential", "config": {"layers": [1, 2]}},
        "layers that are nothing": {"class_name": "Sequential", "config": {"layers": [None]}},
        "a class that is a list": {"class_name": ["Sequential"], "config": {"layers": [1]}},
        "a class that is a mapping": {"class_name": {"a": 1}, "config": {"layers": [1]}},
        "a subclass": {"class_name": "Mine", "config": {"layers": []}, "module": "os"},
        "a layer alone": {"class_name": "Dense", "config": {"units": 3}},
    }.items():
        yield name, value
    for name, change in changes().items():
        config = good.changed()
        change(config)
        yield name, config


def _set(layer: str, /, **settings: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: layer_of(config, layer)["config"].update(settings)


def _become(layer: str, kind: Any, /, **settings: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        layer_of(config, layer).update({"class_name": kind, "config": {"name": layer, **settings}})

    return change


def _calls(layer: str, nodes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: layer_of(config, layer).update(inbound_nodes=nodes)


def _drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        del config["config"]["layers"][1][keys[0]]

    return change


def _twice(config: dict[str, Any]) -> None:
    config["config"]["layers"].append(layer_of(config, "conv"))


def _names(config: dict[str, Any]) -> None:
    layer_of(config, "conv")["config"]["name"] = "other"


def _deep(config: dict[str, Any]) -> None:
    inner: Any = {"class_name": "Dense", "config": {"name": "d", "units": 1}}
    for number in range(60):
        inner = {"class_name": "Sequential", "config": {"name": f"s{number}", "layers": [inner]}}
    layer_of(config, "relu").update(inner | {"name": "relu", "config": inner["config"] | {"name": "relu"}})


def _laughs(config: dict[str, Any]) -> None:
    """Thirty models, each of which calls the next twice: a billion layers."""
    inner: dict[str, Any] = {"class_name": "ReLU", "config": {"name": "laugh"}, "name": "laugh"}
    for number in range(30):
        first = int("layers" in inner["config"])
        calls = [[["in", 0, 0, {}]], [[inner["name"], first, 0, {}]]]
        inner = {
            "class_name": "Functional",
            "name": f"m{number}",
            "config": {
                "name": f"m{number}",
                "layers": [
                    {
                        "class_name": "InputLayer",
                        "config": {"batch_input_shape": [None, 6, 6, 4], "name": "in"},
                        "name": "in",
                        "inbound_nodes": [],
                    },
                    inner | {"inbound_nodes": calls},
                ],
                "input_layers": [["in", 0, 0]],
                "output_layers": [[inner["name"], first + 1, 0]],
            },
        }
    relu = layer_of(config, "relu")
    relu.update(inner | {"name": "relu", "config": inner["config"] | {"name": "relu"}})
    layer_of(config, "flat")["inbound_nodes"] = [[["relu", 1, 0, {}]]]


def changes() -> dict[str, Callable[[dict[str, Any]], None]]:
    """Return changes to a good configuration, by what they make of it."""
    system = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
    kinds = ("StringLookup", "TextVectorization", "IntegerLookup")
    places = ("/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem")
    return {
        **{f"{kind} of {place}": _become("relu", kind, vocabulary=place) for kind in kinds for place in places},
        **{
            f"a {kind}": _become("relu", kind)
            for kind in (
                *("Lambda", "TFSMLayer", "Hashing", "CategoryEncoding", "Discretization", "DenseFeatures", "RNN"),
                *(
                    "StackedRNNCells",
                    "SpectralNormalization",
                    "Wrapper",
                    "Layer",
                    "AbstractRNNCell",
                    "LocallyConnected2D",
                ),
                *(
                    "system",
                    "os.system",
                    "keras.utils.get_file",
                    "__lambda__",
                    "Adam",
                    "QuantizeWrapperV2",
                    "",
                    "Dense\x00",
                ),
            )
        },
        "a class that is a number": _become("relu", 3),
        "a class that is nothing": _become("relu", None),
        **{
            f"a function {symbol}": _become("relu", "TFOpLambda", function=symbol)
            for symbol in (
                *("io.read_file", "io.write_file", "py_function", "numpy_function", "keras.utils.get_file", "print"),
                *(
                    "raw_ops.ReadFile",
                    "saved_model.load",
                    "load_op_library",
                    "zeros",
                    "tile",
                    "range",
                    "debugging.Assert",
                ),
                *("while_loop", "map_fn", "random.normal", "Variable", "compat.v1.py_func", "", "math"),
            )
        },
        "a function that is a list": _become("relu", "TFOpLambda", function=["io", "read_file"]),
        "a slice that is no slice": _become("relu", "SlicingOpLambda", function="io.read_file"),
        "a wrapped Lambda": _become("relu", "TimeDistributed", layer={"class_name": "Lambda", "config": {"name": "x"}}),
        "a Lambda in both directions": _become("relu", "Bidirectional", layer={"class_name": "Lambda", "config": {}}),
        "a wrapped list": _become("relu", "TimeDistributed", layer=[1]),
        "a wrapped nothing": _become("relu", "TimeDistributed"),
        **{
            f"{key} of os.system": _set("dense", **{key: system})
            for key in ("activation", "kernel_initializer", "kernel_regularizer", "kernel_constraint", "dtype")
        },
        **{
            f"{key} called {word}": _set("dense", **{key: word})
            for key in ("activation", "kernel_initializer", "kernel_regularizer", "kernel_constraint")
            for word in ("get", "deserialize", "os.system", "__class__")
        },
        **{
            f"{count} units": _set("dense", units=count)
            for count in (10**12, 10**30, -4, 0, 1.5, "ten", None, [10], {})
        },
        **{f"{count} filters": _set("conv", filters=count) for count in (10**9, 2**63, -1, "4", True)},
        **{
            f"a kernel of {size}": _set("conv", kernel_size=size)
            for size in ([10**6, 10**6], [-1, 3], [3], "3", [3, None])
        },
        **{f"strides of {size}": _set("conv", strides=size) for size in ([0, 0], [-1, 1], [10**18, 1], "x")},
        "groups of 0": _set("conv", groups=0),
        "groups of 10 ** 9": _set("conv", groups=10**9),
        "an axis of 99": _set("norm", axis=[99]),
        "an axis of text": _set("norm", axis="x"),
        "an epsilon of text": _set("norm", epsilon="x"),
        "a setting that is not known": _set("conv", mystery=1),
        "a setting that is a mapping": _set("conv", padding={"a": 1}),
        "half a character": _set("conv", padding="\ud800"),
        "a type of text": _set("conv", dtype="string"),
        "a type of a resource": _set("conv", dtype="resource"),
        "a type that is a list": _set("conv", dtype=["float32"]),
        "an input of 10 ** 9": _set("input", batch_input_shape=[None, 10**9, 10**9, 1]),
        "an input of less than nothing": _set("input", batch_input_shape=[None, -8, -8, 1]),
        "an input of text": _set("input", batch_input_shape="8x8"),
        "an input of rank 200": _set("input", batch_input_shape=[None] + [1] * 200),
        "a sparse input": _set("input", sparse=True),
        "a ragged input": _set("input", ragged=True),
        "padding of 10 ** 9": _become("relu", "ZeroPadding2D", padding=[10**9, 10**9]),
        "a size of 10 ** 12": _become("relu", "UpSampling2D", size=[10**12, 10**12]),
        "a size of 10 ** 4": _become("relu", "UpSampling2D", size=[10**4, 10**4]),
        "a picture of 10 ** 6": _become("relu", "Resizing", height=10**6, width=10**6),
        "a shape of 10 ** 12": _become("flat", "Reshape", target_shape=[10**12]),
        "a loop written out": _become("flat", "LSTM", units=4, unroll=True),
        "a circle": _calls("conv", [[["relu", 0, 0, {}]]]),
        "a layer that calls itself": _calls("conv", [[["conv", 0, 0, {}]]]),
        "a call of what is not there": _calls("conv", [[["nobody", 0, 0, {}]]]),
        "a call of a call that is not there": _calls("conv", [[["input", 7, 0, {}]]]),
        "a call of an output that is not there": _calls("conv", [[["input", 0, 7, {}]]]),
        "a call of less than nothing": _calls("conv", [[["input", -1, 0, {}]]]),
        "calls that are a text": _calls("conv", "input"),
        "calls that are numbers": _calls("conv", [1, 2]),
        "calls that are nothing": _calls("conv", None),
        "calls of a layer with a class": _calls("conv", [[["input", 0, 0, {"x": {"class_name": "Lambda"}}]]]),
        "calls of a composite": _calls("conv", [[["_CONSTANT_VALUE", -1, ["_COMPOSITE_TYPE", "x"], {}]]]),
        "calls of an input": _calls("input", [[["relu", 0, 0, {}]]]),
        "an argument that is not known": _calls("conv", [[["input", 0, 0, {"mystery": 1}]]]),
        "a million calls": _calls("relu", [[["norm", 0, 0, {}]]] * 100_000),
        "a layer without a class": _drop("class_name"),
        "a layer without settings": _drop("config"),
        "a layer without a name": _drop("name"),
        "a layer without calls": _drop("inbound_nodes"),
        "two layers of one name": _twice,
        "a layer of two names": _names,
        "no inputs": lambda config: config["config"].pop("input_layers"),
        "no outputs": lambda config: config["config"].update(output_layers=[]),
        "outputs of nobody": lambda config: config["config"].update(output_layers=[["nobody", 0, 0]]),
        "outputs that are a number": lambda config: config["config"].update(output_layers=3),
        "sixty models, one in another": _deep,
        "a billion layers": _laughs,
    }
