"""A user's model file: what is read from it, and what is refused before anything of it runs."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.foreign.apart import open_here
from featherline.tasks.networks.foreign.fetch import fetched
from featherline.tasks.networks.foreign.read import model_of
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.macs import count_macs

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).normal(size=(5, *SHAPE)).astype(np.float32)
layers = keras.layers


def read_model(source: str, shape: tuple[int, int, int], classes: int) -> Any:
    """Read a file as a step does, but in this process: one of its own for each takes its time."""
    with fetched(source) as path, tempfile.TemporaryDirectory() as folder:
        return model_of(open_here(path, Path(folder), shape), path.name, shape, classes)


def saved(model: Any, folder: Path, form: str) -> Path:
    """Save a model in one of the forms."""
    path = folder / ("folder" if form == "tf" else f"model.{form}")
    model.save(path, save_format=form)
    return path


def rewritten(path: Path, config: dict[str, Any]) -> Path:
    """Return a copy of a `.keras` file with another configuration."""
    changed = path.with_name("changed.keras")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            target.writestr(name, json.dumps(config) if name == "config.json" else source.read(name))
    return changed


def configuration(path: Path) -> dict[str, Any]:
    """Return the configuration in a `.keras` file."""
    with zipfile.ZipFile(path) as archive:
        config: dict[str, Any] = json.loads(archive.read("config.json"))
    return config


def refusal(path: Path, classes: int = 10, shape: tuple[int, int, int] = SHAPE) -> Refused:
    """Return how a file is refused."""
    with pytest.raises(Refused) as refused:
        read_model(str(path), shape, classes)
    return refused.value


@pytest.mark.parametrize("form", ["keras", "h5", "tf"])
def test_reads_each_form_as_logits(model: Any, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is read gives, through a softmax, what was saved; that its own softmax is gone is said."""
    path = saved(model, tmp_path, form)

    read = read_model(str(path), SHAPE, 10)

    logits = read(IMAGES)
    assert np.allclose(tf.nn.softmax(logits), model(IMAGES), atol=1e-6)
    assert read.layers[-1].get_config()["activation"] == "linear"
    assert "softmax of" in capsys.readouterr().out


def test_a_read_model_is_stored_as_it_is(model: Any, tmp_path: Path) -> None:
    """Saving and loading what was read keeps its logits."""
    read = read_model(str(saved(model, tmp_path, "keras")), SHAPE, 10)
    read.save(tmp_path / "again.keras")

    again = keras.models.load_model(tmp_path / "again.keras", compile=False)

    assert np.allclose(again(IMAGES), read(IMAGES), atol=1e-6)


def test_a_softmax_layer_is_taken_off(tmp_path: Path) -> None:
    """A softmax that is a layer of its own goes too; logits stay logits."""
    logits = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(10)])
    for last in (layers.Softmax(), layers.Activation("softmax")):
        path = saved(keras.Sequential([keras.Input(SHAPE), *logits.layers, last]), tmp_path, "keras")

        assert np.allclose(read_model(str(path), SHAPE, 10)(IMAGES), logits(IMAGES), atol=1e-6)
    assert np.allclose(read_model(str(saved(logits, tmp_path, "h5")), SHAPE, 10)(IMAGES), logits(IMAGES), atol=1e-6)


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_a_file_of_keras_3_is_translated(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A functional model of Keras 3 becomes one of tf_keras with the same weights."""
    keras3 = pytest.importorskip("keras", minversion="3")
    inputs = keras3.Input(SHAPE)
    x = straight = keras3.layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2")(inputs)
    x = keras3.layers.BatchNormalization()(x)
    x = keras3.layers.Add()([keras3.layers.LeakyReLU(0.1)(x), straight])
    x = keras3.layers.Dropout(0.5)(keras3.layers.GlobalAveragePooling2D()(x))
    model = keras3.Model(inputs, keras3.layers.Dense(10, activation="softmax")(x))
    path = tmp_path / f"model.{form}"
    model.save(path)

    read = read_model(str(path), SHAPE, 10)

    assert np.allclose(tf.nn.softmax(read(IMAGES)), np.asarray(model(IMAGES)), atol=1e-6)
    assert "saved by Keras 3" in capsys.readouterr().out


def test_a_sequential_file_of_keras_3_is_translated(tmp_path: Path) -> None:
    """A sequential model too."""
    keras3 = pytest.importorskip("keras", minversion="3")
    model = keras3.Sequential([keras3.Input(SHAPE), keras3.layers.Flatten(), keras3.layers.Dense(10)])
    model.save(tmp_path / "model.keras")

    read = read_model(str(tmp_path / "model.keras"), SHAPE, 10)

    assert np.allclose(read(IMAGES), np.asarray(model(IMAGES)), atol=1e-6)


def test_what_tf_keras_lacks_of_keras_3_is_refused(tmp_path: Path) -> None:
    """A setting that Keras 2 does not have is refused by name, with what to do."""
    keras3 = pytest.importorskip("keras", minversion="3")
    flat = [keras3.layers.LayerNormalization(rms_scaling=True, name="norm"), keras3.layers.Flatten()]
    keras3.Sequential([keras3.Input(SHAPE), *flat, keras3.layers.Dense(10)]).save(tmp_path / "model.keras")

    problem = refusal(tmp_path / "model.keras").problems[0]

    assert "saved by Keras 3" in problem.what
    assert problem.got == "rms_scaling=True of the layer norm"


def test_an_open_size_becomes_that_of_the_data(tmp_path: Path) -> None:
    """A model for any height and width is read for the data's."""
    inputs = keras.Input((None, None, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    path = saved(keras.Model(inputs, layers.Dense(10)(x)), tmp_path, "keras")

    assert read_model(str(path), SHAPE, 10).input_shape == (None, *SHAPE)


def backbone(filters: int, name: str, *inside: Any) -> Any:
    """Give a model for any height and width, of others and one convolution."""
    x = inputs = keras.Input((None, None, filters if inside else 1))
    for model in inside:
        x = model(x)
    return keras.Model(inputs, layers.Conv2D(filters, 3, strides=2, name=f"{name}_conv")(x), name=name)


@pytest.mark.parametrize("form", ["keras", "h5", "tf"])
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
def test_open_sizes_of_nested_models_become_those_they_are_called_with(
    tmp_path: Path, form: str, *, is_open: bool
) -> None:
    """Of an 8 x 8 image the first gives 3 x 3, padded to 7 x 7; the innermost of the second gives 3 x 3 of these."""
    second = backbone(4, "second", keras.Sequential([backbone(4, "inner", layers.Identity())], name="between"))
    parts = [backbone(4, "first"), layers.ZeroPadding2D(2), second, layers.GlobalAveragePooling2D(), layers.Dense(10)]
    model = keras.Sequential([keras.Input((None, None, 1) if is_open else SHAPE), *parts])

    read = read_model(str(saved(model, tmp_path, form)), SHAPE, 10)

    inner = read.get_layer("second").get_layer("between").get_layer("inner")
    assert inner.get_layer("inner_conv").output_shape == (None, 3, 3, 4)
    assert count_macs(read) == 9 * (3 * 3 * 4 + 3 * 3 * 4 * 4 + 1 * 1 * 4 * 4) + 4 * 10
    assert np.allclose(read(IMAGES), model(IMAGES), atol=1e-6)


def test_a_nested_model_at_two_sizes_is_refused(tmp_path: Path) -> None:
    """Called with 8 x 8 and with 3 x 3, its sizes stay open, and what it costs cannot be counted."""
    inputs = keras.Input(SHAPE)
    twice = backbone(1, "twice")
    path = saved(keras.Model(inputs, layers.Dense(10)(layers.Flatten()(twice(twice(inputs))))), tmp_path, "keras")

    problem = refusal(path).problems[0]

    assert problem.what == "model.keras leaves sizes open within"
    assert problem.got == "(None, None, 1) from twice_conv in twice"


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_a_sequential_model_may_learn_its_input_late(tmp_path: Path, form: str) -> None:
    """Without an input layer, but called once, it has weights and is read."""
    model = keras.Sequential([layers.Flatten(), layers.Dense(10)])
    model(IMAGES)

    read = read_model(str(saved(model, tmp_path, form)), SHAPE, 10)

    assert np.allclose(read(IMAGES), model(IMAGES), atol=1e-6)


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize("part", [0.0, 0.5, 0.95])
def test_a_truncated_file_is_refused(model: Any, tmp_path: Path, form: str, part: float) -> None:
    """A file that was cut off, anywhere, is refused and nothing of it is used."""
    path = saved(model, tmp_path, form)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])

    assert refusal(path).problems[0].what == f"model.{form} cannot be read"


def test_a_folder_without_its_variables_is_refused(model: Any, tmp_path: Path) -> None:
    """A SavedModel that lost files is refused."""
    path = saved(model, tmp_path, "tf")
    (path / "variables" / "variables.data-00000-of-00001").write_bytes(b"")

    assert "folder" in refusal(path).problems[0].what


@pytest.mark.parametrize(
    ("name", "got"),
    [("absent.keras", "nothing"), ("model.pkl", ".pkl"), ("model", "a file without an ending"), ("empty/", "an empty")],
)
def test_what_is_no_model_file_is_refused(tmp_path: Path, name: str, got: str) -> None:
    """Nothing, a pickle, a file without an ending and an empty folder are refused."""
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    elif "absent" not in name:
        path.write_bytes(b"\x80\x04.")

    assert got in refusal(path).problems[0].got


def test_weights_without_a_model_are_refused(model: Any, tmp_path: Path) -> None:
    """A file of `save_weights` is refused with what to save instead."""
    model.save_weights(tmp_path / "model.h5")

    assert "save the whole model" in refusal(tmp_path / "model.h5").problems[0].fix


@pytest.mark.parametrize("form", ["keras", "h5", "tf"])
def test_a_lambda_is_refused(tmp_path: Path, form: str) -> None:
    """Code in a layer is never run, in none of the forms."""
    inputs = keras.Input(SHAPE)
    x = layers.Lambda(lambda image: image * 2, name="doubled")(inputs)
    path = saved(keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x))), tmp_path, form)

    problem = refusal(path).problems[0]

    assert problem.what.endswith("has a layer that holds code")
    assert problem.got == "Lambda: doubled"


def test_an_operation_of_tensorflow_is_refused(tmp_path: Path) -> None:
    """A layer that calls a TensorFlow function by name could call any of them, such as one that writes files."""
    inputs = keras.Input(SHAPE)
    path = saved(keras.Model(inputs, layers.Dense(10)(layers.Flatten()(tf.abs(inputs)))), tmp_path, "keras")
    config = configuration(path)
    config["config"]["layers"][1]["config"]["function"] = "io.write_file"

    assert refusal(rewritten(path, config)).problems[0].got.startswith("TFOpLambda of io.write_file: ")


def test_an_operation_of_numbers_is_read(tmp_path: Path) -> None:
    """A TensorFlow function that gives numbers for numbers is read as it was saved, numbers before and behind."""
    inputs = keras.Input(SHAPE)
    x = tf.nn.relu(2.0 - tf.abs(inputs) * 0.5) + inputs
    path = saved(keras.Model(inputs, layers.Dense(10)(tf.reduce_mean(x, [1, 2])[:, :1])), tmp_path, "keras")

    assert np.allclose(
        read_model(str(path), SHAPE, 10)(IMAGES), keras.models.load_model(path, compile=False)(IMAGES), atol=1e-6
    )


class Doubled(layers.Layer):  # type: ignore[misc]
    """A user's own layer."""

    def call(self, inputs: Any) -> Any:
        """Double."""
        return inputs * 2


@pytest.mark.parametrize("form", ["keras", "h5", "tf"])
def test_a_custom_layer_is_refused(tmp_path: Path, form: str) -> None:
    """A layer that Keras does not have is refused by name, though its class is at hand."""
    inputs = keras.Input(SHAPE)
    x = layers.Flatten()(Doubled(name="mine")(inputs))
    path = saved(keras.Model(inputs, layers.Dense(10)(x)), tmp_path, form)

    problem = refusal(path).problems[0]

    assert "Doubled: mine" in problem.got
    assert "module:function" in problem.fix


class Subclassed(keras.Model):  # type: ignore[misc]
    """A user's own model."""

    def __init__(self) -> None:
        """Have one layer."""
        super().__init__()
        self.dense = layers.Dense(10)

    def call(self, inputs: Any) -> Any:
        """Flatten and give logits."""
        return self.dense(tf.reshape(inputs, (-1, 64)))


@pytest.mark.parametrize("form", ["keras", "tf"])
def test_a_subclassed_model_is_refused(tmp_path: Path, form: str) -> None:
    """Its code is not in the file, so it cannot be rebuilt."""
    model = Subclassed()
    model(IMAGES)

    problem = refusal(saved(model, tmp_path, form)).problems[0]

    assert problem.got == "a model of the class Subclassed"


@pytest.mark.parametrize(
    "planted",
    [
        {"module": "os", "class_name": "system", "config": {"command": "touch planted"}, "registered_name": None},
        {"module": "keras.utils", "class_name": "get_file", "config": {"fname": "x"}, "registered_name": None},
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
        {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
    ],
)
def test_a_planted_call_is_refused(model: Any, tmp_path: Path, planted: dict[str, Any]) -> None:
    """A configuration that names a function of a module is refused before anything is imported."""
    path = saved(model, tmp_path, "keras")
    config = configuration(path)
    config["config"]["layers"][1]["config"]["activation"] = planted

    problems = refusal(rewritten(path, config)).problems

    assert any(word in problems[0].got for word in ("system", "get_file", "eval", "__lambda__"))
    assert not Path("planted").exists()


def test_weights_in_another_file_are_refused(model: Any, tmp_path: Path) -> None:
    """HDF5 may point to other files of the machine: reading it would read them."""
    path = saved(model, tmp_path, "h5")
    with h5py.File(path, "a") as file:
        file["model_weights/elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")

    assert refusal(path).problems[0].got == "/elsewhere, which points to another place or file"


def test_other_shapes_are_refused_both_at_once(model: Any, tmp_path: Path) -> None:
    """Images and classes that the model was not made for are named together."""
    problems = refusal(saved(model, tmp_path, "keras"), classes=7, shape=(9, 8, 1)).problems

    assert [problem.got for problem in problems] == ["an input of (8, 8, 1)", "an output of 10"]


def test_another_end_is_refused(tmp_path: Path) -> None:
    """A sigmoid at the end is neither logits nor a softmax."""
    last = layers.Dense(10, activation="sigmoid", name="last")
    path = saved(keras.Sequential([keras.Input(SHAPE), layers.Flatten(), last]), tmp_path, "keras")

    assert refusal(path).problems[0].got == "Dense last with sigmoid"


def test_an_input_that_was_left_open_is_refused(tmp_path: Path) -> None:
    """A sequential model that never saw an image has no weights to read."""
    path = saved(keras.Sequential([layers.Flatten(), layers.Dense(10)]), tmp_path, "keras")

    assert "leaves its input open" in refusal(path).problems[0].what


@pytest.mark.shared_data
def test_reads_a_file_that_was_really_trained() -> None:
    """A ResNet-20 that was trained elsewhere is read whole."""
    root = Path(os.environ.get("FEATHERLINE_TEST_DATA", Path(__file__).parents[5] / "shared" / "data"))
    path = root / "models" / "resnet20_cifar10.keras"
    if not path.exists():
        pytest.skip(f"no {path.name} in {root}")

    model = read_model(str(path), (32, 32, 3), 10)

    assert model.count_params() == 274_042
    assert model.output_shape == (None, 10)


def test_channels_turned_round_within_are_read_and_stored(tmp_path: Path) -> None:
    """`x[..., ::-1]`, the beginning of `preprocess_input` of ResNet and VGG, can be saved in HDF5 alone."""
    inputs = keras.Input((8, 8, 3))
    x = keras.applications.resnet50.preprocess_input(inputs)
    model = keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3)(x))))
    path = saved(model, tmp_path, "h5")
    images = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)

    read = read_model(str(path), (8, 8, 3), 4)

    assert np.array_equal(read(images), model(images))
    again = read_model(str(saved(read, tmp_path, "keras")), (8, 8, 3), 4)
    assert np.array_equal(again(images), model(images))


def test_an_ellipsis_of_no_image_is_refused_by_name(tmp_path: Path) -> None:
    """Which axes it stands for is only known of images."""
    inputs = keras.Input((4, 4, 4, 3))
    x = layers.GlobalAveragePooling3D()(layers.Conv3D(3, 1)(inputs[..., ::-1]))
    path = saved(keras.Model(inputs, layers.Dense(4)(x)), tmp_path, "h5")

    (problem,) = refusal(path, 4, (4, 4, 3)).problems

    assert ", of (None, 4, 4, 4, 3)" in problem.got


def test_axes_beyond_the_classes_are_refused_with_what_takes_them_away(model: Any, tmp_path: Path) -> None:
    """No other data would help."""
    whole = keras.Model(model.inputs, layers.Reshape((1, 1, 10))(model.outputs[0]))

    (problem,) = refusal(saved(whole, tmp_path, "keras")).problems

    assert problem.got == "an output of (1, 1, 10)"
    assert "Flatten" in problem.fix
