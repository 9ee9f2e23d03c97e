"""A run over which somebody else answers says no SUCCESS over money that is in doubt, and the next one mends it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faults.answers import FOREIGN
from faults.dying_runs import ALL_WRITES, EVERYTHING, MANNERS, REPLY_LOST_ON_MONEY
from faults.runs import ENDED, Clean, Shop
from faults.truth import Changes
from faults.zygote import Zygote
from newfuse.sandbox import SandboxServer

pytestmark = pytest.mark.slow

MONEY = ("captured_minor", "refunded_minor", "authorized_minor")
BROKE_OFF = ("internal fault", "ExceptionGroup", "KeyError", "AttributeError", "TypeError", "ValidationError")

# The vendor of the money by itself, so that no other's failure covers a false word about it; the others together, each
# answer in one manner.
OTHERS = ("ga4", "hubspot", "mailchimp")
CASES = [
    *((("stripe",), REPLY_LOST_ON_MONEY, answer) for answer in FOREIGN),
    *((("stripe",), (ALL_WRITES, EVERYTHING)[index % 2], answer) for index, answer in enumerate(FOREIGN)),
    *((OTHERS, MANNERS[index % len(MANNERS)], answer) for index, answer in enumerate(FOREIGN)),
]


@pytest.mark.parametrize(
    ("slugs", "manner", "answer"), [pytest.param(*case, id=f"{case[2]} of {case[0][0]}: {case[1]}") for case in CASES]
)
def test_no_success_over_money_in_doubt_and_the_next_run_completes_it(
    server: SandboxServer,
    dying_runs: Zygote,
    clean: Clean,
    tmp_path: Path,
    slugs: tuple[str, ...],
    manner: str,
    answer: str,
):
    shop = Shop(server, dying_runs, tmp_path)
    code = shop.run(faults=dict.fromkeys(slugs, (manner, answer)))
    assert code in ENDED, dying_runs.said
    wrong = [*_false_success(shop, clean.changes), *_broken_off(shop.results())]
    assert [] == wrong, "\n".join(wrong)
    shop.wait()
    ended = shop.finish(clean.changes)
    assert set(ended) <= ENDED, dying_runs.said
    wrong = [*shop.wrong(clean.changes), *_false_success(shop, clean.changes)]
    assert [] == wrong, "\n".join(wrong)
    if "ga4" not in slugs:  # what is in doubt there stays so
        assert 0 == ended[-1], shop.results()["status"]


def _false_success(shop: Shop, clean: Changes) -> list[str]:
    results = shop.results()
    if results["status"] != "SUCCESS":
        return []
    changed = shop.changed()
    moved, due = ({w[1]: n for w, n in one.items() if any(m in w[1] for m in MONEY)} for one in (changed, clean))
    problems = [f"SUCCESS, and the money that moved is {moved}, not {due}"] if moved != due else []
    return problems + [f"SUCCESS over money in doubt: {row['action']}" for row in shop.money_in_doubt()]


def _broken_off(results: dict[str, Any]) -> list[str]:
    """A vendor's answer is a vendor's failure, and no fault of ours."""
    errors = [f"{task['name']}: {task['error']}" for task in results["tasks"] if task["error"]]
    return [error for error in errors if any(word in error for word in BROKE_OFF)]
