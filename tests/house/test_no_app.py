"""The engine knows no app: none of its texts holds a fact, a dataset, a task or a heading of one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import app_words
from house.source_tree import ROOT, engine_files
from newfuse.report.render import TEMPLATES

# A vendor has customers, payments and campaigns of its own.
VENDORS = ("connectors", "sandbox")
SAYINGS = {
    "fact": app_words.facts(),
    "name": app_words.names(),
    "heading": app_words.headings(),
    "word": app_words.words(),
    "label": {label for label in app_words.labels() if " " in label},  # one word is anybody's
}


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a file with their lines, less what documents it."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    comments = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in comments:
            yield node.lineno, node.value


@pytest.mark.parametrize("kind", SAYINGS)
def test_no_text_of_the_engine_names_what_only_the_app_has(kind: str):
    assert SAYINGS[kind]
    rooms = [path for path in engine_files() if path.relative_to(ROOT / "newfuse").parts[0] not in VENDORS]
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{line}: {said}"
        for path in rooms
        for line, text in literals(path)
        for said in app_words.said_in(text, SAYINGS[kind])
    ]
    assert [] == found


@pytest.mark.parametrize("kind", SAYINGS)
def test_no_template_of_the_engine_names_what_only_the_app_has(kind: str):
    templates = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir()}
    assert len(templates) > 1
    assert {} == {
        name: said for name, text in templates.items() if (said := list(app_words.said_in(text, SAYINGS[kind])))
    }


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("fact", 'LAST = "crm.last_sync_at"'),
        ("name", "payments"),
        ("name", "the task crm_data_synchronization"),
        ("heading", "## Business Impact"),
        ("word", "📊 API INTEGRATION RESULTS"),
        ("word", "Email deliverability"),
        ("word", "time saved"),
    ],
)
def test_a_word_of_the_app_would_be_found(kind: str, text: str):
    assert [] != list(app_words.said_in(text, SAYINGS[kind]))


@pytest.mark.parametrize("text", ["integration_health_dashboard.md", "payment", "a card payment's number"])
def test_a_word_of_anybody_is_left_alone(text: str):
    assert [] == [said for sayings in SAYINGS.values() for said in app_words.said_in(text, sayings)]
