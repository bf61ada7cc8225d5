"""The question: defaults filled in against a probe, values as keys, the form in JSON."""

import copy
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

import segcam_widgets as sc
from segcam_widgets.core.query import STRONGEST, from_before_margin
from segcam_widgets.core.resolve import resolve
from tests.core.fake_probe import linear_head, random_network
from tests.core.strategies import PROPERTY, can_be_asked, regions

NAMES = ("sky", "tree", "road")
PROBE = random_network(class_names=NAMES)


def test_resolving_leaves_no_none_and_no_name_of_a_class():
    resolved = resolve(sc.CamQuery("relu", "tree"), PROBE)
    assert resolved == sc.CamQuery("relu", 1, sc.PredictedClass(1), "margin", rival=STRONGEST)
    assert None not in vars(resolved).values()


def test_several_sigmoids_are_asked_for_the_logit():
    probe = random_network(class_names=NAMES, multilabel=True)
    assert resolve(sc.CamQuery("relu", 0), probe).score == "logit"


def test_one_class_alone_is_asked_for_the_logit():
    probe = linear_head(np.ones((2, 2, 1)), [[1.0]])
    assert resolve(sc.CamQuery("image", 0), probe).score == "logit"


@pytest.mark.parametrize(("names", "multilabel", "score"),
                         [(NAMES, False, "centered_logit"), (NAMES, True, "logit"), (("sky",), False, "logit")])  # fmt: skip
def test_a_query_from_before_the_margin_means_the_score_of_then(names, multilabel, score):
    stored = sc.CamQuery.from_dict({"layer": "relu", "class_index": 0})
    assert from_before_margin(stored, names, multilabel) == replace(stored, score=score)
    said = replace(stored, score="probability")
    assert from_before_margin(said, names, multilabel) is said


def test_the_rival_by_name():
    query = sc.CamQuery("relu", "sky", score="margin", rival="road")
    assert resolve(query, PROBE).rival == 2


@st.composite
def queries(draw):
    score = draw(st.sampled_from([None, *sc.SCORES]))
    index, rival = draw(st.permutations(range(3)))[:2]
    either = st.booleans().map(lambda by_name: (lambda i: NAMES[i]) if by_name else (lambda i: i))
    rivals = [None, STRONGEST, draw(either)(rival)]
    layer, method = draw(st.sampled_from(["relu", "deep", "image"])), draw(st.sampled_from(tuple(sc.METHODS)))
    assume(can_be_asked(PROBE, layer, method))
    return sc.CamQuery(
        layer,
        draw(either)(index),
        draw(st.one_of(st.none(), regions())),
        score,
        method,
        draw(st.sampled_from(sc.METHODS[method].accepted_baselines)),
        draw(st.sampled_from(rivals)) if score == "margin" else None,
    )


@PROPERTY
@given(queries())
def test_a_query_is_a_value(query):
    again = sc.CamQuery.from_dict(json.loads(json.dumps(query.to_dict())))
    assert again == query
    assert hash(again) == hash(query)
    for other in (pickle.loads(pickle.dumps(query)), copy.deepcopy(query)):
        assert other == query
        assert hash(other) == hash(query)


@PROPERTY
@given(queries())
def test_resolving_twice_is_resolving_once(query):
    once = resolve(query, PROBE)
    assert resolve(once, PROBE) == once
    assert sc.CamQuery.from_dict(json.loads(json.dumps(once.to_dict()))) == once


def test_numbers_of_numpy_become_pythons():
    query = sc.CamQuery("relu", np.int64(1), rival=np.uint8(2), options={"window": np.int32(4)})
    assert json.loads(json.dumps(query.to_dict())) == query.to_dict()
    assert query == sc.CamQuery("relu", 1, rival=2, options={"window": 4})


def test_options_are_frozen_and_their_order_does_not_matter():
    given_ = {"b": 1, "a": 2}
    query = sc.CamQuery("relu", 0, options=given_)
    given_["b"] = 3
    assert query.options == {"a": 2, "b": 1}
    assert hash(query) == hash(sc.CamQuery("relu", 0, options={"a": 2, "b": 1}))
    assert repr(query.options) == "{'a': 2, 'b': 1}"
    with pytest.raises(TypeError):
        query.options["a"] = 5


def test_a_query_cannot_be_changed():
    with pytest.raises(AttributeError):
        sc.CamQuery("relu", 0).layer = "deep"


def test_the_answer_carries_the_resolved_query():
    ex = sc.explain(PROBE, sc.CamQuery("relu", "tree"))
    assert ex.query == resolve(sc.CamQuery("relu", "tree"), PROBE)
    again = sc.explain(PROBE, ex.query)
    assert again.isclose(ex, 0)


def test_a_class_called_strongest_is_given_by_its_index():
    probe = linear_head(np.ones((2, 2, 1)), [[1.0, 2.0, 3.0]], class_names=("a", "b", "strongest"))
    assert resolve(sc.CamQuery("image", "a", score="margin", rival=2), probe).rival == 2
    assert resolve(sc.CamQuery("image", "a", score="margin", rival="strongest"), probe).rival == STRONGEST
