"""Stripe's API as an emulator: money, customers and idempotency keys that are kept, and no network.

Written from Stripe's published OpenAPI description and documentation (https://docs.stripe.com/api).
"""

from newfuse.sandbox.stripe.api import Stripe

__all__ = ["Stripe"]
