"""The networks that are timed, with random weights, and which of their layers: time does not depend on what they learned."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SEED = 0


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes
    ----------
    title : str
    build : callable
        ``build(size)``: the model as a user has it.
    live : dict of str to str
        What a layer is -> the end of its name, a regular expression.
    cold : tuple of str
        Ends of names of other layers, no two of which are asked the same way before.
    nested : str
        The name by which a user would ask for a layer that lies in a model inside of the model; "" where there is none.
    """

    title: str
    build: Callable[[int], Any]
    live: dict[str, str]
    cold: tuple[str, ...]
    nested: str = ""


def _unet(size: int) -> Any:
    from benchmarks.networks import unet

    return unet(size)


def _deeplab(size: int) -> Any:
    from benchmarks.zoo.networks import hub_deeplab

    return hub_deeplab(size)


def _segformer(size: int) -> Any:
    from benchmarks.zoo.networks import hub_segformer

    return hub_segformer((2, 2, 2, 2), (32, 64, 160, 256), 256)(size)


NETWORKS = {
    "unet": Network(
        "U-Net",
        _unet,
        {"last decoder layer": "dec0_b", "one level up": "dec1_b", "bottleneck": "bottleneck_b"},
        ("dec0_a", "join0", "up1", "dec2_b", "dec3_b", "bottleneck_a"),
    ),
    "deeplab": Network(
        "DeepLabV3+ (ResNet50)",
        _deeplab,
        {
            "last decoder layer": "segmentation_head_relu",
            "pyramid pooling": "spatial_pyramid_pooling",
            "end of the backbone": "stack3_block2_out",
        },
        ("segmentation_head_norm", "encoder_decoder_concat", "decoder_norm", "stack3_block1_out", "stack2_block5_out"),
        "stack3_block2_out",
    ),
    "segformer": Network(
        "SegFormer (MiT-B0)",
        _segformer,
        {
            "last decoder layer": r"sequential_\d+/activation\w*",
            "last stage": "output_level_3",
            "second stage": "output_level_1",
        },
        (
            r"sequential_\d+/batch_normalization\w*", r"/concatenate\w*", "linear_256", "output_level_2", "output_level_0",
        ),
        "output_level_3",
    ),
}  # fmt: skip


def built(name: str, size: int) -> Any:
    """A network with the same weights at every call."""
    import keras

    keras.backend.clear_session()  # the names that Keras numbers begin anew
    keras.utils.set_random_seed(SEED)
    return NETWORKS[name].build(size)


def matching(names: list[str], end: str) -> str:
    """The one name that ends so."""
    found = [name for name in names if re.search(rf"(^|/|(?=/)){end}$", name)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} layers end with {end!r}: {found}")
    return found[0]


def flattened(model: Any, x: Any) -> tuple[Any, dict[str, str]]:
    """A model of the same layers without models inside, ending with the logits; and {our name of a layer: its name there}.

    The peers look a layer up in the model itself, so they cannot reach into a model inside of it. This is done for them. The
    model itself is used up by it.
    """
    import keras

    import segcam_widgets as sc
    from segcam_widgets.keras_probe.record.plan import ancestors

    engine = sc.open_probe(model, x)._engine
    plan, end = engine.plan, engine.logits.slot
    steps = ancestors(plan, [end])
    for step in steps:  # `layer.output`, by which the peers find a layer, is that of the first graph it was called in
        step.layer._inbound_nodes.clear()
        step.layer._outbound_nodes.clear()
    given = keras.Input(model.inputs[0].shape[1:], name=plan.input_names[0])
    tensors = {plan.inputs[0]: given}
    for step in steps:
        step(tensors)
    names = {step.path: step.layer.name for step in reversed(steps)}
    return keras.Model(given, tensors[end], name="flat"), names
