"""One network of the zoo in a process of its own: ``python -m benchmarks.zoo.measure FAMILY NAME SIZE`` prints JSON.

What is timed first is what a user waits for; the comparison with a tape comes last, because a tape over a whole network takes
more memory than anything that is measured here.
"""

import contextlib
import json
import os
import resource
import sys
import time
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

COMPARED = 10
TIMED = 4
SMALL = 1e-3
"""The relative error that is allowed."""


def peak() -> float:
    """GiB that this process has held at once so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def spread(items, count):
    """So many of them, evenly from first to last."""
    return [items[i] for i in sorted({round(i) for i in np.linspace(0, len(items) - 1, count)})]


def called(model, x):
    """What the model answers: some are built on a list of one input, and want a list."""
    import keras

    return model(keras.tree.pack_sequence_as(model.input, [x]), training=False)


def reference(model, step, call, x, *, field, squash, output):
    """The gradient of <field, logits> at a layer by one eager pass of the user's model under a tape."""
    import keras
    import tensorflow as tf

    layer, answers = step.layer, []
    original = layer.call

    def tapped(*args, **kwargs):
        answer = original(*args, **kwargs)
        tape.watch(answer)
        answers.append(answer)
        return answer

    object.__setattr__(layer, "call", tapped)
    try:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            y = keras.tree.flatten(called(model, x))[output]
            if squash == "softmax":  # exact but for a number a pixel, in which the field sums to zero
                y = tf.math.log(y)
            elif squash == "sigmoid":
                y = tf.math.log(y) - tf.math.log1p(-y)
            target = tf.reduce_sum(tf.reshape(y, [-1]) * field.reshape(-1))
        return tape.gradient(target, answers[call]).numpy()
    finally:
        object.__delattr__(layer, "call")


@contextlib.contextmanager
def bare(model, output):
    """The model without the softmax or sigmoid of an output: random weights drive probabilities to 0, whose logarithm is none."""
    import keras

    layer = model.outputs[output]._keras_history.operation
    kept = getattr(layer, "activation", None)
    if kept is None:
        yield False
        return
    layer.activation = keras.activations.linear
    try:
        yield True
    finally:
        layer.activation = kept


def compared_layers(probe):
    """Names of target layers with a layer of the user's own behind them: not the input, not what was made for the logits."""
    own = {step.path for step in probe._engine.plan.steps if step.layer is not None and step.run is step.layer}
    return spread([info.name for info in probe.layers[1:] if info.name in own], COMPARED)


def both(probe, model, name):
    """(ours, the tape's): the gradient of one field over the logits at a layer."""
    field = np.random.default_rng(1).normal(size=probe.logits.shape).astype(np.float32)
    field -= field.mean(-1, keepdims=True)
    engine = probe._engine
    squash = "none" if engine.logits.where == "absent" else engine.logits.squash
    step = next(step for step in engine.plan.steps if step.path == name)
    call = [s.path for s in engine.plan.steps if s.layer is step.layer].index(name)
    probe.pullback(name, field)
    engine.settle()  # compiled now; and no trace runs in another thread while the layer is tapped
    ours = probe.pullback(name, field).gradients
    with bare(model, engine._output_index) as has_logits:
        kind = "none" if has_logits else squash
        theirs = reference(model, step, call, probe.x, field=field, squash=kind, output=engine._output_index)
    return ours, theirs.reshape(ours.shape)


def apart(ours, theirs):
    """The largest difference, relative to the largest of theirs."""
    scale = np.abs(theirs).max()
    return float(np.abs(ours - theirs).max() / scale) if scale else float(np.abs(ours).max())


def in_float64(build, model, x, layer):
    """Ours and the tape's at a layer (the n-th that is compared), of the same network with the same weights in 64 bits."""
    import keras

    import segcam_widgets as sc

    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        precise = build()
        precise.set_weights(model.get_weights())
        probe = sc.open_probe(precise, x.astype(np.float64))
        return both(probe, precise, compared_layers(probe)[layer])
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def compare(build, probe, model):
    """The largest relative error at layers, against the tape; where it is not small, what 64 bits say of both.

    Networks with random weights may have gradients that 32 bits do not determine: a ReLU whose input is nearly zero opens or
    not with the order in which a sum is taken. A tape then differs from the truth as much as anything else does.
    """
    names = compared_layers(probe)
    errors = [apart(*both(probe, model, layer)) for layer in names]
    worst = int(np.argmax(errors))
    found = {"compared": len(errors), "error": errors[worst], "worst": names[worst]}
    if errors[worst] > SMALL:
        ours, theirs = both(probe, model, names[worst])
        precise, tape = in_float64(build, model, probe.x, worst)
        found["in_64_bits"] = {
            "error": apart(precise, tape), "of_32_bits": apart(ours, tape), "of_the_tape_of_32_bits": apart(theirs, tape),
        }  # fmt: skip
    return found


def measure(family, name, size):
    """Everything that the table says of one network."""
    import keras

    from benchmarks.zoo.networks import ZOO

    keras.utils.set_random_seed(0)
    start = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        model = ZOO[family][name](size)
    found = {"parameters": model.count_params(), "build_s": time.perf_counter() - start}
    shape = tuple(size if n is None else n for n in model.inputs[0].shape[1:])
    x = np.random.default_rng(0).uniform(0, 1, (1, *shape)).astype(np.float32)

    start = time.perf_counter()
    called(model, x)
    found |= {"first_forward_s": time.perf_counter() - start, "peak_before": peak()}

    import segcam_widgets as sc

    start = time.perf_counter()
    probe = sc.open_probe(model, x)
    found["open_s"] = time.perf_counter() - start
    found["steps"], found["layers"] = len(probe._engine.plan.steps), len(probe.layers)
    start = time.perf_counter()
    listed = [f"{info.name} {info.shape}" for info in probe.layers]
    found["list_s"], found["longest_name"] = time.perf_counter() - start, max(map(len, listed))

    names = compared_layers(probe)
    first, second = [], []
    for layer in spread(names, TIMED):
        for times in (first, second):
            start = time.perf_counter()
            sc.explain(probe, sc.CamQuery(layer, 1, sc.Everything()))
            times.append(time.perf_counter() - start)
            probe._engine.settle()  # a deep tail is compiled behind the first answer: the second has waited for it
    found |= {"first_query_s": float(np.median(first)), "second_query_s": float(np.median(second))}
    found |= {"first_query_worst_s": max(first), "second_query_worst_s": max(second)}
    found |= {"peak_gib": peak(), "load": os.getloadavg()[0]}
    found |= compare(lambda: ZOO[family][name](size), probe, model)
    return found


def main():
    """Print what was found, or why nothing was, as the last line."""
    family, name, size = sys.argv[1:]
    try:
        found = measure(family, name, int(size))
    except Exception as error:  # anything can be wrong with packages of others: the table says what
        traceback.print_exc()
        found = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
