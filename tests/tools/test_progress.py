"""Whoever watches is told of every record: at the end as many are done as were expected, however they ended."""

from __future__ import annotations

from typing import Any

import pytest

from newfuse import NewFuseError
from newfuse.crew.job import Progress
from tools import analytics, crm, email_marketing, payments

MANY = {
    "customers": [{"id": str(12345 + index), "data": {"email": f"c{index}@example.com"}} for index in range(210)],
    "payments": [
        {"amount": 1_000 + index, "currency": "usd", "customer_email": f"c{index}@example.com", "refund": True}
        for index in range(16)
    ],
    "email_campaigns": [
        {
            "type": "news",
            "list_name": "active_customers",
            "subject_line": f"News {index}",
            "template": "product_update_template",
        }
        for index in range(8)
    ],
    "analytics_events": [{"event_category": "app", "event_action": f"open_{index}"} for index in range(60)],
}
STEPS: dict[str, tuple[str, Any]] = {
    "hubspot": ("customers", crm.TOOLS[:4]),
    "stripe": ("payments", payments.TOOLS),
    "mailchimp": ("email_campaigns", email_marketing.TOOLS),
    "ga4": ("analytics_events", analytics.TOOLS),
}
DOWN: list[tuple[str, str | None, str | None]] = [
    ("hubspot", None, None),
    ("hubspot", "*/batch/read", None),
    ("hubspot", "*/batch/upsert", None),
    ("stripe", None, None),
    ("stripe", "/v1/customers", None),
    ("stripe", "/v1/payment_intents", "POST"),
    ("stripe", "/v1/payment_intents/*", "GET"),
    ("stripe", "/v1/refunds", "POST"),
    ("mailchimp", "*/campaigns", "POST"),
    ("mailchimp", "*/content", None),
    ("ga4", "/debug/mp/collect", None),
    ("ga4", "/mp/collect", None),
]


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(("slug", "path", "method"), DOWN)
async def test_every_record_counts_as_done_once_something_has_become_of_it(
    bench, slug: str, path: str | None, method: str | None, status: int
):
    root, tools = STEPS[slug]
    run = bench(**{root: MANY[root]})
    told: dict[str, Progress] = {}
    run.job.run.on_progress = lambda progress: told.__setitem__(progress.note, progress)
    about = {name: value for name, value in (("path", path), ("method", method)) if value is not None}
    run.fault(slug, "status", status=status, **about)
    for tool in tools:
        try:
            await run.call(tool)
        except NewFuseError:
            continue
    assert told
    assert {} == {note: (one.done, one.expected) for note, one in told.items() if one.done != one.expected}
