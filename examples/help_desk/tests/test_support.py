"""The support crew on its own data, against a sandbox that lives as long as the test."""

import json
from pathlib import Path

from crews.support import crew

DATA = json.loads((Path(__file__).parents[1] / "data" / "support.json").read_text(encoding="utf-8"))


def test_every_question_has_a_ticket_or_a_reason(tmp_path: Path):
    output = crew.run(DATA, model="runbook", out=tmp_path, store=tmp_path / "store")
    [task] = output.result.tasks
    assert (task.status, task.effects.confirmed) == ("completed", 2)
    [questions] = output.record.outcomes[0].datasets
    assert questions.rules == {"incomplete": 1, "refused": 1}
