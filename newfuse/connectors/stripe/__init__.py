"""Stripe payments, refunds and customers.

API: https://docs.stripe.com/api
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from newfuse import Bearer, IntegrationType, RateLimit, action

# The modules, not their classes: what stands here under its own name is offered as an integration.
from newfuse.connectors.stripe import customers, faults, payment_intents, refunds
from newfuse.connectors.stripe.records import Balance

# The version whose published specification the calls are tested against; Stripe serves every version it ever had
# (https://docs.stripe.com/api/versioning).
API_VERSION = "2023-08-16"

KEY_LIFETIME_S = 24 * 3600.0  # "at least 24 hours old": https://docs.stripe.com/api/idempotent_requests

# https://docs.stripe.com/rate-limits: an account may make 100 calls a second in live mode and 25 in test mode, but any
# one operation 25 in both, and a batch is many calls of one operation: at 100 a second, 43 of 200 live payments came to
# nothing in the sandbox; at 25, none. The burst is small, as it comes on top of the rate.
RATE = RateLimit(calls=25, burst=5)

# Secret and restricted keys of test mode: https://docs.stripe.com/keys
TEST_PREFIXES = ("sk_test_", "rk_test_")


class Stripe(payment_intents.PaymentIntents, refunds.Refunds, customers.Customers):
    """Take payments, give refunds and keep customers in one Stripe account."""

    slug = "stripe"
    name = "Stripe"
    type = IntegrationType.ECOMMERCE
    description = "Take payments, give refunds and keep customers in one Stripe account."
    base_url = "https://api.stripe.com"
    doc_url = "https://docs.stripe.com/api"
    api_version = API_VERSION
    auth = Bearer(description="Secret key of the account: sk_test_... or sk_live_...")
    credential_names: ClassVar[Mapping[str, tuple[str, ...]]] = {"api_key": ("STRIPE_SECRET_KEY",)}
    headers: ClassVar[Mapping[str, str]] = {"Stripe-Version": API_VERSION}
    rate_limit = RATE
    idempotency_header = "Idempotency-Key"
    key_lifetime_s = KEY_LIFETIME_S
    describe_failure = staticmethod(faults.describe_failure)
    triggers = ("payment_intent.succeeded", "payment_intent.payment_failed", "charge.refunded", "customer.created")
    supports_polling = True

    def mode(self) -> str:
        """Return `test` or `live`, by the key's prefix; a key that names neither counts as live."""
        key = self.credentials()["api_key"].get_secret_value()
        return "test" if key.startswith(TEST_PREFIXES) else "live"

    def account(self) -> str:
        """Name the account for effect keys: payments of test and live mode never stand for each other."""
        name = super().account()
        return self.mode() if name == "default" else f"{name}/{self.mode()}"

    async def check(self) -> None:
        """Read the balance: one small object, and every key may."""
        await self.get_balance()

    @action(effect="read")
    async def get_balance(self) -> Balance:
        """Read the account's balance.

        Returns:
            What is available and what is pending, in minor units per currency.
        """
        # https://docs.stripe.com/api/balance/balance_retrieve
        return Balance.model_validate(await self.api.get("/v1/balance"))
