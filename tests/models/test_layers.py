"""Which layers can be explained, and what they are called."""

import keras
import numpy as np
import pytest

import segcam_widgets as sc
from tests.models.networks import NETWORKS, SIZE, Seeds, image, nested, shared, small, twice_nested

pytestmark = pytest.mark.keras


def names(model, **options):
    return [info.name for info in sc.open_probe(model, image(), **options).layers]


def test_the_input_first_the_logits_last_in_graph_order():
    probe = sc.open_probe(small(), image())
    listed = {info.name: (info.shape, info.kind, info.activation) for info in probe.layers}
    assert listed == {
        "image": ((16, 16, 3), "InputLayer", None),
        "enc": ((16, 16, 6), "Conv2D", "relu"),
        "pool": ((8, 8, 6), "MaxPooling2D", None),
        "deep": ((8, 8, 8), "Conv2D", "relu"),
        "up": ((16, 16, 6), "Conv2DTranspose", None),
        "join": ((16, 16, 12), "Concatenate", None),
        "dec": ((16, 16, 6), "Conv2D", "relu"),
        "logits": ((16, 16, 4), "Conv2D", None),
    }
    assert list(listed) == ["image", "enc", "pool", "deep", "up", "join", "dec", "logits"]


def test_a_fused_softmax_is_not_the_logits_activation():
    assert sc.open_probe(small("fused softmax"), image()).layers[-1].activation is None


@pytest.mark.parametrize("name", NETWORKS)
def test_every_listed_layer_can_be_asked(name):
    model = NETWORKS[name]()
    shape = [SIZE if n is None else n for n in model.inputs[0].shape[1:]]
    probe = sc.open_probe(model, np.random.default_rng(0).normal(size=shape))
    assert len({info.name for info in probe.layers}) == len(probe.layers)
    for info in probe.layers:
        activations = probe.activations(info.name)
        assert activations.shape == info.shape
        assert activations.dtype == np.float32
        assert not activations.flags.writeable
        assert probe.layer(info.name) == info


def test_nested_models_are_inlined():
    assert names(nested()) == ["image", "backbone/early", "backbone/pool", "backbone/late", "up", "join", "logits"]


def test_unnamed_containers_are_called_alike_in_every_process():
    expected = ["image", "functional_1/stem", "functional_1/sequential_1/x", "functional_1/sequential_1/y", "logits"]
    first = names(twice_nested())
    assert first == expected
    keras.Sequential([])  # Keras counts on
    assert names(twice_nested()) == expected


def test_layers_called_twice_are_two():
    assert names(shared()) == [
        "image", "stem", "feat", "block/inside", "feat#2", "block#2/inside", "logits",
    ]  # fmt: skip


def test_a_unique_ending_of_a_path_will_do():
    probe = sc.open_probe(nested(), image())
    assert probe.layer("late").name == "backbone/late"
    assert sc.explain(probe, sc.CamQuery("late", 0, sc.Everything())).query.layer == "backbone/late"
    with pytest.raises(sc.UnknownLayerError) as caught:
        sc.open_probe(shared(), image()).layer("inside")
    assert str(caught.value) == (
        "`layer` 'inside' is the end of several paths: block/inside, block#2/inside. Give the whole path."
    )


def test_a_name_that_is_none():
    probe = sc.open_probe(small(), image())
    with pytest.raises(sc.UnknownLayerError) as caught:
        probe.activations("depe")
    assert str(caught.value) == (
        "`layer` must be one of image, enc, pool, deep, up, join, dec, logits. Received: 'depe'. Did you mean 'deep'?"
    )
    for wrong in (3, None, ("enc",)):
        with pytest.raises(sc.UnknownLayerError, match="`layer` must be one of image, enc"):
            probe.activations(wrong)


def test_a_layer_without_a_map_says_what_shape_it_has():
    seeds = Seeds(7000)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(6, name="conv")(inputs)
    gate = keras.layers.Dense(6, "sigmoid", kernel_initializer=seeds(), name="gate")(
        keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    )
    x = keras.layers.Multiply(name="gated")([x, keras.layers.Reshape((1, 1, 6), name="as_map")(gate)])
    model = keras.Model(inputs, seeds.conv(4, 1, activation="softmax", name="logits")(x))
    probe = sc.open_probe(model, image())
    assert [info.name for info in probe.layers] == ["image", "conv", "as_map", "gated", "logits"]
    with pytest.raises(
        sc.UnknownLayerError, match=r"must have an output of shape \(h, w, channels\). Received: 'gate'.*\(6,\)"
    ):
        probe.layer("gate")


def test_the_softmax_itself_is_no_target():
    with pytest.raises(sc.UnknownLayerError, match="`layer` must be one of"):
        sc.open_probe(small(), image()).layer("softmax")
