"""Payment intents: create, confirm, capture, cancel, find.

API: https://docs.stripe.com/api/payment_intents
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from newfuse import Integration, action
from newfuse.connectors.stripe.lists import BY_LAST_ID, BY_NEXT_PAGE, DEFAULT_LIMIT, Limit, read_list
from newfuse.connectors.stripe.records import Amount, CreatedRange, Currency, Email, Id, Metadata, PaymentIntent

PATH = "/v1/payment_intents"
DESCRIPTION_LENGTH = 1000  # docs.stripe.com/api/payment_intents/create, `description`


class AutomaticPaymentMethods(BaseModel):
    """Whether Stripe chooses the payment methods by the account's settings."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = Field(True, description="Let Stripe choose.")
    allow_redirects: Literal["always", "never"] | None = Field(
        None, description="Whether methods that send the customer to another site are allowed."
    )


class PaymentIntents(Integration):
    """Create, confirm, capture, cancel and find payments."""

    @action(effect="money", once="key")
    async def create_payment_intent(
        self,
        amount: Amount,
        currency: Currency,
        customer: Id | None = None,
        customer_email: Email | None = None,
        description: Annotated[str, Field(max_length=DESCRIPTION_LENGTH)] | None = None,
        metadata: Metadata | None = None,
        capture_method: Literal["automatic", "manual"] = "automatic",
        payment_method: Id | None = None,
        confirm: bool = False,
        automatic_payment_methods: AutomaticPaymentMethods | None = None,
        payment_method_types: list[str] | None = None,
        return_url: str | None = None,
        off_session: bool | None = None,
    ) -> PaymentIntent:
        """Create a payment, and with `confirm` take it (or hold it) at once.

        Args:
            amount: In the currency's minor unit: 2999 is 29.99 USD, 500 is 500 JPY.
            currency: Three-letter ISO code, e.g. usd.
            customer: Id of the Stripe customer who pays, e.g. cus_123.
            customer_email: Address for Stripe's receipt (Stripe calls it receipt_email); in live mode it is mailed.
            description: What is paid for; shown to the account's owner.
            metadata: Up to 50 keys of your own, e.g. order_id.
            capture_method: automatic takes the money on confirmation; manual only holds it until capture_payment.
            payment_method: Id of the payment method, e.g. pm_card_visa in test mode; needed with confirm.
            confirm: Attempt the payment now.
            automatic_payment_methods: Enabled when left out; without redirects when confirm is set without return_url.
            payment_method_types: Names of methods to accept, e.g. card, in place of Stripe's choice.
            return_url: Where a customer comes back from a redirect; only with confirm.
            off_session: The customer is not there to authenticate; only with confirm.

        Returns:
            The payment: status succeeded when the money was taken, requires_capture when it is held,
            requires_action when the customer must authenticate, requires_payment_method when nothing was tried.

        Raises:
            Declined: The bank refused; `code` is its decline code, and no money moved.
            Rejected: An argument does not fit, e.g. the amount is below Stripe's minimum for the currency.
        """
        form: dict[str, Any] = {
            "amount": amount,
            "currency": currency,
            "customer": customer,
            "receipt_email": customer_email,
            "description": description,
            "metadata": metadata,
            "capture_method": capture_method,
            "payment_method": payment_method,
            "confirm": confirm or None,
            "payment_method_types": payment_method_types,
            "return_url": return_url,
            "off_session": off_session,
        }
        if payment_method_types is None or automatic_payment_methods is not None:
            form["automatic_payment_methods"] = _automatic(
                automatic_payment_methods or AutomaticPaymentMethods(), confirm=confirm, return_url=return_url
            )
        # https://docs.stripe.com/api/payment_intents/create
        return PaymentIntent.model_validate(await self.api.post(PATH, form=form))

    @action(effect="read")
    async def get_payment_intent(self, payment_intent_id: Id) -> PaymentIntent:
        """Read one payment as it stands now.

        Args:
            payment_intent_id: Its id, e.g. pi_123.

        Returns:
            The payment.

        Raises:
            NotFound: There is no such payment in this mode.
        """
        # https://docs.stripe.com/api/payment_intents/retrieve
        row = await self.api.get(f"{PATH}/{{id}}", values={"id": payment_intent_id})
        return PaymentIntent.model_validate(row)

    @action(effect="read")
    async def list_payment_intents(
        self, customer: Id | None = None, created: CreatedRange | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> list[PaymentIntent]:
        """List payments, newest first.

        Args:
            customer: Only those of this customer id.
            created: Only those created in this range.
            limit: Most payments to return; exactly as many mean that there may be more.

        Returns:
            The payments; an empty list when there are none.
        """
        params = {"customer": customer, "created": created.params() if created is not None else None}
        # https://docs.stripe.com/api/payment_intents/list
        rows = await read_list(self, PATH, style=BY_LAST_ID, params=params, limit=limit)
        return [PaymentIntent.model_validate(row) for row in rows]

    @action(effect="read")
    async def search_payment_intents(self, query: str, limit: Limit = DEFAULT_LIMIT) -> list[PaymentIntent]:
        """Search payments; what was created in the last minute may not be found yet.

        Args:
            query: Stripe's query language, e.g. metadata['order_id']:'1001' AND status:'succeeded'.
            limit: Most payments to return; exactly as many mean that there may be more.

        Returns:
            The payments found; an empty list when there are none.

        Raises:
            Rejected: The query cannot be read.
        """
        # https://docs.stripe.com/api/payment_intents/search
        rows = await read_list(self, f"{PATH}/search", style=BY_NEXT_PAGE, params={"query": query}, limit=limit)
        return [PaymentIntent.model_validate(row) for row in rows]

    @action(effect="money", once="key")
    async def confirm_payment_intent(
        self,
        payment_intent_id: Id,
        payment_method: Id | None = None,
        return_url: str | None = None,
        off_session: bool | None = None,
    ) -> PaymentIntent:
        """Attempt a payment that was created without `confirm`.

        Args:
            payment_intent_id: Its id, e.g. pi_123.
            payment_method: Id of the payment method, unless the payment has one.
            return_url: Where the customer comes back from a redirect; needed when redirects are allowed.
            off_session: The customer is not there to authenticate.

        Returns:
            The payment: succeeded, requires_capture or requires_action.

        Raises:
            Declined: The bank refused; `code` is its decline code, and no money moved.
            Rejected: The payment cannot be confirmed in its present status.
        """
        form = {"payment_method": payment_method, "return_url": return_url, "off_session": off_session}
        # https://docs.stripe.com/api/payment_intents/confirm
        row = await self.api.post(f"{PATH}/{{id}}/confirm", values={"id": payment_intent_id}, form=form)
        return PaymentIntent.model_validate(row)

    @action(effect="money", once="key")
    async def capture_payment(self, payment_intent_id: Id, amount_to_capture: Amount | None = None) -> PaymentIntent:
        """Take money that is held: of a payment created with capture_method manual, in requires_capture.

        Args:
            payment_intent_id: Its id, e.g. pi_123.
            amount_to_capture: In minor units; all that is held when left out. The rest is released for good.

        Returns:
            The payment, succeeded; `amount_received` is what was taken.

        Raises:
            Rejected: Nothing is held, or less than the amount.
        """
        # https://docs.stripe.com/api/payment_intents/capture
        row = await self.api.post(
            f"{PATH}/{{id}}/capture",
            values={"id": payment_intent_id},
            form={"amount_to_capture": amount_to_capture},
        )
        return PaymentIntent.model_validate(row)

    # `money`, not `write`: cancelling gives up a held amount for good, which is as final for it as a capture is.
    @action(effect="money", once="key")
    async def cancel_payment_intent(
        self,
        payment_intent_id: Id,
        cancellation_reason: Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"] | None = None,
    ) -> PaymentIntent:
        """Cancel a payment that was not taken; a held amount is released. It cannot be undone.

        Args:
            payment_intent_id: Its id, e.g. pi_123.
            cancellation_reason: Why, for the account's records.

        Returns:
            The payment, canceled.

        Raises:
            Rejected: The payment has succeeded (refund it instead) or was canceled before.
        """
        # https://docs.stripe.com/api/payment_intents/cancel
        row = await self.api.post(
            f"{PATH}/{{id}}/cancel",
            values={"id": payment_intent_id},
            form={"cancellation_reason": cancellation_reason},
        )
        return PaymentIntent.model_validate(row)


def _automatic(chosen: AutomaticPaymentMethods, *, confirm: bool, return_url: str | None) -> dict[str, Any]:
    redirects = chosen.allow_redirects
    if chosen.enabled and redirects is None and confirm and return_url is None:
        # Stripe refuses to confirm when a redirect might be needed and there is nowhere to come back to.
        redirects = "never"
    return {"enabled": chosen.enabled, "allow_redirects": redirects}
