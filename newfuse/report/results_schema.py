"""The published form of `results.json`: a JSON Schema, generated from the model that writes it."""

from __future__ import annotations

import json

from newfuse.report.results import SCHEMA_VERSION, RunResult
from newfuse.types import JSON

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def results_schema() -> dict[str, JSON]:
    """Return the JSON Schema of `results.json`."""
    schema = RunResult.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, **schema, "title": f"results.json, version {SCHEMA_VERSION}"}


def results_schema_text() -> str:
    """Return the text of `docs/results.schema.json`."""
    return json.dumps(results_schema(), indent=2, ensure_ascii=False) + "\n"
