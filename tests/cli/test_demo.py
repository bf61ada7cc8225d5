"""`segcam demo NAME`: which demo, and what is shown of it first."""

import pytest

from segcam_widgets.cli import main
from segcam_widgets.demo import first_view

pytestmark = [pytest.mark.keras, pytest.mark.slow]


@pytest.mark.parametrize(
    ("arguments", "name", "classes"),
    [((), "textures", 3), (("textures",), "textures", 3), (("question",), "question", 10)],
)
def test_a_demo_opens_where_its_class_is_blank(served, arguments, name, classes):
    explorer = served("demo", *arguments)
    assert explorer.flush(120)
    assert explorer.error.value == ""
    layer, class_name = first_view(name)
    assert explorer.query.layer == layer
    assert explorer.query.score == "margin"
    assert explorer.explanation.is_empty
    assert len(explorer.probe.class_names) == classes
    assert explorer.probe.class_names[explorer.query.class_index] == class_name
    explorer.images.next.click()
    assert explorer.flush(120)
    assert explorer.explanation.is_empty  # on the next picture, too


def test_a_demo_that_there_is_not_is_one_sentence_and_exit_code_2(capfd):
    assert main(["demo", "qestion", "--no-browser"]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    expected = "segcam: `name` must be one of textures, question. Received: 'qestion'. Did you mean 'question'?\n"
    assert said.err == expected


def test_more_than_one_demo_is_refused(capfd):
    with pytest.raises(SystemExit) as caught:
        main(["demo", "question", "textures"])
    assert caught.value.code == 2
    assert "Traceback" not in capfd.readouterr().err
