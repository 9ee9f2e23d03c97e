"""Customers: create, read, change, find.

API: https://docs.stripe.com/api/customers
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from newfuse import Integration, action
from newfuse.connectors.stripe.lists import BY_LAST_ID, BY_NEXT_PAGE, DEFAULT_LIMIT, Limit, read_list
from newfuse.connectors.stripe.records import CreatedRange, Customer, Email, Id, Metadata

PATH = "/v1/customers"

Name = Annotated[str, Field(max_length=256)]
Phone = Annotated[str, Field(max_length=20)]
Description = Annotated[str, Field(max_length=5000)]


class Customers(Integration):
    """Create, read, change and find customers."""

    @action(effect="write", once="key")
    async def create_customer(
        self,
        email: Email | None = None,
        name: Name | None = None,
        phone: Phone | None = None,
        description: Description | None = None,
        metadata: Metadata | None = None,
    ) -> Customer:
        """Create a customer; Stripe does not mind several with one address, so look with list_customers first.

        Args:
            email: E-mail address.
            name: Full name.
            phone: Telephone number.
            description: A note for the account's owner.
            metadata: Up to 50 keys of your own.

        Returns:
            The new customer.

        Raises:
            Rejected: An argument does not fit.
        """
        form = {"email": email, "name": name, "phone": phone, "description": description, "metadata": metadata}
        # https://docs.stripe.com/api/customers/create
        return Customer.model_validate(await self.api.post(PATH, form=form))

    @action(effect="read")
    async def get_customer(self, customer_id: Id) -> Customer:
        """Read one customer.

        Args:
            customer_id: Its id, e.g. cus_123.

        Returns:
            The customer; `deleted` is true when nothing else is left of it.

        Raises:
            NotFound: There is no such customer in this mode.
        """
        # https://docs.stripe.com/api/customers/retrieve
        return Customer.model_validate(await self.api.get(f"{PATH}/{{id}}", values={"id": customer_id}))

    @action(effect="write", once="key")
    async def update_customer(
        self,
        customer_id: Id,
        email: Email | None = None,
        name: Name | None = None,
        phone: Phone | None = None,
        description: Description | None = None,
        metadata: Metadata | None = None,
    ) -> Customer:
        """Change some fields of a customer; what is left out stays as it is.

        Args:
            customer_id: Its id, e.g. cus_123.
            email: New e-mail address.
            name: New name; an empty text clears it.
            phone: New telephone number; an empty text clears it.
            description: New note; an empty text clears it.
            metadata: Keys to set; a key with an empty text is removed, others stay.

        Returns:
            The customer after the change.

        Raises:
            NotFound: There is no such customer in this mode.
            Rejected: An argument does not fit.
        """
        form = {"email": email, "name": name, "phone": phone, "description": description, "metadata": metadata}
        # https://docs.stripe.com/api/customers/update
        row = await self.api.post(f"{PATH}/{{id}}", values={"id": customer_id}, form=form)
        return Customer.model_validate(row)

    @action(effect="read")
    async def list_customers(
        self, email: Email | None = None, created: CreatedRange | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> list[Customer]:
        """List customers, newest first.

        Args:
            email: Only those with exactly this address; Stripe minds the case.
            created: Only those created in this range.
            limit: Most customers to return; exactly as many mean that there may be more.

        Returns:
            The customers; an empty list when there are none.
        """
        params = {"email": email, "created": created.params() if created is not None else None}
        # https://docs.stripe.com/api/customers/list
        rows = await read_list(self, PATH, style=BY_LAST_ID, params=params, limit=limit)
        return [Customer.model_validate(row) for row in rows]

    @action(effect="read")
    async def search_customers(self, query: str, limit: Limit = DEFAULT_LIMIT) -> list[Customer]:
        """Search customers; what was created in the last minute may not be found yet.

        Args:
            query: Stripe's query language, e.g. email:'ada@example.com'.
            limit: Most customers to return; exactly as many mean that there may be more.

        Returns:
            The customers found; an empty list when there are none.

        Raises:
            Rejected: The query cannot be read.
        """
        # https://docs.stripe.com/api/customers/search
        rows = await read_list(self, f"{PATH}/search", style=BY_NEXT_PAGE, params={"query": query}, limit=limit)
        return [Customer.model_validate(row) for row in rows]
