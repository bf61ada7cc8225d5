"""Saved and read back: the same answer, whole or not at all, and words for everything that can be wrong with a folder."""

import errno
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segcam_widgets as sc
from segcam_widgets.core.explanation import storage
from segcam_widgets.core.picture.render import render
from tests.core.fake_probe import linear_head, random_network

REGIONS = {
    "class": None,
    "polygon": sc.Polygon(((0, 0), (0, 7.5), (9.25, 3))),
    "mask": sc.Mask(np.indices((12, 12)).sum(0) % 3 == 0),
    "algebra": (sc.Rectangle(0, 0, 8, 8) - sc.Brush(((2, 2), (5, 5)), 1.5)) | sc.Border(sc.PredictedClass("tree"), 2),
}


@pytest.fixture(scope="module")
def probe():
    return random_network(class_names=("sky", "tree", "röad <1>"))


def explained(probe, region=None, **query):
    return sc.explain(probe, sc.CamQuery("relu", "tree", region, **query))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
@pytest.mark.parametrize("query", [{}, {"method": "hirescam", "score": "margin", "rival": 2, "baseline": "midpoint"}])
def test_the_answer_comes_back(probe, tmp_path, region, query):
    ex = explained(probe, region, **query)
    assert ex.save(tmp_path / "one") == tmp_path / "one"
    again = sc.load_explanation(tmp_path / "one")
    assert again.isclose(ex, 0)
    assert (again.query, again.score, again.layer, again.notes) == (ex.query, ex.score, ex.layer, ex.notes)
    assert again.class_names == ex.class_names
    assert again.summary() == ex.summary()
    assert again.scalars() == ex.scalars()
    assert not again.cam.flags.writeable
    assert sc.explain(probe, again.query).isclose(ex, 0)


def test_what_is_in_the_folder(probe, tmp_path):
    ex = explained(probe)
    folder = ex.save(str(tmp_path / "a" / "b"))  # parents are made
    assert names(folder) == ["arrays.npz", "cam.png", "manifest.json"]
    assert names(folder.parent) == ["b"]
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "cam.png")), render(ex.upsampled()))
    data = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert data["schema_version"] == 1
    assert data["query"] == ex.query.to_dict()
    assert data["summary"] == ex.summary()
    assert data["class_names"] == list(ex.class_names)
    for name, value in ex.scalars().items():
        assert data[name] == value
    assert {"segcam_widgets", "python", "numpy"} <= set(data["versions"])
    assert data["versions"]["numpy"] == np.__version__
    assert data["arrays"]["activations"] == [6, 6, 4]


def test_an_undefined_gain_is_null_in_json(probe, tmp_path):
    folder = explained(probe, sc.Everything()).save(tmp_path / "x")
    text = (folder / "manifest.json").read_text()
    assert '"gain": null' in text
    assert "NaN" not in text
    assert np.isnan(sc.load_explanation(folder).gain)


def test_saving_again_replaces(probe, tmp_path):
    folder = explained(probe).save(tmp_path / "x")
    other = explained(probe, sc.Everything(), method="hirescam")
    other.save(folder)
    assert sc.load_explanation(folder).isclose(other, 0)
    assert names(tmp_path) == ["x"]


def test_an_empty_folder_and_a_link_to_one_will_do(probe, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    explained(probe).save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "real") == ["arrays.npz", "cam.png", "manifest.json"]


@pytest.mark.parametrize(
    "held",
    [
        {"thesis.txt": "years of work"},
        {"manifest.json": '{"name": "an extension of a browser"}'},
        {"manifest.json": "not json", "arrays.npz": ""},
        {"arrays.npz": "somebody's"},
    ],
)
def test_what_is_not_ours_is_not_overwritten(probe, tmp_path, held):
    for name, text in held.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(sc.SegCamError) as caught:
        explained(probe).save(tmp_path)
    assert str(caught.value) == (
        "`folder` must be new, empty, or hold one saved explanation and nothing else. "
        f"Received: '{tmp_path}', which holds other files."
    )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == held


def test_a_note_beside_a_saved_explanation_is_not_lost(probe, tmp_path):
    folder = explained(probe).save(tmp_path / "x")
    (folder / "note.txt").write_text("look at this one again")
    with pytest.raises(sc.SegCamError, match="which holds other files"):
        explained(probe).save(folder)
    assert (folder / "note.txt").exists()
    sc.load_explanation(folder)  # reading does not mind


def test_a_file_is_not_overwritten(probe, tmp_path):
    (tmp_path / "x").write_text("a file")
    with pytest.raises(sc.SegCamError) as caught:
        explained(probe).save(tmp_path / "x")
    place = tmp_path / "x"
    assert str(caught.value) == f"`folder` must be a folder, or a new name. Received: '{place}', which is a file."


@pytest.mark.parametrize("part", ["encode_png", "manifest", "_put_in_place"])
@pytest.mark.parametrize("before", [True, False])
def test_a_full_disk_leaves_what_was_there(probe, tmp_path, monkeypatch, part, before):
    folder, first = tmp_path / "x", explained(probe)
    if before:
        first.save(folder)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, part, full)
    with pytest.raises(sc.SegCamError) as caught:
        explained(probe, method="hirescam").save(folder)
    assert str(caught.value) == (
        f"`folder` must be a place that can be written (No space left on device). Received: '{folder}'."
    )
    assert names(tmp_path) == (["x"] if before else [])
    assert not before or sc.load_explanation(folder).isclose(first, 0)


def test_an_interrupted_rename_puts_the_old_one_back(probe, tmp_path, monkeypatch):
    folder, first = tmp_path / "x", explained(probe)
    first.save(folder)
    rename = Path.rename

    def fails_for_the_new(self, target):
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_the_new)
    with pytest.raises(sc.SegCamError, match="Input/output error"):
        explained(probe, method="hirescam").save(folder)
    assert names(tmp_path) == ["x"]
    assert sc.load_explanation(folder).isclose(first, 0)


@pytest.mark.parametrize("folder", [None, 3, "", b"", ["x"]])
@pytest.mark.parametrize("call", ["save", "load"])
def test_a_folder_must_be_a_path(probe, folder, call):
    with pytest.raises(sc.SegCamError) as caught:
        explained(probe).save(folder) if call == "save" else sc.load_explanation(folder)
    assert str(caught.value) == f"`folder` must be a path. Received: {folder!r}."


# ------------------------------------------------------------------ reading what is not whole


@pytest.fixture
def saved(probe, tmp_path):
    return explained(probe).save(tmp_path / "saved")


def edit(folder, **changes):
    data = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(data | changes))


def edit_arrays(folder, **changes):
    with np.load(folder / "arrays.npz") as stored:
        arrays = dict(stored)
    np.savez(folder / "arrays.npz", **{k: v for k, v in (arrays | changes).items() if v is not None})


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (shutil.rmtree, "is no folder"),
        (lambda folder: (folder / "manifest.json").unlink(), "has none"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "has none"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe"), "has none"),
        (lambda folder: (folder / "manifest.json").write_text("[" * 100_000), "has none"),
        (lambda folder: (folder / "manifest.json").write_text("[1, 2]"), "has none"),
        (lambda folder: edit(folder, format="another"), "has none"),
    ],
)
def test_no_saved_explanation(saved, make, state):
    make(saved)
    with pytest.raises(sc.SegCamError) as caught:
        sc.load_explanation(saved)
    assert str(caught.value) == (
        "`folder` must be one that Explanation.save wrote, with a manifest.json of the format "
        f"'segcam_widgets.explanation'. Received: '{saved}', which {state}."
    )


def test_a_query_without_a_score_was_about_the_centered_logit(saved):
    """Nothing that is saved lacks it; a manifest made by hand may, from the time when that was the default."""
    data = json.loads((saved / "manifest.json").read_text("utf-8"))
    edit(saved, query={**data["query"], "score": None})
    assert sc.load_explanation(saved).query.score == "centered_logit"
    assert sc.load_explanation(saved).summary()


def test_a_newer_schema_is_refused(saved):
    edit(saved, schema_version=2)
    with pytest.raises(sc.SegCamError) as caught:
        sc.load_explanation(saved)
    assert str(caught.value) == (
        "`folder` must be of schema version 1 or older: update segcam-widgets to read it. "
        f"Received: '{saved}', schema version 2."
    )


PICKLE = np.array([{"run": "me"}], dtype=object)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "arrays.npz").unlink(),
        lambda folder: (folder / "arrays.npz").write_bytes(b""),
        lambda folder: (folder / "arrays.npz").write_bytes((folder / "arrays.npz").read_bytes()[:900]),
        lambda folder: (folder / "arrays.npz").write_text("no archive"),
        lambda folder: edit_arrays(folder, cam=None),
        lambda folder: edit_arrays(folder, cam=np.zeros((3, 3), np.float32)),
        lambda folder: edit_arrays(folder, cam=np.zeros((6, 6))),
        lambda folder: edit_arrays(folder, cam=np.full((6, 6), np.nan, np.float32)),
        lambda folder: edit_arrays(folder, weights=np.zeros(7, np.float32)),
        lambda folder: edit_arrays(folder, mask=np.zeros((12, 12), bool)),
        lambda folder: edit_arrays(folder, mask=np.zeros((12, 12))),
        lambda folder: edit_arrays(folder, mask=PICKLE),
        lambda folder: edit(folder, score=None),
        lambda folder: edit(folder, score="much"),
        lambda folder: edit(folder, score=float("nan")),
        lambda folder: edit(folder, layer=None),
        lambda folder: edit(folder, layer={"name": "relu"}),
        lambda folder: edit(folder, layer={"name": "deep", "shape": [6, 6, 4], "kind": "", "activation": None}),
        lambda folder: edit(folder, class_names=["one"]),
        lambda folder: edit(folder, class_names=None),
        lambda folder: edit(folder, query=None),
        lambda folder: edit(folder, query={"layer": "relu"}),
        lambda folder: edit(folder, query={"layer": "relu", "class_index": 0, "colour": "red"}),
        lambda folder: edit(folder, query={"layer": "relu", "class_index": 0, "region": {"type": "blob"}}),
        lambda folder: edit(folder, notes=5),
    ],
)
def test_a_damaged_one(saved, damage):
    damage(saved)
    with pytest.raises(sc.SegCamError) as caught:
        sc.load_explanation(saved)
    start = f"`folder` must be a whole saved explanation. Received: '{saved}', which is damaged: "
    assert str(caught.value).startswith(start)
    assert len(str(caught.value)) > len(start)
    assert "\n" not in str(caught.value)


def test_one_flipped_bit_in_the_arrays_is_noticed(saved):
    with zipfile.ZipFile(saved / "arrays.npz") as archive:
        offset = archive.getinfo("activations.npy").header_offset
    data = bytearray((saved / "arrays.npz").read_bytes())
    data[offset + 200] ^= 1
    (saved / "arrays.npz").write_bytes(data)
    with pytest.raises(sc.SegCamError, match="which is damaged"):
        sc.load_explanation(saved)


def test_a_pickle_is_never_run(saved, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    edit_arrays(saved, mask=np.array([Trap()], dtype=object))
    with pytest.raises(sc.SegCamError, match="which is damaged"):
        sc.load_explanation(saved)
    assert not (tmp_path / "sprung").exists()


def test_the_home_folder_by_its_short_name(probe, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    explained(probe).save("~/kept")
    assert sc.load_explanation("~/kept").class_name == "tree"
    assert names(tmp_path) == ["kept"]


def test_a_map_of_zeros_can_be_saved(tmp_path):
    probe = linear_head(np.ones((2, 3, 1)), [[0.0, 0.0]])
    ex = sc.explain(probe, sc.CamQuery("image", 0, sc.Everything()))
    assert not ex.cam.any()
    assert sc.load_explanation(ex.save(tmp_path / "x")).isclose(ex, 0)
