from __future__ import annotations

import json
import re

import jsonschema
import pytest

from house.source_tree import ROOT
from newfuse.report.results_schema import results_schema, results_schema_text
from newfuse.store import Store
from report.run_examples import Example, make_record, unmeasured_record

SCHEMA = ROOT / "docs" / "results.schema.json"
PAGE = ROOT / "docs" / "results.md"


def test_the_published_schema_is_the_models():
    assert results_schema_text() == SCHEMA.read_text(encoding="utf-8")


@pytest.mark.parametrize("payments_fail", [False, True])
async def test_results_fit_the_published_schema(store: Store, payments_fail: bool):
    record = await make_record(store, Example(payments_fail=payments_fail))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for result in (record.published(), record.result, unmeasured_record().published()):
        jsonschema.validate(result.model_dump(mode="json"), schema)


def test_the_page_explains_every_field():
    schema = results_schema()
    models = [schema, *schema["$defs"].values()]
    fields = {name for model in models for name in model.get("properties", {})}
    explained = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert fields == explained
