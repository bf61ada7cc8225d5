"""The explorer by keyboard alone, as a screen reader tells of it: every control is reached, seen, named and works.

In JupyterLab, which has keys of its own.
"""

import pytest

from tests.ui.access.view import CODE, View

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REMEMBER = """root => {
    window.controls = [...root.querySelectorAll(look.CONTROLS + ", [tabindex='0']")].filter((e) => look.isSeen(e) && !e.disabled);
    window.rest = controls.map(look.outlined);
    window.said = [];
    const listener = new MutationObserver((changes) => {
        for (const { target } of changes) {
            const e = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
            const live = e?.closest("[aria-live], [role=status]") ?? e?.querySelector("[role=alert]");
            if (live && root.contains(live) && live.textContent.trim()) said.push(live.textContent.trim());
        }
    });
    listener.observe(root, { subtree: true, childList: true, characterData: true });
    root.tabIndex = -1;
    root.focus();
    return controls.map(look.tell);
}"""
STOP = """root => {
    const [e, outline] = [document.activeElement, look.outlined(document.activeElement)];
    const at = controls.indexOf(e);
    const changed = outline.shown && JSON.stringify(outline) !== JSON.stringify(rest[at]);
    return { inside: root.contains(e) && e !== root, at, what: look.tell(e), visible: changed, ratio: outline.ratio };
}"""
NAMED = (
    "button",
    "slider",
    "textbox",
    "combobox",
    "checkbox",
    "spinbutton",
    "application",
    "img",
    "image",
    "region",
    "toolbar",
)


class Keys(View):
    """A person who has a keyboard and hears what is said."""

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def reach(self, name, role=None):
        """Tab to a control, forwards."""
        for _ in range(80):
            found = self.page.evaluate(
                """([name, role]) => {
                    const e = document.activeElement;
                    const said = e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || e.title;
                    return said.trim().startsWith(name) && (!role || e.matches(role));
                }""",
                [name, role],
            )
            if found:
                return
            self.press("Tab")
        raise AssertionError(f"{name!r} is not reached by the Tab key")

    def walk(self):
        """Tab reaches every control, the focus is seen on each, and then leaves: (all of them, the numbers of those reached)."""
        controls = self.root.evaluate(REMEMBER)
        reached = []
        for _ in range(len(controls) + 1):
            self.press("Tab")
            stop = self.root.evaluate(STOP)
            if not stop["inside"]:
                break
            assert stop["visible"], stop
            assert stop["ratio"] >= 3, stop
            reached.append(stop["at"])
        else:
            raise AssertionError("the Tab key does not leave the explorer")
        assert len(set(reached)) == len(reached)
        return controls, reached

    def hears(self, words):
        self.page.wait_for_function("words => said.some((each) => each.includes(words))", arg=words)

    def tree(self):
        """(role, name, states) of everything that a screen reader meets in the explorer."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Accessibility.enable")
        root = session.send("Runtime.evaluate", {"expression": "document.querySelector('.segcam-explorer')"})
        nodes = session.send("Accessibility.queryAXTree", {"objectId": root["result"]["objectId"]})["nodes"]
        session.detach()
        told = [node for node in nodes if not node.get("ignored")]
        return [(node["role"]["value"], node.get("name", {}).get("value", "").strip()) for node in told]


def test_the_focus_is_seen_in_the_dark(note):
    keys = Keys(note(CODE, "lab", "dark"))
    keys.page.set_viewport_size({"width": 1400, "height": 2600})
    for which in (0, 1):
        keys.set_panels(opened=True, which=which)
        _, reached = keys.walk()
        assert len(reached) > 30


def test_by_keyboard_alone(note):
    keys = Keys(note(CODE, "lab", "light"))  # named: the server keeps the theme of the test before
    keys.page.set_viewport_size({"width": 1400, "height": 2600})
    keys.set_panels(opened=True, which=1)

    # every control has a role and a name, and each of these kinds occurs
    tree = keys.tree()
    assert [role for role, name in tree if role in NAMED and not name] == []
    assert {role for role, _ in tree} >= {
        "button",
        "slider",
        "textbox",
        "combobox",
        "checkbox",
        "spinbutton",
        "application",
    }
    names = {name for _, name in tree}
    assert {
        "Layer",
        "Class",
        "Region",
        "Score",
        "Method",
        "Baseline",
        "Opacity of the map",
        "Drawing tools",
    } <= names, names

    controls, reached = keys.walk()
    # the toolbar is one stop, whose buttons the arrows reach
    tools = keys.root.locator(".sc-toolbar button").count()
    missed = [each for at, each in enumerate(controls) if at not in reached and "sc-button" not in each]
    assert missed == []
    keys.press("Shift+Tab")
    assert keys.root.evaluate(STOP)["at"] == reached[-1]
    keys.root.focus()
    keys.reach("Freehand")
    for _ in range(tools):
        keys.press("ArrowRight")
        assert keys.root.evaluate(STOP)["visible"]
    keys.reach("Freehand")  # once round

    # layer and class
    keys.root.focus()
    keys.reach("Layer", ".noUi-handle")
    keys.press("ArrowRight")
    keys.until("explorer.query.layer == 'tail'")
    keys.hears("at tail")
    keys.reach("Layer: type")
    keys.press("Control+a")
    keys.page.keyboard.type("deep")
    keys.press("Enter")
    keys.until("explorer.query.layer == 'deep'")
    keys.reach("Class", "select")
    keys.press("ArrowDown")
    keys.until("explorer.query.class_index == 1")
    keys.hears("land at deep")

    # a rectangle, drawn and moved
    keys.root.focus()
    keys.reach("Freehand")
    keys.press("ArrowRight", "ArrowRight", "Space")
    keys.until("explorer.canvas.tool == 'rectangle'")
    keys.reach("Picture with map")
    keys.press("Space", *["Shift+ArrowRight"] * 5, *["Shift+ArrowDown"] * 3, "Space")
    keys.until("len(explorer.canvas.shapes) == 1 and explorer.canvas.draft is None")
    drawn = keys.eval("explorer.canvas.shapes[0]['points']")
    assert [drawn[1][i] - drawn[0][i] for i in (0, 1)] == [50, 30]
    keys.until("explorer.region.value == 'drawn' and explorer.query.region == explorer.canvas.region()")
    keys.press("m", "Shift+ArrowLeft", "Shift+ArrowUp", "Space", "Shift+ArrowLeft", "ArrowUp", "Space")
    keys.until(f"explorer.canvas.shapes[0]['points'][0] == [{drawn[0][0] - 10}, {drawn[0][1] - 1}]")
    keys.hears("rectangle picked up")
    keys.press("Control+z", "Control+z")
    keys.until("not explorer.canvas.shapes and explorer.region.value == 'predicted'")
    keys.hears("undone")

    # a channel, and its maps in a panel
    keys.reach("Channel", "input[type=number]")
    keys.press("ArrowUp", "ArrowUp")
    keys.until("explorer.histogram.channel.value == 2")
    keys.press("Tab")
    keys.reach("Channels as a table")
    keys.press("Enter")
    keys.until("explorer.channels.selected_index == 1")
    keys.press("Space")
    keys.until("explorer.channels.selected_index is None")

    # nothing is predicted as this class: an error is heard, and the remedy is at hand
    keys.open_image("evil")
    keys.root.focus()
    keys.reach("Region", "select")
    keys.press("Home")
    keys.until("explorer.region.value == 'predicted'")
    keys.reach("Class", ".noUi-handle")
    keys.press("ArrowRight", "ArrowRight")
    keys.until("explorer.error.value and explorer.diagnosis.headline.code == 'SC101'")
    keys.hears("must cover at least one pixel")
    keys.root.focus()
    keys.reach("Apply region: whole image")
    keys.press("Enter")
    keys.until("explorer.query.region == sc.Everything() and not explorer.error.value")
    keys.hears("a & b at")

    # names with tags and script are text
    assert keys.page.evaluate("window.hacked") is None
    assert any(name.startswith("<img") for _, name in keys.tree())
    assert keys.root.locator("img[src=x], script").count() == 0
