"""The balance and its transactions.

https://docs.stripe.com/api/balance

Fees are 0: what Stripe would charge depends on a contract, and is not invented here. Funds become available
two days after the charge, at midnight UTC (Stripe's T+2 for the US, without its weekends and holidays). A
refund is taken from the funds of its own charge, so it is pending as long as they are.
"""

from __future__ import annotations

from newfuse.sandbox.stripe import lists, parameters
from newfuse.sandbox.stripe.books import Books
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.stripe.parameters import EXPAND, PAGE, Shape
from newfuse.sandbox.vendor import JSON

DAY_S = 86_400
SETTLEMENT_DAYS = 2  # docs.stripe.com/payouts#payout-speed, the standard speed in the US
DEFAULT_CURRENCY = "usd"


def book_charge(books: Books, charge: dict[str, JSON], amount_minor: int, *, at_once: bool) -> str:
    """Add captured money to the balance, and return the transaction's id."""
    available_on = books.now if at_once else (books.now // DAY_S + SETTLEMENT_DAYS) * DAY_S
    return _book(books, "charge", charge["id"], amount_minor, charge["currency"], available_on)


def book_refund(books: Books, refund_id: str, charge: dict[str, JSON], amount_minor: int) -> str:
    """Take refunded money from the balance, and return the transaction's id."""
    source = books.rows("balance_transaction")[charge["balance_transaction"]]
    available_on = max(books.now, source["available_on"])
    return _book(books, "refund", refund_id, -amount_minor, charge["currency"], available_on)


def _book(books: Books, type_: str, source: str, amount_minor: int, currency: str, available_on: int) -> str:
    transaction: dict[str, JSON] = {
        "id": books.new_id("balance_transaction"),
        "object": "balance_transaction",
        "amount": amount_minor,
        "available_on": available_on,
        "created": books.now,
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": amount_minor,
        "reporting_category": type_,
        "source": source,
        "status": "pending",
        "type": type_,
    }
    books.save(transaction)
    books.schedule(available_on, lambda: transaction.update(status="available"))
    books.catch_up()
    id_: str = transaction["id"]
    return id_


def _retrieve(call: Call) -> JSON:
    sums: dict[str, dict[str, int]] = {"available": {DEFAULT_CURRENCY: 0}, "pending": {DEFAULT_CURRENCY: 0}}
    for transaction in call.books.rows("balance_transaction").values():
        by_currency = sums[transaction["status"]]
        by_currency[transaction["currency"]] = by_currency.get(transaction["currency"], 0) + transaction["net"]
    currencies = sorted(sums["available"].keys() | sums["pending"].keys())
    amounts = {
        status: [
            {"amount": found.get(code, 0), "currency": code, "source_types": {"card": found.get(code, 0)}}
            for code in currencies
        ]
        for status, found in sums.items()
    }
    return {"object": "balance", "livemode": call.books.livemode, **amounts}


def _retrieve_transaction(call: Call, id: str) -> JSON:
    return call.books.find("balance_transaction", id, param="id")


def _list_transactions(call: Call) -> JSON:
    keep = lists.matching(call, "type", "source", "currency")
    return lists.page(call, "balance_transaction", "/v1/balance_transactions", keep)


OPERATIONS = (
    Operation("GET", "/v1/balance", Shape(EXPAND), _retrieve),
    Operation(
        "GET",
        "/v1/balance_transactions",
        Shape(
            {
                "created": parameters.created,
                "currency": parameters.currency,
                "source": parameters.identifier,
                "type": parameters.identifier,
                **PAGE,
            },
            unsupported=frozenset({"payout"}),
        ),
        _list_transactions,
    ),
    Operation("GET", "/v1/balance_transactions/{id}", Shape(EXPAND), _retrieve_transaction),
)
