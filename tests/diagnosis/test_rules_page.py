"""Every rule has its section, under the anchor that its findings point to: its title, its condition, and the three parts."""

import importlib.util
import re
from pathlib import Path

import pytest

import segcam_widgets as sc

PAGE = Path(sc.__file__).parent.parent / "docs" / "rules.md"
PARTS = ["How it is detected.", "What it means.", "What to do."]


def sections():
    text = PAGE.read_text(encoding="utf-8")
    parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)[1:]
    return {
        title: re.split(r"^## ", body, flags=re.MULTILINE)[0]
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("tables", PAGE.parent / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.rules()


def one_line(text):
    """Without line breaks and code marks, so that wrapping is free."""
    return " ".join(text.replace("`", "").split())


def test_sections_are_the_rules_in_order():
    assert list(sections()) == [f"{rule.code} {rule.name}" for rule in sc.RULES.values()]


@pytest.mark.parametrize("name", list(sc.RULES))
def test_a_section_says_how_what_and_what_to_do(name):
    rule = sc.RULES[name]
    body = sections()[f"{rule.code} {rule.name}"]
    leads = [lead for lead in re.findall(r"^\*\*(.+?)\*\*", body, flags=re.MULTILINE) if lead in PARTS]
    assert leads == PARTS


@pytest.mark.parametrize("name", list(sc.RULES))
def test_title_and_condition_are_those_of_the_code(name, table):
    """In the section, or in the rule's row of the table that is made from the registry and included."""
    rule = sc.RULES[name]
    body = one_line(sections()[f"{rule.code} {rule.name}"])
    row = one_line(next(line for line in table.splitlines() if line.startswith(f"| [{rule.code}]")).replace("\\|", "|"))
    for words in (rule.general_title, rule.holds):
        assert one_line(words) in body or one_line(words) in row
    assert f"(#{rule.code.lower()}-{rule.name})" in row


def test_the_table_is_included():
    assert "```{include} generated/rules.md" in PAGE.read_text(encoding="utf-8")
