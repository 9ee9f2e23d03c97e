"""Refunds, whole and partial.

API: https://docs.stripe.com/api/refunds
"""

from __future__ import annotations

from typing import Literal

from newfuse import Integration, action
from newfuse.connectors.stripe.lists import BY_LAST_ID, DEFAULT_LIMIT, Limit, read_list
from newfuse.connectors.stripe.records import Amount, CreatedRange, Id, Metadata, Refund

PATH = "/v1/refunds"


class Refunds(Integration):
    """Give money back, and see what was given back."""

    @action(effect="money", once="key")
    async def refund_payment(
        self,
        payment_intent_id: Id,
        amount: Amount | None = None,
        reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None,
        metadata: Metadata | None = None,
    ) -> Refund:
        """Give back a payment, whole or in part.

        Args:
            payment_intent_id: The payment, e.g. pi_123.
            amount: In minor units; all that was not refunded yet when left out.
            reason: Why; fraudulent also blocks the card and the e-mail address.
            metadata: Up to 50 keys of your own.

        Returns:
            The refund: status succeeded, or pending until the bank is done.

        Raises:
            Rejected: The payment was not taken, or less is left than the amount.
            NotFound: There is no such payment in this mode.
        """
        form = {"payment_intent": payment_intent_id, "amount": amount, "reason": reason, "metadata": metadata}
        # https://docs.stripe.com/api/refunds/create
        return Refund.model_validate(await self.api.post(PATH, form=form))

    @action(effect="read")
    async def get_refund(self, refund_id: Id) -> Refund:
        """Read one refund as it stands now.

        Args:
            refund_id: Its id, e.g. re_123.

        Returns:
            The refund.

        Raises:
            NotFound: There is no such refund in this mode.
        """
        # https://docs.stripe.com/api/refunds/retrieve
        return Refund.model_validate(await self.api.get(f"{PATH}/{{id}}", values={"id": refund_id}))

    @action(effect="read")
    async def list_refunds(
        self,
        payment_intent_id: Id | None = None,
        charge_id: Id | None = None,
        created: CreatedRange | None = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> list[Refund]:
        """List refunds, newest first.

        Args:
            payment_intent_id: Only those of this payment.
            charge_id: Only those of this charge.
            created: Only those created in this range.
            limit: Most refunds to return; exactly as many mean that there may be more.

        Returns:
            The refunds; an empty list when there are none.
        """
        params = {
            "payment_intent": payment_intent_id,
            "charge": charge_id,
            "created": created.params() if created is not None else None,
        }
        # https://docs.stripe.com/api/refunds/list
        rows = await read_list(self, PATH, style=BY_LAST_ID, params=params, limit=limit)
        return [Refund.model_validate(row) for row in rows]
