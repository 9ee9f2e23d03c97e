"""Stripe's test payment methods, and what each does when it is charged.

https://docs.stripe.com/testing
"""

from __future__ import annotations

from dataclasses import dataclass

from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.vendor import JSON


@dataclass(frozen=True, slots=True)
class Decline:
    """How an issuer refuses: the error's code, its decline code, and the text for the customer."""

    code: str
    decline_code: str
    message: str
    blocked: bool = False  # refused by fraud rules, never sent to the issuer

    def error(self, **members: JSON) -> StripeError:
        """Return the 402 answer; `members` are added to its error object."""
        return StripeError(
            self.message,
            status=402,
            type_="card_error",
            code=self.code,
            decline_code=self.decline_code,
            **members,
        )


@dataclass(frozen=True, slots=True)
class Instrument:
    """One test payment method.

    Attributes:
        type: `card` or `us_bank_account`.
        decline: How a charge is refused; None succeeds.
        authenticates: A customer must act first (`requires_action`).
        attaches: Can be attached to a customer; other declining cards are refused already there.
        bypasses_pending: The funds are available at once.
        settles: For bank accounts, that the debit ever leaves `processing`.
    """

    brand: str
    last4: str
    funding: str = "credit"
    type: str = "card"
    decline: Decline | None = None
    authenticates: bool = False
    attaches: bool = True
    bypasses_pending: bool = False
    settles: bool = True


AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

_DECLINED = "Your card was declined."
_DECLINES = {
    "chargeDeclined": ("0002", Decline("card_declined", "generic_decline", _DECLINED)),
    "chargeDeclinedInsufficientFunds": (
        "9995",
        Decline("card_declined", "insufficient_funds", "Your card has insufficient funds."),
    ),
    "chargeDeclinedLostCard": ("9987", Decline("card_declined", "lost_card", _DECLINED)),
    "chargeDeclinedStolenCard": ("9979", Decline("card_declined", "stolen_card", _DECLINED)),
    "chargeDeclinedExpiredCard": ("0069", Decline("expired_card", "expired_card", "Your card has expired.")),
    "chargeDeclinedIncorrectCvc": (
        "0127",
        Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
    ),
    "chargeDeclinedProcessingError": (
        "0119",
        Decline(
            "processing_error",
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
    "chargeDeclinedVelocityLimitExceeded": (
        "6975",
        Decline(
            "card_declined",
            "card_velocity_exceeded",
            "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
        ),
    ),
    "chargeDeclinedFraudulent": ("0019", Decline("card_declined", "fraudulent", _DECLINED, blocked=True)),
}

_SUCCEEDING = {
    "pm_card_visa": Instrument("visa", "4242"),
    "pm_card_visa_debit": Instrument("visa", "5556", "debit"),
    "pm_card_mastercard": Instrument("mastercard", "4444"),
    "pm_card_mastercard_debit": Instrument("mastercard", "8210", "debit"),
    "pm_card_mastercard_prepaid": Instrument("mastercard", "5100", "prepaid"),
    "pm_card_amex": Instrument("amex", "0005"),
    "pm_card_discover": Instrument("discover", "1117"),
    "pm_card_diners": Instrument("diners", "0004"),
    "pm_card_jcb": Instrument("jcb", "0505"),
    "pm_card_unionpay": Instrument("unionpay", "0005"),
    "pm_card_bypassPending": Instrument("visa", "0077", bypasses_pending=True),
}
_AUTHENTICATING = {
    "pm_card_authenticationRequired": Instrument("visa", "3184", authenticates=True),
    "pm_card_authenticationRequiredOnSetup": Instrument("visa", "3155", authenticates=True),
    "pm_card_threeDSecureRequired": Instrument("visa", "3063", authenticates=True),
    "pm_card_threeDSecure2Required": Instrument("visa", "3220", authenticates=True),
}
_BANKS = {
    "pm_usBankAccount_success": Instrument("", "6789", "", "us_bank_account"),
    "pm_usBankAccount_processing": Instrument("", "9000", "", "us_bank_account", settles=False),
}
# Attaches, then declines every charge (4000 0000 0000 0341).
_CHARGE_FAILS = {
    "pm_card_chargeCustomerFail": Instrument("visa", "0341", decline=_DECLINES["chargeDeclined"][1]),
}

# Every decline is known both as `pm_card_<name>` and as `pm_card_visa_<name>`, the newer spelling of the same
# page.
TEST_METHODS: dict[str, Instrument] = {
    **_SUCCEEDING,
    **_AUTHENTICATING,
    **_BANKS,
    **_CHARGE_FAILS,
    **{
        f"{prefix}{name}": Instrument("visa", last4, decline=decline, attaches=False)
        for name, (last4, decline) in _DECLINES.items()
        for prefix in ("pm_card_", "pm_card_visa_")
    },
}
