"""A crew the engine has never seen: vendors, data, tools, alerts and tasks of its own, one of them at two vendors."""

from __future__ import annotations

from typing import Any

from faults.depot import Depot, DepotVendor
from newfuse import (
    Agent,
    AlertRule,
    Crew,
    Disposition,
    FactCounts,
    Job,
    Procedure,
    Reading,
    Severity,
    Task,
    ToolResult,
    call,
    runbook,
    tool,
)
from newfuse.observe import DEFAULT_ALERTS

CRATES = [{"content": "lamps", "kg": 40}, {"content": "feathers", "kg": 2}, {"content": "anvils", "kg": 400}]
SHIPPED = "2 crates were shipped."


class Annex(Depot):
    """Take what the depot has no room for."""

    slug = "annex"
    name = "Annex"


class AnnexVendor(DepotVendor):
    """The annex's own side."""

    slug = "annex"


@tool
async def store_crates(job: Job, dataset: str) -> ToolResult:
    """Store the crates of a dataset at the depot, and announce them at the annex.

    Args:
        dataset: Handle of the crates.

    Returns:
        How many were stored, and how many are too light.
    """
    depot, annex = await job.integration("depot"), await job.integration("annex")
    for entry in job.dataset(dataset).pending():
        entry.reference = entry.data["content"]
        if entry.data["kg"] < 20:
            entry.settle(Disposition.REJECTED, f"{entry.place}: too light", rule="too_light")
            continue
        arguments = {"content": entry.data["content"], "weight_kg": entry.data["kg"]}
        performed = await depot.perform("store_crate", arguments, reference=job.reference(entry.reference))
        entry.settle(Disposition(performed.status.value))
        entry.keys = (performed.key,)
    counts = job.dataset(dataset).counts()
    await annex.perform("announce", {"subjects": ["crates"]}, reference=job.reference("crates"))
    job.fact("crates.stored", counts["confirmed"], "crates", kind="effects", integration="depot", action="store_crate")
    job.fact("crates.refused", counts["rejected"], "crates", kind="dataset", dataset=dataset)
    job.check("Every crate has a place", counts["rejected"] == 0, f"crates without one: {counts['rejected']}")
    return ToolResult(f"{counts['confirmed']} crates stored.", {"stored": counts["confirmed"]})


@tool
async def ship_crates(job: Job) -> ToolResult:
    """Label and ship the crates that were stored.

    Returns:
        How many were shipped.
    """
    depot = await job.integration("depot")
    shipped = 0
    for entry in job.dataset("crates"):
        if entry.disposition is Disposition.CONFIRMED:
            shipped += 1
            where = {"crate_id": f"c{shipped}"}
            await depot.perform("label_crate", {**where, "label": "out"}, reference=job.reference(entry.reference))
            await depot.perform("ship_crate", where, reference=job.reference(entry.reference))
    job.fact("crates.shipped", shipped, "crates", kind="effects", integration="depot", action="ship_crate")
    return ToolResult(f"{shipped} crates shipped.", {"shipped": shipped})


@tool
async def take_stock(job: Job) -> ToolResult:
    """Count what the tasks before have done."""
    job.fact("stock.tasks", len(job.run.outcomes), "tasks", kind="derived")
    return ToolResult(SHIPPED)


@runbook
def storing_procedure(_brief: Any) -> Procedure:
    """Store all crates; what it says of shipping, it cannot know."""
    yield call("store_crates", dataset="crates")
    return f"2 crates were stored. {SHIPPED}"


@runbook
def shipping_procedure(_brief: Any) -> Procedure:
    """Ship them."""
    yield call("ship_crates")
    return SHIPPED


@runbook
def stocktaking_procedure(_brief: Any) -> Procedure:
    """Count."""
    yield call("take_stock")
    return SHIPPED


def crate_crew() -> Crew:
    """Return the crew, as somebody who has read the docs would write it."""
    docker = Agent(name="docker", role="Docker", goal="Move crates", tools=(store_crates, ship_crates))
    clerk = Agent(name="clerk", role="Warehouse Clerk", goal="Count crates", tools=(take_stock,))
    storing = Task(
        name="storing",
        description="Store all crates.",
        expected_output="All crates are stored.",
        agent=docker,
        datasets=("crates",),
        integrations=("depot", "annex"),
        required_facts=("crates.stored",),
        runbook=storing_procedure,
    )
    shipping = Task(
        name="shipping",
        description="Ship all crates.",
        expected_output="All crates are shipped.",
        agent=docker,
        context=(storing,),
        integrations=("depot",),
        required_facts=("crates.shipped",),
        runbook=shipping_procedure,
    )
    stocktaking = Task(
        name="stocktaking",
        description="Count all crates.",
        expected_output="All crates are counted.",
        agent=clerk,
        context=(storing, shipping),
        integrations=("depot", "annex"),
        sums_up=True,
        required_facts=("stock.tasks",),
        runbook=stocktaking_procedure,
    )
    refused = AlertRule(
        name="Crates without a place",
        severity=Severity.WARNING,
        watches=FactCounts(("crates.refused",), lambda counts: Reading(counts["crates.refused"], 1)),
        threshold=0,
        unit="crates",
    )
    return Crew(
        "crate_storage",
        agents=[docker, clerk],
        tasks=[storing, shipping, stocktaking],
        alerts=(*DEFAULT_ALERTS, refused),
    )
