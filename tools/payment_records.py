"""Payments: what a fit one is, which two are ambiguous, what Stripe is asked for one, and how far each has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints

from newfuse import Disposition, Ensured, Entry, InputRecord, Integration, InvalidArguments, Job, Step
from newfuse.records import Whole, digest, read, refuse_contradictions, rejects, unfit
from newfuse.records.email_address import Email
from newfuse.redact import holds_card_data

_READ = ("get_payment_intent", "payment_intent_id")
CREATE = Step(
    name="create",
    integration="stripe",
    action="create_payment_intent",
    counts="payments",
    doing="payments",
    read_by=_READ,
)
CAPTURE = Step(
    name="capture",
    integration="stripe",
    action="capture_payment",
    counts="payments",
    doing="payments to capture",
    before="held, but not captured: ",
    read_by=_READ,
)
REFUND = Step(
    name="refund",
    integration="stripe",
    action="refund_payment",
    counts="refunds",
    doing="payments to refund",
    before="paid, but not refunded: ",
    read_by=("get_refund", "refund_id"),
)
TEST_METHOD = "pm_card_visa"  # https://docs.stripe.com/testing#cards: succeeds, and exists in test mode only

# Presentment currencies. https://docs.stripe.com/currencies
_CURRENCIES = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf
clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf
idr ils inr isk jmd jpy kes kgs khr kmf krw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr
mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd
shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
CURRENCIES = frozenset(_CURRENCIES.split())
MOST_MINOR = 999_999_999_999  # twelve digits, the widest that Stripe takes in any currency; it refuses less elsewhere

# docs.stripe.com/api/metadata
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\[\]]+$")]
MetadataValue = Annotated[str, StringConstraints(max_length=500)]

PLACES_NAMED = 5


def _charged(text: str) -> str:
    if text.lower() not in CURRENCIES:
        problem = f"{text!r} is no currency that Stripe charges in (three letters of ISO 4217, e.g. usd)"
        raise unfit("unknown_currency", problem)
    return text.lower()


Currency = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$"), AfterValidator(_charged)]


class PaymentRecord(InputRecord, dataset="payments"):
    """One payment to charge, or to hold until it is captured."""

    example: ClassVar[dict[str, Any]] = {
        "reference": "order-1042",
        "amount": 2999,
        "currency": "usd",
        "customer_email": "ada@example.com",
        "capture_method": "manual",
        "refund": 1000,
    }

    amount: Annotated[int, Field(ge=1, le=MOST_MINOR)]
    """In the currency's minor unit: 2999 is 29.99 USD, and 2999 JPY."""
    currency: Currency
    """ISO 4217, one that Stripe charges in."""
    customer_email: Email
    """Whose customer record it is charged to; found by this address or created."""
    description: Annotated[str, StringConstraints(max_length=1000)] | None = None
    """What the customer reads."""
    metadata: Annotated[dict[MetadataKey, MetadataValue | Whole], Field(max_length=50)] | None = None
    """Kept with the payment at Stripe."""
    reference: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """What makes it this payment, in every run; without one its contents do, so two that are alike need one each."""
    capture_method: Literal["automatic", "manual"] | None = None
    """`manual` holds the money until capture_payments; `automatic` where not given."""
    refund: bool | Annotated[int, Field(ge=1)] | None = None
    """What to give back once it is paid: true for all of it, or minor units."""
    payment_method: Annotated[str, StringConstraints(pattern=r"^(pm|card|src|ba)_[A-Za-z0-9_]{1,240}$")] | None = None
    """Stripe's id of the method that pays; a test card where not given, in a sandbox run only."""

    @rejects("refund_exceeds_amount", "refund")
    def _refund_fits(self) -> str | None:
        if self.refund is None or isinstance(self.refund, bool) or self.refund <= self.amount:
            return None
        return f"{self.refund} is more than the amount of {self.amount}"


def check(entry: Entry, extra: Counter[str]) -> None:
    """Read and check one payment; afterwards the entry holds it, with its reference, or is rejected by name.

    Without a reference of its own a payment goes by a digest of its contents; whether a refund is wanted is left out
    of that, so that a refund asked for later still finds the payment.
    """
    if holds_card_data(entry.data):
        # Not even kept in memory: a sample of the record may be shown to a model.
        entry.data = {"removed": "this record held card data"}
        problem = "holds what looks like card data; card numbers must never be sent this way: use a payment method id"
        entry.reject("card_data", "", problem)
        return
    record = read(PaymentRecord, entry, extra)
    if record is None:
        return
    contents: dict[str, Any] = {
        **record.model_dump(include={"amount", "currency", "customer_email", "description", "payment_method"}),
        "metadata": {key: str(value) for key, value in (record.metadata or {}).items()},
        "capture_method": record.capture_method or "automatic",
    }
    refund = record.refund or None
    entry.identify(record.reference, f"contents:{digest(contents)}", digest([contents, refund]))
    entry.data = {**contents, "refund": refund}


def refuse_ambiguous(entries: Sequence[Entry]) -> None:
    """Settle payments that cannot be told from an earlier one of the dataset.

    Identical ones without references may be two purchases or one written twice: only people know, so the later is
    rejected. The same reference with the same contents is a duplicate; with other contents it is a contradiction.
    """
    first: dict[str, Entry] = {}
    for entry in entries:
        if not entry.reference or entry.disposition is Disposition.REJECTED or entry.is_named:
            continue
        earlier = first.setdefault(entry.reference, entry)
        if earlier is not entry and entry.disposition is Disposition.PENDING:
            entry.reject("ambiguous", "", f"is identical to {earlier.place}; give each a reference of its own")
    refuse_contradictions(entries)


def require_captured(requested: Iterable[Entry]) -> None:
    """Refuse to refund while payments that are to be refunded are held and nobody has tried to capture them.

    Raises:
        InvalidArguments: Says how many, and what to call first.
    """
    held = sum(entry.data.get("status") == "requires_capture" and CAPTURE.of(entry) is None for entry in requested)
    if held:
        problem = f"{held} payments to be refunded are held; call capture_payments first, then this again"
        raise InvalidArguments("dataset", [("dataset", problem)])


def customers(job: Job) -> Ensured:
    """Return the customers of addresses, who are found or created once, however many payments name them."""

    async def find(stripe: Integration, address: str) -> Any:
        found = await stripe.execute("list_customers", {"email": address})
        return found[-1] if found else None  # the oldest, so that every run means the same one

    return Ensured(
        job,
        "create_customer",
        find=find,
        ask=lambda address: {"email": address},
        failing="its customer could be neither found nor created",
        in_doubt="its customer may or may not have been created",
    )


def terms(job: Job, entry: Entry, customer: str) -> dict[str, Any]:
    """Return what Stripe is asked for a payment."""
    names = ("amount", "currency", "customer_email", "description", "capture_method")
    asked = {name: entry.data[name] for name in names}
    asked |= {"customer": customer, "metadata": entry.data["metadata"] or None}
    method = entry.data["payment_method"] or (TEST_METHOD if job.run.mode == "sandbox" else None)
    return asked if method is None else {**asked, "payment_method": method, "confirm": True}


def keep(entry: Entry, intent: Any) -> None:
    """Keep what the vendor says of a payment."""
    entry.data |= {"intent": intent["id"], "status": intent["status"]}


def note_what_is_missing(job: Job, entry: Entry) -> None:
    """Say in the report why a payment that was created has taken no money."""
    if entry.data["status"] == "requires_payment_method":
        job.note(f"{entry.place}: created, but no money was taken: the customer has to give a payment method.")
    elif entry.data["status"] == "requires_action":
        job.note(f"{entry.place}: no money was taken yet: the customer has to authenticate the payment.")


def in_currency(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Group checked payments by currency."""
    grouped: dict[str, list[Entry]] = {}
    for entry in entries:
        grouped.setdefault(entry.data["currency"], []).append(entry)
    return dict(sorted(grouped.items()))


def note_done_before(job: Job, records: Iterable[Entry]) -> None:
    """Name the payments that count as done only because one with the same contents was made by an earlier run."""
    alike = [entry for entry in records if entry.disposition is Disposition.SKIPPED and not entry.is_named]
    if alike:
        places = ", ".join(entry.place for entry in alike[:PLACES_NAMED]) + (", …" if len(alike) > PLACES_NAMED else "")
        job.note(
            f"Made by an earlier run and not repeated: {len(alike)} payments without a reference of their own "
            f"({places}). A new purchase with the same contents needs a `reference`."
        )
