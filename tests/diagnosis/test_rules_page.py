"""Every rule has its section, under the anchor that its findings point to, with the three parts."""

import re
from pathlib import Path

import pytest

import segcam_widgets as sc

PAGE = Path(sc.__file__).parent.parent / "docs" / "rules.md"


def sections():
    text = PAGE.read_text(encoding="utf-8")
    parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)[1:]
    return {
        title: re.split(r"^## ", body, flags=re.MULTILINE)[0]
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


def test_sections_are_the_rules_in_order():
    assert list(sections()) == [f"{rule.code} {rule.name}" for rule in sc.RULES.values()]


@pytest.mark.parametrize("name", list(sc.RULES))
def test_a_section_says_how_what_and_what_to_do(name):
    body = sections()[f"{sc.RULES[name].code} {name}"]
    leads = re.findall(r"^\*\*(.+?)\*\*", body, flags=re.MULTILINE)
    assert leads == ["How it is detected.", "What it means.", "What to do."]
