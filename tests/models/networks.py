"""Small seeded networks, one for each way in which people build and end a segmentation network.

Every builder answers the model and how to compute its logits from the layers: nothing of the package is used here.
"""

import keras
import numpy as np
from keras import layers

SIZE = 16
CLASSES = 4


def image(size=SIZE, channels=3, seed=0):
    return np.random.default_rng(seed).normal(size=(size, size, channels)).astype(np.float32)


class Seeds:
    """Initializers with a seed of their own each: the global random state is neither read nor set."""

    def __init__(self, start=0):
        self._next = start

    def __call__(self):
        self._next += 1
        return keras.initializers.HeNormal(seed=self._next)

    def bias(self):
        self._next += 1
        return keras.initializers.RandomNormal(stddev=0.3, seed=self._next)

    def conv(self, filters, kernel=3, **options):
        options = {"padding": "same", "activation": "relu"} | options
        return layers.Conv2D(filters, kernel, kernel_initializer=self(), bias_initializer=self.bias(), **options)


def body(x, seeds, size_factor=1):
    """A small U: down once, up once, one skip connection."""
    first = seeds.conv(6, name="enc")(x)
    deep = seeds.conv(8, name="deep")(layers.MaxPooling2D(name="pool")(first))
    up = layers.Conv2DTranspose(6, 2, strides=2, kernel_initializer=seeds(), name="up")(deep)
    return seeds.conv(6, name="dec")(layers.Concatenate(name="join")([up, first]))


def small(end="softmax", *, classes=CLASSES, size=SIZE, dtype=None):
    """The network that most tests use: layers enc, pool, deep, up, join, dec, logits, and an end.

    end: "softmax", "sigmoid" as a layer of its own, "none", "fused softmax", "fused sigmoid".
    """
    seeds = Seeds()
    x = inputs = keras.Input((size, size, 3), name="image", dtype=dtype)
    x = body(x, seeds)
    fused = end.removeprefix("fused ") if end.startswith("fused") else None
    x = seeds.conv(classes, 1, activation=fused, name="logits")(x)
    if end == "softmax":
        x = layers.Softmax(name="softmax")(x)
    elif end == "sigmoid":
        x = layers.Activation("sigmoid", name="sigmoid")(x)
    return keras.Model(inputs, x, name="small")


# ------------------------------------------------------------------ endings


def resized_logits():
    """The usual head of a DeepLab: logits at half size, resized, softmax."""
    seeds = Seeds(100)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.MaxPooling2D(name="halve")(body(inputs, seeds))
    x = seeds.conv(CLASSES, 1, activation=None, name="logits")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="resize")(x)
    return keras.Model(inputs, layers.Activation("softmax", name="softmax")(x))


def softmax_then_resize():
    """Softmax at half size, its probabilities resized: they are not the softmax of any resized logits."""
    seeds = Seeds(200)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.MaxPooling2D(name="halve")(body(inputs, seeds))
    x = seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x)
    return keras.Model(inputs, layers.UpSampling2D(2, interpolation="bilinear", name="resize")(x))


def flattened(activation="softmax"):
    """(H * W, C), as old SegNets end."""
    seeds = Seeds(300)
    inputs = keras.Input((SIZE, SIZE - 4, 3), name="image")
    x = seeds.conv(CLASSES, 1, activation=None, name="logits")(body(inputs, seeds))
    x = layers.Reshape((SIZE * (SIZE - 4), CLASSES), name="flat")(x)
    return keras.Model(inputs, layers.Activation(activation, name="squash")(x))


def fused_then_flattened():
    seeds = Seeds(310)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(CLASSES, 1, activation="softmax", name="logits")(body(inputs, seeds))
    return keras.Model(inputs, layers.Reshape((SIZE * SIZE, CLASSES), name="flat")(x))


def cropped(after=True):
    """Padded at the entry, cropped behind the softmax or before it."""
    seeds = Seeds(400)
    inputs = keras.Input((SIZE - 4, SIZE - 4, 3), name="image")
    x = body(layers.ZeroPadding2D(2, name="pad")(inputs), seeds)
    x = seeds.conv(CLASSES, 1, activation=None, name="logits")(x)
    crop, softmax = layers.Cropping2D(2, name="crop"), layers.Softmax(name="softmax")
    return keras.Model(inputs, crop(softmax(x)) if after else softmax(crop(x)))


def sliced():
    """Cropped by indexing the tensor."""
    seeds = Seeds(450)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(CLASSES, 1, activation="softmax", name="logits")(body(inputs, seeds))
    return keras.Model(inputs, x[:, 2:-2, 2:-2])


def dense_head():
    seeds = Seeds(500)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = body(inputs, seeds)
    return keras.Model(inputs, layers.Dense(CLASSES, "softmax", kernel_initializer=seeds(), name="logits")(x))


def raw_softmax():
    """keras.ops in the graph instead of layers."""
    seeds = Seeds(600)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(CLASSES, 1, activation=None, name="logits")(body(inputs, seeds))
    return keras.Model(inputs, keras.ops.softmax(x * 2.0 + 0.5))


def tensorflow_softmax():
    """tf.nn.softmax as activation: Keras knows it by no name."""
    import tensorflow as tf

    seeds = Seeds(650)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(CLASSES, 1, activation=None, name="logits")(body(inputs, seeds))
    return keras.Model(inputs, layers.Activation(tf.nn.softmax, name="softmax")(x))


@keras.saving.register_keras_serializable("segcam_tests")
class HiddenSoftmax(layers.Layer):
    """A layer of one's own with the softmax inside."""

    def call(self, x):
        return keras.ops.softmax(x)


@keras.saving.register_keras_serializable("segcam_tests")
class FusedHead(layers.Layer):
    """A last layer of one's own, with weights and activation, that cannot be rebuilt from its settings."""

    def __init__(self, activation, seeds):
        super().__init__(name="head")
        self.inner = seeds.conv(CLASSES, 1, activation=None)
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.activation(self.inner(x))


def hidden_softmax():
    seeds = Seeds(700)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(CLASSES, 1, activation=None, name="logits")(body(inputs, seeds))
    return keras.Model(inputs, HiddenSoftmax(name="hidden")(x))


def fused_head(activation="softmax"):
    seeds = Seeds(750)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    return keras.Model(inputs, FusedHead(activation, seeds)(body(inputs, seeds)))


def rectified_logits():
    """ReLU on the logits, then softmax."""
    seeds = Seeds(800)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(CLASSES, 1, activation="relu", name="logits")(body(inputs, seeds))
    return keras.Model(inputs, layers.Softmax(name="softmax")(x))


ENDINGS = {
    "softmax layer": small,
    "softmax fused in Conv2D": lambda: small("fused softmax"),
    "logits": lambda: small("none"),
    "one-channel sigmoid layer": lambda: small("sigmoid", classes=1),
    "one-channel sigmoid fused": lambda: small("fused sigmoid", classes=1),
    "one-channel logits": lambda: small("none", classes=1),
    "multi-label sigmoid layer": lambda: small("sigmoid"),
    "multi-label sigmoid fused": lambda: small("fused sigmoid"),
    "softmax fused in Dense": dense_head,
    "resized, then softmax": resized_logits,
    "flattened, then softmax": flattened,
    "flattened, then sigmoid": lambda: flattened("sigmoid"),
    "fused softmax, then flattened": fused_then_flattened,
    "softmax, then cropped": cropped,
    "cropped, then softmax": lambda: cropped(after=False),
    "softmax, then sliced": sliced,
    "keras.ops.softmax": raw_softmax,
    "tf.nn.softmax": tensorflow_softmax,
    "softmax inside a layer": hidden_softmax,
    "softmax in a head of one's own": fused_head,
    "sigmoid in a head of one's own": lambda: fused_head("sigmoid"),
    "rectified logits": rectified_logits,
}


# ------------------------------------------------------------------ structures


def sequential():
    seeds = Seeds(1000)
    return keras.Sequential([
        keras.Input((SIZE, SIZE, 3)),
        seeds.conv(6, name="a"),
        layers.AveragePooling2D(2, name="pool"),
        seeds.conv(6, name="b"),
        layers.UpSampling2D(interpolation="bilinear", name="up"),
        seeds.conv(CLASSES, 1, activation="softmax", name="logits"),
    ])  # fmt: skip


def nested():
    """A backbone as a model of its own with two outputs, as keras-hub builds them."""
    seeds = Seeds(1100)
    entry = keras.Input((SIZE, SIZE, 3))
    early = seeds.conv(6, name="early")(entry)
    late = seeds.conv(8, name="late")(layers.MaxPooling2D(name="pool")(early))
    backbone = keras.Model(entry, [early, late], name="backbone")
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    early, late = backbone(inputs)
    x = layers.UpSampling2D(name="up")(late)
    x = layers.Concatenate(name="join")([x, early])
    return keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x))


def twice_nested():
    """An unnamed Sequential inside an unnamed model inside a model."""
    seeds = Seeds(1200)
    inner = keras.Sequential([keras.Input((None, None, 6)), seeds.conv(6, name="x"), seeds.conv(6, name="y")])
    entry = keras.Input((SIZE, SIZE, 3))
    middle = keras.Model(entry, inner(seeds.conv(6, name="stem")(entry)))
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(CLASSES, 1, activation=None, name="logits")(middle(inputs))
    return keras.Model(inputs, layers.Softmax(name="softmax")(x))


def shared():
    """One convolution called twice, and one model called twice."""
    seeds = Seeds(1300)
    feat = seeds.conv(6, name="feat")
    block = keras.Sequential([keras.Input((None, None, 6)), seeds.conv(6, name="inside")], name="block")
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(6, name="stem")(inputs)
    x = block(feat(block(feat(x))))
    return keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x))


def with_norms():
    """Batch norm whose statistics are not those of the batch, and dropout: inference mode, or all is wrong."""
    seeds = Seeds(1400)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(6, activation=None, name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.Dropout(0.5, name="drop")(x)
    x = layers.SpatialDropout2D(0.5, name="spatial_drop")(x)
    x = layers.GaussianNoise(1.0, name="noise")(x)
    x = layers.DepthwiseConv2D(3, padding="same", depthwise_initializer=seeds(), name="depthwise")(x)
    x = layers.BatchNormalization(name="norm2")(x)
    x = seeds.conv(CLASSES, 1, activation="softmax", name="logits")(layers.ReLU(6.0, name="relu6")(x))
    return _unsettled(keras.Model(inputs, x))


def _unsettled(model):
    """Moving statistics far from the image's own."""
    rng = np.random.default_rng(5)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([
                rng.uniform(0.5, 2, gamma.shape), rng.normal(size=beta.shape),
                rng.normal(size=mean.shape), rng.uniform(0.5, 4, variance.shape),
            ])  # fmt: skip
    return model


@keras.saving.register_keras_serializable("segcam_tests")
class Pyramid(layers.Layer):
    """Pooling, convolution, batch norm, and `Resizing`, whose training=True leaks to the batch norm called behind it."""

    def __init__(self, **options):
        super().__init__(**options)
        seeds = Seeds(1500)
        self.convs = [seeds.conv(4, 1, activation=None) for _ in range(2)]
        self.norms = [layers.BatchNormalization() for _ in range(2)]

    def build(self, shape):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            conv.build(shape)
            norm.build((*shape[:-1], 4))

    def call(self, x):
        height, width = x.shape[1:3]
        parts = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            y = layers.AveragePooling2D(4)(x)
            y = layers.Resizing(height, width, interpolation="bilinear")(y)
            parts.append(keras.ops.relu(norm(conv(y))))
        return keras.ops.concatenate(parts, -1)


def resizing_inside():
    seeds = Seeds(1600)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = Pyramid(name="pyramid")(seeds.conv(6, name="conv")(inputs))
    return _unsettled(keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x)))


def curved():
    """Attention, layer norm, GELU, swish, squeeze and excite: nothing is piecewise linear."""
    seeds = Seeds(1700)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(8, activation="gelu", strides=2, name="conv")(inputs)
    tokens = layers.Reshape((SIZE * SIZE // 4, 8), name="tokens")(layers.LayerNormalization(name="norm")(x))
    attention = layers.MultiHeadAttention(2, 4, kernel_initializer=seeds(), name="attention")(tokens, tokens)
    x = layers.Add(name="add")([x, layers.Reshape((SIZE // 2, SIZE // 2, 8), name="grid")(attention)])
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    gate = layers.Dense(8, "sigmoid", kernel_initializer=seeds(), name="excite")(gate)
    x = layers.Multiply(name="gated")([x, gate])
    x = layers.Resizing(SIZE, SIZE, interpolation="bicubic", name="resize")(x)
    return keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x))


@keras.saving.register_keras_serializable("segcam_tests")
class Halves(layers.Layer):
    """Answers a tuple."""

    def call(self, x):
        return keras.ops.split(x, 2, axis=-1)


def tuple_layer():
    seeds = Seeds(1800)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    left, right = Halves(name="halves")(seeds.conv(8, name="conv")(inputs))
    x = layers.Add(name="add")([seeds.conv(6, name="left")(left), seeds.conv(6, name="right")(right)])
    return keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x))


def raw_operations():
    """keras.ops and a Lambda between the layers."""
    import tensorflow as tf

    seeds = Seeds(1900)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = keras.ops.leaky_relu(seeds.conv(6, activation=None, name="conv")(inputs))
    y = keras.ops.max(x, axis=-1, keepdims=True)
    x = keras.ops.concatenate([x * 0.5 - y, y], axis=-1)
    x = layers.Lambda(lambda t: tf.image.resize(t, (SIZE // 2, SIZE // 2)), name="shrink")(x)
    x = keras.ops.image.resize(seeds.conv(6, name="conv2")(x), (SIZE, SIZE))
    return keras.Model(inputs, keras.ops.softmax(seeds.conv(CLASSES, 1, activation=None, name="logits")(x)))


@keras.saving.register_keras_serializable("segcam_tests")
class Repeated(layers.Layer):
    """A loop and a branch inside the graph, and a tf.function of its own."""

    def call(self, x):
        import tensorflow as tf

        @tf.function
        def damped(t):
            return t * 0.5 + 0.1 * t * t

        x = damped(x)
        _, x = tf.while_loop(lambda i, _: i < 3, lambda i, t: (i + 1, tf.tanh(t) + 0.3 * t), (tf.constant(0), x))
        return tf.cond(tf.reduce_sum(x) > 1e9, lambda: x, lambda: 2 * x)

    def compute_output_shape(self, shape):
        return shape


def control_flow():
    seeds = Seeds(2000)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = Repeated(name="repeated")(seeds.conv(6, name="conv")(inputs))
    x = seeds.conv(6, name="conv2")(x)
    return keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x))


def frozen_layers():
    model = small()
    for layer in model.layers:
        layer.trainable = False
    return model


def dynamic():
    return small(size=None)


def atrous():
    """Dilated and strided convolutions, separable ones, transposed with odd kernels, PReLU."""
    seeds = Seeds(2100)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(6, strides=2, name="strided")(inputs)
    x = layers.add([seeds.conv(6, dilation_rate=rate, name=f"dilated{rate}")(x) for rate in (1, 2, 3)], name="sum")
    x = layers.PReLU(alpha_initializer=keras.initializers.Constant(0.2), name="prelu")(x)
    x = layers.SeparableConv2D(
        6, 3, padding="same", depthwise_initializer=seeds(), pointwise_initializer=seeds(), name="separable"
    )(x)
    x = layers.Conv2DTranspose(5, 3, strides=2, padding="same", kernel_initializer=seeds(), name="transposed")(x)
    return keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x))


STRUCTURES = {
    "Sequential": sequential,
    "nested": nested,
    "twice nested": twice_nested,
    "shared layers": shared,
    "batch norm and dropout": with_norms,
    "Resizing inside a layer": resizing_inside,
    "attention, GELU, layer norm": curved,
    "a layer that answers a tuple": tuple_layer,
    "raw operations and a Lambda": raw_operations,
    "loop, branch, tf.function": control_flow,
    "frozen": frozen_layers,
    "dynamic sizes": dynamic,
    "dilated, strided, separable": atrous,
}
NETWORKS = ENDINGS | STRUCTURES
