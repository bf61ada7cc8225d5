"""Four key shots of the explorer are as they were, within what fonts and smoothed edges change; a real fault is seen."""

import numpy as np
import pytest
from PIL import Image

from tests.ui.pictures.key_shots import PARTS, SHOTS, differences, look, reference
from tests.ui.pictures.scenes import DEMO, MANY, Scene


def kept(name, part):
    return np.asarray(Image.open(reference(name, part)).convert("RGB"))


def compare(name, seen):
    """Part -> in which ways it is not as it was."""
    found = {}
    for part, pixels in seen.items():
        candidate = reference(name, part).with_suffix(".new.png")  # at its size on the screen, for whoever looks
        candidate.unlink(missing_ok=True)
        if ways := differences(pixels, kept(name, part), PARTS[part][1]):
            Image.fromarray(pixels).save(candidate)
            found[part] = ways
    return found


def in_full(name, part):
    """A kept picture at its size on the screen."""
    shrink = PARTS[part][1].shrink
    return kept(name, part).repeat(shrink, 0).repeat(shrink, 1)


@pytest.mark.parametrize("name", SHOTS)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_like_itself_and_a_little_noise_is_no_fault(name, part):
    seen = in_full(name, part)
    assert not differences(seen, kept(name, part), PARTS[part][1])
    noise = np.random.default_rng(0).normal(0, 4, seen.shape)
    noisy = np.clip(seen + noise, 0, 255).astype(np.uint8)
    assert not differences(noisy, kept(name, part), PARTS[part][1])


@pytest.mark.parametrize("name", SHOTS)
@pytest.mark.parametrize("part", ["picture", "scale", "bars"])
def test_red_for_blue_is_a_fault(name, part):
    assert differences(in_full(name, part)[:, :, ::-1], kept(name, part), PARTS[part][1])


@pytest.mark.parametrize("name", SHOTS)
@pytest.mark.parametrize("part", ["picture", "bars"])
@pytest.mark.parametrize("axis", [0, 1])
def test_five_pixels_aside_are_a_fault(name, part, axis):
    assert differences(np.roll(in_full(name, part), 5, axis), kept(name, part), PARTS[part][1])


@pytest.mark.parametrize("name", SHOTS)
def test_another_size_is_a_fault(name):
    seen = in_full(name, "picture")
    assert differences(seen[:-20], kept(name, "picture"), PARTS["picture"][1])


def test_half_a_finding_is_a_fault():
    assert differences(in_full("blank", "findings")[::2], kept("blank", "findings"), PARTS["findings"][1])


# What is done to the explorer (a trait of a widget is set), and in which parts it must be seen.
TURNED = "np.frombuffer(explorer.canvas.lut, np.uint8).reshape(-1, 4)[::-1].tobytes()"
FAULTS = {
    "the colour scale is turned round": ("explorer.canvas", "lut", TURNED, {"picture", "scale"}),
    "the map is rectified": ("explorer.canvas", "relu", "True", {"picture", "scale"}),
    "the outline is not drawn": ("explorer.canvas", "region_visible", "False", {"picture"}),
    "the bars are hidden": ("explorer.histogram.bars", "visible", "False", {"bars"}),
    "the bars are red": ("explorer.histogram.bars", "colors", "['#cc3340']", {"bars"}),
    "the finding is not shown": ("explorer.findings.text", "value", "''", {"findings"}),
}
STYLES = {
    "the map lies five pixels to the side": (".sc-heat { transform: translateX(5px) }", {"picture"}),
    "the outline lies five pixels lower": (".sc-region { transform: translateY(5px) }", {"picture"}),
    "the remedy has no button": (".segcam-findings .jupyter-button { display: none }", {"findings"}),
    "the finding has no ground": (".segcam-finding { background: none !important }", {"findings"}),
    "a font with serifs": (".segcam-explorer * { font-family: serif !important }", set()),
}


@pytest.fixture
def scene(note, request):
    return Scene(note(request.param, "lab", "light"))


def like(scene, name):
    """Take a key shot, and compare it."""
    changed = compare(name, SHOTS[name].take(scene))
    assert not changed, f"{changed}; look at {name}-*.new.png; if right: python docs/pictures/make.py --update"


def wrong(scene, name):
    """The parts that are not as they were."""
    return {part for part, seen in look(scene).items() if differences(seen, kept(name, part), PARTS[part][1])}


@pytest.mark.slow
@pytest.mark.parametrize("scene", [DEMO], indirect=True, ids=["demo"])
def test_the_demo_s_key_shots_and_that_real_faults_are_seen(scene):
    like(scene, "blank")
    found, wanted = {}, {}
    for fault, (style, parts) in STYLES.items():
        tag = scene.page.add_style_tag(content=style)
        found[fault], wanted[fault] = wrong(scene, "blank"), parts
        tag.evaluate("tag => tag.remove()")
    for fault, (owner, trait, value, parts) in FAULTS.items():
        scene.note.eval(f"globals().update(before={owner}.{trait})")
        scene.note.eval(f"setattr({owner}, {trait!r}, {value})")
        found[fault], wanted[fault] = wrong(scene, "blank"), parts
        scene.note.eval(f"setattr({owner}, {trait!r}, before)")
    assert found == wanted
    like(scene, "region")
    like(scene, "remedy")


@pytest.mark.slow
@pytest.mark.parametrize("scene", [MANY], indirect=True, ids=["many"])
def test_the_key_shot_of_512_channels(scene):
    like(scene, "many")
