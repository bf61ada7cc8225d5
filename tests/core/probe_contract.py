"""What the protocol `Probe` promises, as tests that any probe must pass.

Subclass :class:`ProbeContract` in a file of your own (named ``Test...``) and answer what stands at its top: a probe of a
small network with a skip connection, a second one without biases, and the name of a layer that leads nowhere.
"""

import functools

import numpy as np
import pytest

from segcam_widgets.core.answers import Cotangent, LayerInfo, Tail, input_layer
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.scores import SCORES
from segcam_widgets.errors import DisconnectedLayerError, SegCamError, UnknownLayerError

TAKING_A_LAYER = {
    "activations": lambda probe, name: probe.activations(name),
    "bypass": lambda probe, name: probe.bypass(name),
    "layer": lambda probe, name: probe.layer(name),
    "pullback": lambda probe, name: probe.pullback(name, np.ones(probe.logits.shape)),
    "pullback_float32": lambda probe, name: probe.pullback_float32(name, np.ones(probe.logits.shape)),
    "pushforward": lambda probe, name: probe.pushforward(name, np.ones((2, 2, 2))),
    "replay": lambda probe, name: probe.replay(name, np.ones((2, 2, 2))),
    "sweep": lambda probe, name: probe.sweep(np.ones(probe.logits.shape), [name]),
    "tail": lambda probe, name: probe.tail(name),
    "units": lambda probe, name: probe.units(name),
}


@functools.cache
def once(opened):
    """The probe that a function opens, the same for all tests."""
    return opened()


def names(probe):
    return [info.name for info in probe.layers]


def dot(one, other):
    return float((np.asarray(one, float) * np.asarray(other, float)).sum())


def close(ours, theirs, rel=2e-4):
    """Equal up to rounding: relative to the largest value, not to each."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= rel * max(np.abs(theirs).max(), 1e-6)


def answer(array, shape, dtype=np.float32):
    """An array as a probe hands it out."""
    assert isinstance(array, np.ndarray)
    assert array.shape == tuple(shape)
    assert array.dtype == dtype
    with pytest.raises(ValueError, match="read-only"):
        array[...] = 0


class ProbeContract:
    rel = 2e-4
    """How exact the probe is, relative to the largest value."""

    disconnected = None
    """The name of a layer of `opened()` that does not reach the logits; None if there can be none."""

    @staticmethod
    def opened():
        """A probe with truth, of a piecewise linear network of real inputs in which some tensor bypasses some layer."""
        raise NotImplementedError

    @staticmethod
    def opened_without_biases():
        """A probe of a piecewise linear network without biases in which a ReLU6 is full."""
        raise NotImplementedError

    @staticmethod
    def retrained():
        """A probe, and a function that changes the weights of its model; None if they cannot change."""
        return None

    @pytest.fixture
    def probe(self):
        return once(type(self).opened)

    @pytest.fixture
    def unbiased(self):
        return once(type(self).opened_without_biases)

    @pytest.fixture
    def rng(self):
        return np.random.default_rng(1)

    @pytest.fixture
    def field(self, probe, rng):
        return rng.normal(size=probe.logits.shape)

    @pytest.fixture
    def skipping(self, probe):
        """The name of a layer that some tensor bypasses."""
        return next(name for name in names(probe) if probe.bypass(name))

    # ------------------------------------------------------------------ what is there

    def test_it_is_a_probe(self, probe):
        assert isinstance(probe, Probe)

    def test_layers(self, probe):
        assert all(isinstance(info, LayerInfo) for info in probe.layers)
        assert len(set(names(probe))) == len(probe.layers) > 2
        assert input_layer(probe.layers) == probe.layers[0]
        for info in probe.layers:
            answer(probe.activations(info.name), info.shape)
        np.testing.assert_allclose(probe.activations(names(probe)[0]), probe.x.reshape(probe.layers[0].shape), 1e-6)

    def test_the_prediction(self, probe):
        shape, classes = probe.logits.shape, len(probe.class_names)
        assert shape[-1] == classes == len(set(probe.class_names))
        answer(probe.logits, shape)
        answer(probe.probabilities, shape)
        answer(probe.labels, shape[:2], np.int64)
        assert probe.probabilities.min() >= 0
        assert probe.probabilities.max() <= 1
        best = probe.probabilities.argmax(-1)
        if probe.multilabel:
            assert probe.head == "sigmoid"
            best[probe.probabilities.max(-1) <= 0.5] = -1
        else:
            np.testing.assert_allclose(probe.probabilities.sum(-1), 1, atol=1e-5)
        np.testing.assert_array_equal(probe.labels, best)

    def test_softmax_ignores_a_constant_and_sigmoid_is_of_each(self, probe):
        assert probe.head in ("softmax", "sigmoid")
        own = np.exp(probe.logits.astype(float))
        expected = own / (1 + own) if probe.multilabel else own / own.sum(-1, keepdims=True)
        np.testing.assert_allclose(probe.probabilities, expected, atol=1e-5)

    def test_the_input_and_the_picture(self, probe):
        assert probe.x.ndim == 3 or probe.x.shape[0] == 1
        assert np.issubdtype(probe.x.dtype, np.floating)
        assert not probe.x.flags.writeable
        answer(probe.image, (*probe.image.shape[:2], 3), np.uint8)

    def test_the_truth(self, probe):
        answer(probe.truth, probe.logits.shape[:2], np.int64)

    def test_the_default_score_applies(self, probe):
        SCORES[probe.default_score].check(len(probe.class_names), probe.multilabel)

    def test_the_tail(self, probe, unbiased):
        for each in (probe, unbiased):
            for name in names(each):
                tail = each.tail(name)
                assert isinstance(tail, Tail)
                assert not dict(tail.curved)
                assert not dict(tail.no_gradient)
                assert not tuple(tail.zero_weights)
                assert (tail.rectified, tail.half_precision) == (False, False)
        first = names(unbiased)[0]
        assert set(unbiased.tail(first).constants.values()) == {"full units"}

    # ------------------------------------------------------------------ names

    def test_a_layer_by_name(self, probe):
        assert [probe.layer(name) for name in names(probe)] == list(probe.layers)

    def test_a_layer_by_the_end_of_its_path(self, probe):
        endings = [name.split("/", 1)[1] for name in names(probe) if "/" in name]
        for ending in endings:
            assert probe.layer(ending).name.endswith("/" + ending)
            np.testing.assert_array_equal(probe.activations(ending), probe.activations(probe.layer(ending).name))

    @pytest.mark.parametrize("question", TAKING_A_LAYER)
    def test_an_unknown_layer(self, probe, question):
        for wrong in ("no such layer", None, 3):
            with pytest.raises(UnknownLayerError, match="`layer` must be one of"):
                TAKING_A_LAYER[question](probe, wrong)

    def test_a_layer_that_leads_nowhere(self, probe):
        if self.disconnected is None:
            pytest.skip("this kind of model has none")
        assert self.disconnected not in names(probe)
        for ask in TAKING_A_LAYER.values():
            with pytest.raises(DisconnectedLayerError, match="does not reach the logits"):
                ask(probe, self.disconnected)

    # ------------------------------------------------------------------ shapes of the answers

    def test_answers_are_read_only_float32(self, probe, field):
        shape = probe.logits.shape
        for info in probe.layers:
            pulled, swept = probe.pullback(info.name, field), probe.sweep(field)[info.name]
            answer(pulled.gradients, info.shape)
            answer(probe.pushforward(info.name, np.ones(info.shape)), shape)
            answer(probe.replay(info.name, np.ones(info.shape)), shape)
            answer(probe.units(info.name), shape)
            answer(swept.weights, info.shape[2:])
            answer(swept.grad_cam, info.shape[:2])
            answer(swept.hirescam, info.shape[:2])
            around = probe.bypass(info.name)
            assert set(pulled.bypass) == set(around)
            assert all(isinstance(share, float) for share in pulled.bypass.values())
            for tensor in around.values():
                answer(tensor, tensor.shape)

    def test_arguments_are_left_alone(self, probe, skipping, field):
        values = np.ones(probe.layer(skipping).shape)
        around = {name: np.array(tensor) for name, tensor in probe.bypass(skipping).items()}
        kept = field.copy(), values.copy(), {name: tensor.copy() for name, tensor in around.items()}
        probe.pullback(skipping, field, at=values)
        probe.pushforward(skipping, values, around)
        replayed = probe.replay(skipping, values, around)
        np.testing.assert_array_equal(field, kept[0])
        np.testing.assert_array_equal(values, kept[1])
        for name, tensor in around.items():
            np.testing.assert_array_equal(tensor, kept[2][name])
            tensor[...] = 7
        values[...] = 7
        close(probe.replay(skipping, *kept[1:]), replayed, self.rel)

    # ------------------------------------------------------------------ identities

    def test_replay_with_its_own_activations_is_the_prediction(self, probe):
        for name in names(probe):
            close(probe.replay(name, probe.activations(name)), probe.logits, self.rel)
            close(probe.replay(name, probe.activations(name), probe.bypass(name)), probe.logits, self.rel)

    def test_a_layer_and_its_bypass_determine_the_logits(self, probe, skipping, rng):
        first = names(probe)[0]
        x = rng.normal(size=probe.layer(first).shape)
        other = probe.replay(first, x)
        assert np.abs(other - probe.logits).max() > 0.01
        zeros = {name: np.zeros_like(tensor) for name, tensor in probe.bypass(skipping).items()}
        without = probe.replay(skipping, probe.activations(skipping), zeros)
        assert np.abs(without - probe.logits).max() > 0.01

    def test_pushforward_is_the_adjoint_of_pullback(self, probe, field, rng):
        for info in probe.layers:
            tangent = rng.normal(size=info.shape)
            pulled, pushed = probe.pullback(info.name, field), probe.pushforward(info.name, tangent)
            scale = np.linalg.norm(pushed) * np.linalg.norm(field)
            assert abs(dot(pushed, field) - dot(tangent, pulled.gradients)) <= self.rel * scale
            for name, tensor in probe.bypass(info.name).items():
                alone = probe.pushforward(info.name, np.zeros(info.shape), {name: tensor})
                scale = np.linalg.norm(alone) * np.linalg.norm(field)
                assert abs(dot(alone, field) - pulled.bypass[name]) <= self.rel * scale

    def test_pullback_is_the_slope_of_replay(self, probe, field, rng):
        for info in probe.layers:
            at = rng.normal(size=info.shape)  # where no two values tie, and no unit stands at its bend
            gradients = probe.pullback(info.name, field, at=at).gradients.astype(float)
            step = 1e-3 * gradients / np.linalg.norm(gradients)
            ahead, behind = (probe.replay(info.name, at + sign * step).astype(float) for sign in (1, -1))
            slope = dot(ahead - behind, field) / 2e-3
            assert slope == pytest.approx(np.linalg.norm(gradients), rel=0.02)

    def test_the_image_s_own_activations_are_the_default_point(self, probe, field):
        for name in names(probe):
            here = probe.pullback(name, field, at=probe.activations(name))
            close(here.gradients, probe.pullback(name, field).gradients, self.rel)

    def test_pullback_and_pushforward_are_linear(self, probe, field, rng):
        other = rng.normal(size=field.shape)
        for info in probe.layers:
            parts = [probe.pullback(info.name, each) for each in (field, other)]
            both = probe.pullback(info.name, 2 * field - 3 * other)
            close(both.gradients, 2 * parts[0].gradients - 3 * parts[1].gradients, self.rel)
            for name in both.bypass:
                expected = 2 * parts[0].bypass[name] - 3 * parts[1].bypass[name]
                assert both.bypass[name] == pytest.approx(expected, rel=1e-3, abs=1e-3)
            tangents = rng.normal(size=(2, *info.shape))
            around = probe.bypass(info.name)
            pushed = [probe.pushforward(info.name, tangents[0]), probe.pushforward(info.name, tangents[1], around)]
            doubled = {name: -3 * tensor for name, tensor in around.items()}
            whole = probe.pushforward(info.name, 2 * tangents[0] - 3 * tangents[1], doubled)
            close(whole, 2 * pushed[0] - 3 * pushed[1], self.rel)

    def test_the_parts_of_a_score_without_biases_add_up(self, unbiased, rng):
        field = rng.normal(size=unbiased.logits.shape)
        whole, full = dot(unbiased.logits, field), 0.0
        for name in names(unbiased):
            pulled, units = unbiased.pullback(name, field), dot(unbiased.units(name), field)
            parts = dot(pulled.gradients, unbiased.activations(name)), sum(pulled.bypass.values()), units
            assert sum(parts) == pytest.approx(whole, rel=1e-3, abs=1e-3 * max(map(abs, parts)))
            full = max(full, abs(units))
        assert full > 1e-2 * abs(whole)  # some unit is full, so that there is something to add

    def test_units_are_nothing_where_nothing_is_constant(self, probe):
        for name in names(probe):
            assert not dict(probe.tail(name).constants)
            assert not probe.units(name).any()

    def test_a_sweep_is_the_pullbacks_reduced(self, probe, field):
        swept = probe.sweep(field)
        assert list(swept) == names(probe)
        for name, found in swept.items():
            gradients, activations = probe.pullback(name, field).gradients, probe.activations(name)
            close(found.weights, gradients.mean((0, 1)), self.rel)
            close(found.grad_cam, activations @ gradients.mean((0, 1)), 10 * self.rel)
            close(found.hirescam, (activations * gradients).sum(-1), 10 * self.rel)
        some = names(probe)[2:0:-1]
        assert list(probe.sweep(field, some)) == some
        assert not probe.sweep(field, [])

    def test_in_32_bits_it_is_the_same(self, probe, field):
        for name in names(probe):
            here, there = probe.pullback(name, field), probe.pullback_float32(name, field)
            close(there.gradients, here.gradients, self.rel)
            assert dict(there.bypass) == pytest.approx(dict(here.bypass), rel=1e-3, abs=1e-3)

    def test_a_cotangent_in_factors_is_its_field(self, probe, rng):
        height, width, classes = probe.logits.shape
        mask, contrast = rng.random((height, width), np.float32), rng.normal(size=classes).astype(np.float32)
        rivals = rng.integers(0, classes, (height, width))
        whole = rng.normal(size=probe.logits.shape).astype(np.float32)
        forms = Cotangent(mask, contrast), Cotangent(mask, contrast, rivals=rivals), Cotangent(mask, dense=whole)
        for form in forms:
            field = form.to_array()
            for name in (names(probe)[0], names(probe)[-2]):
                expected = probe.pullback(name, field).gradients
                close(probe.pullback(name, form).gradients, expected, self.rel)
                close(probe.pullback_float32(name, form).gradients, expected, self.rel)
                close(probe.sweep(form)[name].weights, expected.mean((0, 1)), self.rel)

    # ------------------------------------------------------------------ the batch axis

    @pytest.mark.parametrize("count", [1, 3])
    def test_a_batch_is_its_single_answers(self, probe, skipping, rng, count):
        info, around = probe.layer(skipping), probe.bypass(skipping)
        fields = rng.normal(size=(count, *probe.logits.shape))
        points = rng.normal(size=(count, *info.shape))
        others = {name: rng.normal(size=(count, *tensor.shape)) for name, tensor in around.items()}
        pulled = probe.pullback(skipping, fields), probe.pullback(skipping, fields, at=points)
        pushed, replayed = (ask(skipping, points, others) for ask in (probe.pushforward, probe.replay))
        answer(pushed, fields.shape)
        answer(replayed, fields.shape)
        for index in range(count):
            one = {name: tensor[index] for name, tensor in others.items()}
            alone = (
                probe.pullback(skipping, fields[index]),
                probe.pullback(skipping, fields[index], at=points[index]),
            )
            for batch, single in zip(pulled, alone, strict=True):
                answer(batch.gradients, points.shape)
                close(batch.gradients[index], single.gradients, self.rel)
                for name in around:
                    assert batch.bypass[name].shape == (count,)
                    assert batch.bypass[name][index] == pytest.approx(single.bypass[name], rel=1e-3, abs=1e-3)
            close(pushed[index], probe.pushforward(skipping, points[index], one), self.rel)
            close(replayed[index], probe.replay(skipping, points[index], one), self.rel)

    def test_what_has_no_batch_axis_is_the_same_for_all(self, probe, skipping, rng, field):
        info, around = probe.layer(skipping), dict(probe.bypass(skipping))
        points = rng.normal(size=(3, *info.shape))
        for one in (field, field[None]):
            pulled = probe.pullback(skipping, one, at=points)
            for index, point in enumerate(points):
                close(pulled.gradients[index], probe.pullback(skipping, field, at=point).gradients, self.rel)
        for ask in (probe.pushforward, probe.replay):
            both = ask(skipping, points, around)
            for index, point in enumerate(points):
                close(both[index], ask(skipping, point, around), self.rel)
            several = {name: np.stack([tensor] * 3) for name, tensor in around.items()}
            close(ask(skipping, points[0], several), np.stack([ask(skipping, points[0], around)] * 3), self.rel)

    def test_batches_of_different_lengths_are_refused(self, probe, skipping):
        shape, around = probe.layer(skipping).shape, probe.bypass(skipping)
        three = {name: np.ones((3, *tensor.shape)) for name, tensor in around.items()}
        two = np.ones((2, *shape))
        for wrong in (
            lambda: probe.pullback(skipping, np.ones((3, *probe.logits.shape)), at=two),
            lambda: probe.pushforward(skipping, two, three),
            lambda: probe.replay(skipping, two, three),
        ):
            with pytest.raises(SegCamError, match="batches of one length"):
                wrong()

    # ------------------------------------------------------------------ what is refused

    def test_wrong_shapes(self, probe, skipping):
        layer, logits = probe.layer(skipping).shape, probe.logits.shape
        (name, tensor), *_ = probe.bypass(skipping).items()
        more, pairs = (layer[0] + 1, *layer[1:]), (1, 1)
        refused = {
            "`cotangent`": [
                lambda: probe.pullback(skipping, np.ones((*logits[:2], logits[2] + 1))),
                lambda: probe.pullback(skipping, np.ones((*pairs, *logits))),
                lambda: probe.pullback(skipping, np.ones((0, *logits))),
                lambda: probe.pullback_float32(skipping, np.ones(logits[:2])),
                lambda: probe.pullback_float32(skipping, np.ones((2, *logits))),
                lambda: probe.sweep(np.ones((2, *logits))),
                lambda: probe.sweep(np.ones(logits[1:])),
            ],
            "`at`": [lambda: probe.pullback(skipping, np.ones(logits), at=np.ones(more))],
            "`tangent`": [lambda: probe.pushforward(skipping, np.ones(more))],
            "`activations`": [
                lambda: probe.replay(skipping, np.ones(more)),
                lambda: probe.replay(skipping, np.ones((0, *layer))),
            ],
            "`bypass": [
                lambda: probe.replay(skipping, np.ones(layer), {name: np.ones((*tensor.shape, 2))}),
                lambda: probe.pushforward(skipping, np.ones(layer), {name: np.ones((*tensor.shape, 2))}),
                lambda: probe.replay(skipping, np.ones(layer), {"no such tensor": tensor}),
                lambda: probe.pushforward(skipping, np.ones(layer), {"no such tensor": tensor}),
            ],
        }
        for argument, calls in refused.items():
            for call in calls:
                with pytest.raises(SegCamError, match=argument):
                    call()

    # ------------------------------------------------------------------ other weights

    def test_without_a_change_nothing_is_dropped(self, probe):
        probe.refresh()
        assert probe.refresh() is False

    def test_other_weights(self):
        retrained = self.retrained()
        if retrained is None:
            pytest.skip("the weights of this kind of model cannot change")
        probe, change = retrained
        probe.refresh()
        name = names(probe)[-2]
        before, held = probe.logits, probe.activations(name)
        kept = before.copy(), held.copy()
        change()
        assert probe.refresh() is True
        assert probe.refresh() is False
        assert np.abs(probe.logits - before).max() > 1e-3
        np.testing.assert_array_equal(before, kept[0])
        np.testing.assert_array_equal(held, kept[1])
        close(probe.replay(name, probe.activations(name)), probe.logits, self.rel)
