"""What the account holds before anybody calls: one customer, and one payment of hers from a week ago.

Both are in test mode. The payment is captured and unrefunded, and its funds are available.
"""

from __future__ import annotations

from newfuse.sandbox.stripe import confirmation, customers, payment_intents
from newfuse.sandbox.stripe.balance import DAY_S
from newfuse.sandbox.stripe.books import Books
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.vendor import JSON

EMAIL = "jane.smith@example.com"
AMOUNT_MINOR = 4_999
DAYS_AGO = 7  # longer than funds take to become available
VERSION = "2023-08-16"


def fill(books: Books) -> None:
    """Put the seed data into the books of test mode, as calls of a week ago would have."""
    clock, started = books.clock, books.clock()
    books.clock = lambda: started - DAYS_AGO * DAY_S
    customer = _run(books, customers.OPERATIONS, "/v1/customers", email=EMAIL, name="Jane Smith")
    intent = _run(
        books,
        payment_intents.OPERATIONS,
        "/v1/payment_intents",
        amount=AMOUNT_MINOR,
        currency="usd",
        customer=customer["id"],
        description="Order 1001",
        metadata={"order_id": "1001"},
        payment_method="pm_card_visa",
        payment_method_types=["card"],
    )
    confirmation.confirm(books, intent, {})
    books.clock = clock
    books.catch_up()
    books.index_everything()


def _run(books: Books, operations: tuple[Operation, ...], template: str, **parameters: JSON) -> dict[str, JSON]:
    operation = next(one for one in operations if (one.method, one.template) == ("POST", template))
    row: dict[str, JSON] = operation.run(Call(books, parameters, VERSION))
    return row
