"""The networks of the zoo, with random weights, by family and name. A builder takes the image's size in pixels."""

import os
from collections.abc import Callable
from typing import Any

CLASSES = 21


def deeplab_head(backbone: Any, high: str, low: str, size: int) -> Any:
    """A DeepLabV3+ head (arXiv 1802.02611) on two layers of a backbone from keras.applications."""
    import keras
    from keras import layers

    def conv(x: Any, filters: int, kernel: int, name: str, rate: int = 1) -> Any:
        x = layers.Conv2D(filters, kernel, padding="same", dilation_rate=rate, use_bias=False, name=f"head_{name}")(x)
        return layers.ReLU(name=f"head_{name}_relu")(layers.BatchNormalization(name=f"head_{name}_bn")(x))

    def to(x: Any, like: Any, name: str) -> Any:
        return layers.Resizing(like.shape[1], like.shape[2], interpolation="bilinear", name=f"head_{name}")(x)

    x = backbone.get_layer(high).output
    pooled = conv(layers.GlobalAveragePooling2D(keepdims=True, name="head_pool")(x), 256, 1, "pooled")
    branches = [to(pooled, x, "pooled_up"), conv(x, 256, 1, "aspp1")]
    branches += [conv(x, 256, 3, f"aspp{rate}", rate) for rate in (6, 12, 18)]
    x = conv(layers.Concatenate(name="head_aspp")(branches), 256, 1, "projected")
    skip = conv(backbone.get_layer(low).output, 48, 1, "skip")
    x = layers.Concatenate(name="head_join")([to(x, skip, "up"), skip])
    x = conv(conv(x, 256, 3, "fine_a"), 256, 3, "fine_b")
    x = layers.Conv2D(CLASSES, 1, name="head_logits")(x)
    return keras.Model(backbone.input, layers.Resizing(size, size, interpolation="bilinear", name="head_out")(x))


def applications(name: str, high: str, low: str) -> Callable[[int], Any]:
    """A backbone of keras.applications under that head."""

    def build(size: int) -> Any:
        import keras

        backbone = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(size, size, 3))
        return deeplab_head(backbone, high, low, size)

    return build


def hub_deeplab(size: int) -> Any:
    """DeepLabV3+ of keras-hub on its ResNet50: a model in a model, its heads opaque layers."""
    import keras_hub.models as hub

    encoder = hub.ResNetBackbone(
        input_conv_filters=[64], input_conv_kernel_sizes=[7], stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[3, 4, 6, 3], stackwise_num_strides=[1, 2, 2, 2], block_type="bottleneck_block",
        image_shape=(size, size, 3),
    )  # fmt: skip
    backbone = hub.DeepLabV3Backbone(
        image_encoder=encoder, low_level_feature_key="P2", spatial_pyramid_pooling_key="P5", upsampling_size=8,
        dilation_rates=[6, 12, 18],
    )  # fmt: skip
    return hub.DeepLabV3ImageSegmenter(backbone=backbone, num_classes=CLASSES)


def hub_segformer(depths: tuple[int, ...], widths: tuple[int, ...], projection: int) -> Callable[[int], Any]:
    """SegFormer of keras-hub: attention between tokens, models nested twice."""

    def build(size: int) -> Any:
        import keras_hub.models as hub

        encoder = hub.MiTBackbone(
            layerwise_depths=list(depths), num_layers=4, layerwise_num_heads=[1, 2, 5, 8],
            layerwise_sr_ratios=[8, 4, 2, 1], max_drop_path_rate=0.1, layerwise_patch_sizes=[7, 3, 3, 3],
            layerwise_strides=[4, 2, 2, 2], hidden_dims=list(widths), image_shape=(size, size, 3),
        )  # fmt: skip
        backbone = hub.SegFormerBackbone(image_encoder=encoder, projection_filters=projection)
        return hub.SegFormerImageSegmenter(backbone=backbone, num_classes=CLASSES)

    return build


def segmentation_models(kind: str, backbone: str) -> Callable[[int], Any]:
    """Of segmentation-models 1.0.1 (the last release, 2020)."""

    def build(size: int) -> Any:
        os.environ["SM_FRAMEWORK"] = "tf.keras"
        import segmentation_models

        return getattr(segmentation_models, kind)(
            backbone, input_shape=(size, size, 3), classes=CLASSES, activation="softmax", encoder_weights=None
        )

    return build


def segmodels_keras(kind: str, backbone: str) -> Callable[[int], Any]:
    """Of segmodels-keras, its successor for Keras 3."""

    def build(size: int) -> Any:
        import segmodels_keras

        size = size // 48 * 48 if kind == "PSPNet" else size  # its pooling wants a multiple of 48
        return getattr(segmodels_keras, kind)(
            backbone, input_shape=(size, size, 3), classes=CLASSES, activation="softmax", encoder_weights=None
        )

    return build


def unet_collection(name: str, *arguments: Any, **options: Any) -> Callable[[int], Any]:
    """Of keras-unet-collection 0.1.13."""

    def build(size: int) -> Any:
        from keras_unet_collection import models

        return getattr(models, name)((size, size, 3), *arguments, n_labels=CLASSES, **options)

    return build


WIDTHS = [64, 128, 256, 512]
ZOO: dict[str, dict[str, Callable[[int], Any]]] = {
    "keras-hub": {
        "DeepLabV3Plus ResNet50": hub_deeplab,
        "SegFormer B0": hub_segformer((2, 2, 2, 2), (32, 64, 160, 256), 256),
        "SegFormer B2": hub_segformer((3, 4, 6, 3), (64, 128, 320, 512), 768),
    },
    "keras.applications + DeepLabV3+ head": {
        "ResNet50": applications("ResNet50", "conv4_block6_out", "conv2_block3_out"),
        "MobileNetV2": applications("MobileNetV2", "block_13_expand_relu", "block_3_expand_relu"),
        "EfficientNetB0": applications("EfficientNetB0", "block6a_expand_activation", "block3a_expand_activation"),
        "DenseNet121": applications("DenseNet121", "pool4_relu", "pool2_relu"),
        "ConvNeXtTiny": applications(
            "ConvNeXtTiny", "convnext_tiny_stage_2_block_8_identity", "convnext_tiny_stage_0_block_2_identity"
        ),
        "EfficientNetB4": applications("EfficientNetB4", "block6a_expand_activation", "block3a_expand_activation"),
    },
    "segmentation-models": {
        "Unet resnet34": segmentation_models("Unet", "resnet34"),
        "Unet efficientnetb0": segmentation_models("Unet", "efficientnetb0"),
    },
    "segmodels-keras": {
        "FPN efficientnetb0": segmodels_keras("FPN", "efficientnetb0"),
        "Linknet mobilenetv2": segmodels_keras("Linknet", "mobilenetv2"),
        "PSPNet resnet34": segmodels_keras("PSPNet", "resnet34"),
    },
    "keras-unet-collection": {
        "unet_2d": unet_collection("unet_2d", [*WIDTHS, 1024]),
        "unet_plus_2d": unet_collection("unet_plus_2d", [16, 32, 64, 128, 256]),
        "att_unet_2d": unet_collection("att_unet_2d", WIDTHS),
        "u2net_2d, deep supervision": unet_collection("u2net_2d", filter_num_down=WIDTHS, deep_supervision=True),
        "swin_unet_2d": unet_collection(
            "swin_unet_2d", filter_num_begin=64, depth=4, stack_num_down=2, stack_num_up=2, patch_size=(4, 4),
            num_heads=[4, 8, 8, 8], window_size=[4, 2, 2, 2], num_mlp=512,
        ),
        "transunet_2d": unet_collection("transunet_2d", WIDTHS, num_transformer=4, embed_dim=256, num_mlp=512),
    },
}  # fmt: skip
"""Family -> name -> builder."""
