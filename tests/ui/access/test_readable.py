"""The explorer can be read: axe-core's rules, contrast, and no text that is cut or lies under something else.

One page an application and theme: few and many channels, classes and layers, narrow and wide, panels closed and open.
"""

import pytest

from tests.ui.access.view import CODE, LOOK, View

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = (340, 800, 1400)
LOOKED = {
    "aria-input-field-name",
    "aria-required-attr",
    "button-name",
    "color-contrast",
    "label",
    "select-name",
}
ERROR = "`layer` must be one of deep, middle, tail. Received: 'teil'. The picture still shows the last answer."


def check_rules(view, state):
    """No finding of axe-core that is serious or critical, and no pale text that it left undecided."""
    from axe_playwright_python.sync_playwright import Axe

    report = Axe().run(view.page, ".segcam-explorer", {"resultTypes": ["violations"]})
    serious = [rule for rule in report.response["violations"] if rule["impact"] in ("serious", "critical")]
    assert not serious, f"{state}: {report.generate_report()}"
    assert {rule["id"] for rule in report.response["passes"]} >= LOOKED
    check_contrast(view, state)


def check_contrast(view, state):
    found = view.look("pale")
    assert found["checked"] > 40
    assert not found["pale"], (state, found["pale"])


def check_layout(view, state):
    for width in WIDTHS:
        view.resize(width)
        assert view.in_the_end("cut") == [], (state, width)
        assert view.look("overlapping") == [], (state, width)
        assert view.in_the_end("scrolling") == [], (state, width)
        assert view.look("sideways") <= 0, (state, width)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_voila(note, theme):
    view = View(note(CODE, "voila", theme))
    check_rules(view, "closed")
    for name in ("small", "large"):
        view.open_image(name)
        for which in (0, 1):
            view.set_panels(opened=True, which=which)
            check_layout(view, f"{name}, panels {which}")
            check_contrast(view, f"{name}, panels {which}")
        check_rules(view, f"{name}, open")
    view.say_error(ERROR)
    check_rules(view, "error")
    view.eval("explorer.busy.show(True)")
    check_layout(view, "error, busy")


def test_in_jupyterlab(note):
    """Its own colours, fonts and widths, in both themes."""
    view = View(note(CODE, "lab", "light"))
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        view.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        for which in (0, 1):
            view.set_panels(opened=True, which=which)
            check_rules(view, f"{theme}, panels {which}")
        view.say_error(ERROR)
        check_rules(view, f"{theme}, error")
        assert view.look("cut") == []
        assert view.look("overlapping") == []
        view.eval("explorer._say_error('')")


def test_the_looking_itself(chromium):
    """What it must find, on a page that has it all."""
    page = chromium.new_page(viewport={"width": 400, "height": 300})
    page.set_content("""<div id="root" style="color: #999; background: #fff; font: 14px sans-serif">
        <p>pale</p>
        <p style="color: #000; width: 40px; overflow: hidden; white-space: nowrap">cut where it ends</p>
        <select style="color: #000; width: 50px"><option>wider than the menu</option></select>
        <p style="color: #000; width: 40px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis" title="all of it">
        all of it</p>
        <button style="color: #000; position: absolute; top: 200px; left: 9px">below</button>
        <button style="color: #000; position: absolute; top: 205px; left: 20px">above</button>
        <p style="color: #000; position: absolute; top: 240px; width: 600px; white-space: nowrap">
        beyond the edge, as this sentence is: far too long for a page that is so narrow</p>
    </div>""")
    page.evaluate(LOOK)
    root = page.locator("#root")
    assert [line.split(" | ")[1] for line in root.evaluate("root => look.pale(root).pale")] == ["pale"]
    cut = [line.split(" | ")[1] for line in root.evaluate("root => look.cut(root)")]
    assert [words[:19] for words in cut] == ["cut where it ends", "wider than the menu", "beyond the edge, as"]
    assert len(root.evaluate("root => look.overlapping(root)")) == 1
    assert root.evaluate("root => look.sideways(root)") > 100
    page.close()
