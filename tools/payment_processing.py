"""Sends payments to Stripe: each to the customer of its address, who is found or created once."""

from __future__ import annotations

import asyncio
from typing import Any

from newfuse import Declined, Disposition, Entry, Integration, Job, NewFuseError, Rejected
from tools import payment_records as payments
from tools import steps
from tools.flow import Gate, Tally, each
from tools.outcome import NOT_SENT, disposition_of, failure_of
from tools.read_back import answer_of

AT_ONCE = 8
"""Payments on their way at the same time: enough to use up Stripe's 25 requests a second at its usual latency."""
TEST_METHOD = "pm_card_visa"  # https://docs.stripe.com/testing#cards: succeeds, and exists in test mode only


class Processing:
    """Sends payments; the customer of an address is looked up or created once, however many payments name it."""

    def __init__(self, job: Job, stripe: Integration, gate: Gate) -> None:
        """Begin with no customer known; failures of the vendor are noted in the gate."""
        self.job, self.stripe, self.gate = job, stripe, gate
        self.created = 0
        self._customers: dict[str, asyncio.Task[tuple[str, str | None]]] = {}

    async def run(self, work: list[Entry]) -> None:
        """Send every payment, and settle each."""
        try:
            await each(work, self._one, at_once=AT_ONCE, tally=Tally(self.job, len(work), "payments"))
        finally:
            await asyncio.gather(*self._customers.values(), return_exceptions=True)
            known = self.job.run.facts.get("payments.customers_created", self.job.task)
            created = self.created + (known.value if known is not None else 0)
            source: dict[str, Any] = {"kind": "effects", "integration": "stripe", "action": "create_customer"}
            self.job.fact("payments.customers_created", created, "customers", **source)

    async def _one(self, entry: Entry) -> None:
        if self.gate.closed and self.gate.error is not None:
            steps.hold_back(entry, "create", self.gate.error)
            return
        try:
            customer, key = await self._customer(entry.data["customer_email"])
        except NewFuseError as exc:
            in_doubt = disposition_of(exc) is Disposition.UNKNOWN
            note = self.gate.insist if in_doubt else self.gate.note
            note(exc)
            said = "may or may not have been created" if in_doubt else "could be neither found nor created"
            steps.fail(entry, "create", exc, prefix=f"{NOT_SENT}its customer {said}: ", sent=False)
            return
        if key is not None and key not in entry.keys:
            entry.keys = (*entry.keys, key)
        try:
            performed = await self.stripe.perform(
                "create_payment_intent", self._asked(entry, customer), reference=self.job.reference(entry.reference)
            )
        except NewFuseError as exc:
            self.gate.note(exc)
            steps.fail(entry, "create", exc)
            return
        steps.note(entry, "create", performed)
        try:
            intent = await answer_of(performed, self.stripe, "get_payment_intent", "payment_intent_id")
        except NewFuseError as exc:
            self.gate.note(exc)
            steps.fail(entry, "create", exc)
            return
        if intent is not None and not steps.is_done(entry, "capture"):
            payments.keep(entry, intent)
            self._say_what_is_missing(entry)
        error = failure_of(performed)
        entry.data["declined"] = isinstance(error, Declined)
        entry.data["refused"] = isinstance(error, Rejected)
        if error is None:
            self.gate.passed()
        else:
            self.gate.note(error)

    def _asked(self, entry: Entry, customer: str) -> dict[str, Any]:
        data = entry.data
        asked = {
            "amount": data["amount"],
            "currency": data["currency"],
            "customer": customer,
            "customer_email": data["customer_email"],
            "description": data["description"],
            "metadata": data["metadata"] or None,
            "capture_method": data["capture_method"],
        }
        method = data["payment_method"] or (TEST_METHOD if self.job.run.mode == "sandbox" else None)
        return asked if method is None else {**asked, "payment_method": method, "confirm": True}

    def _say_what_is_missing(self, entry: Entry) -> None:
        status = entry.data["status"]
        if status == "requires_payment_method":
            self.job.note(f"{entry.place}: created, but no money was taken: the customer has to give a payment method.")
        elif status == "requires_action":
            self.job.note(f"{entry.place}: no money was taken yet: the customer has to authenticate the payment.")

    async def _customer(self, address: str) -> tuple[str, str | None]:
        """Return the id of the address's customer, and the ledger's key if one was created."""
        if address not in self._customers:
            self._customers[address] = asyncio.ensure_future(self._find_or_create(address))
        return await asyncio.shield(self._customers[address])

    async def _find_or_create(self, address: str) -> tuple[str, str | None]:
        found = await self.stripe.execute("list_customers", {"email": address})
        if found:
            return found[-1]["id"], None  # the oldest, so that every run means the same one
        performed = await self.stripe.perform(
            "create_customer", {"email": address}, reference=self.job.reference(address)
        )
        error = failure_of(performed)
        if error is not None:
            raise error
        if performed.value is None:
            raise NewFuseError("a person said that this customer was created, and Stripe does not list it")
        self.created += performed.status.value == "confirmed"
        return performed.value["id"], performed.key
