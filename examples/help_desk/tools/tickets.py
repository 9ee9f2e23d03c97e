"""Tickets: one for each question."""

from newfuse import Disposition, Job, NewFuseError, Rejected, ToolResult, tool


@tool
async def open_tickets(job: Job, dataset: str = "questions") -> ToolResult:
    """Open a ticket at the help desk for every question, once.

    Args:
        dataset: Handle of the questions.

    Returns:
        How many tickets there are now for them, and what became of each question.

    Raises:
        VendorError: The desk could not be reached or did not let us in.
    """
    desk = await job.integration("desk")
    questions = job.dataset(dataset)
    failure: NewFuseError | None = None
    for number, entry in enumerate(questions, start=1):
        asked = entry.data
        if not isinstance(asked, dict) or not {"id", "email", "subject"} <= asked.keys():
            entry.settle(Disposition.REJECTED, "it needs an id, an email and a subject", rule="incomplete")
            continue
        entry.reference = str(asked["id"])
        written = {"email": asked["email"], "subject": asked["subject"]}
        done = await desk.perform("open_ticket", written, reference=job.reference(entry.reference))
        entry.keys = (done.key,)  # by which the effect is found in the ledger
        if isinstance(done.error, Rejected):
            entry.settle(Disposition.REJECTED, done.error.for_model, rule="refused")
        elif done.error is not None:
            entry.settle(Disposition(done.status), done.error.for_model, rule="not_sent")
            failure = done.error
        else:
            entry.settle(Disposition(done.status))
        job.progress(number, len(questions))
    counts = questions.counts()
    there = counts["confirmed"] + counts["skipped"]
    job.fact("tickets.opened", counts["confirmed"], "tickets", kind="dataset", dataset=dataset)
    if failure is not None:
        raise failure  # after the counting, so that what was done is reported
    return ToolResult(f"{there} of {len(questions)} questions have a ticket: {counts}", counts)
