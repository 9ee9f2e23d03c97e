"""Currencies and the least and greatest amounts that Stripe charges.

https://docs.stripe.com/currencies
"""

from __future__ import annotations

from newfuse.sandbox.stripe.errors import StripeError

# Presentment currencies of an account in the US, in the order of Stripe's own "Invalid currency" answer.
_SUPPORTED = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf
clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf
idr ils inr isk jmd jpy kes kgs khr kmf krw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr
mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd
shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
SUPPORTED = tuple(_SUPPORTED.split())
_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
ZERO_DECIMAL = frozenset(_ZERO_DECIMAL.split())

# docs.stripe.com/currencies#minimum-and-maximum-charge-amounts. Elsewhere the rule is "converts to 50 cents",
# at a rate that is not published: there every positive amount is let through.
MINIMUM_MINOR = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300,
    "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
MAXIMUM_MINOR = 99_999_999  # eight digits, same page

_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def normalize(name: str, code: str) -> str:
    """Return the lower-case currency code.

    Raises:
        StripeError: Stripe does not charge in it (400, with the list of those it does).
    """
    lowered = code.lower()
    if lowered not in SUPPORTED:
        raise StripeError(
            f"Invalid currency: {lowered[:20]}. Stripe currently supports these currencies: {', '.join(SUPPORTED)}",
            param=name,
        )
    return lowered


def spell(amount_minor: int, currency: str) -> str:
    """Spell an amount as Stripe's messages do: `$20.00`, `¥500`, or `20.00 SEK`."""
    number = f"{amount_minor:,}" if currency in ZERO_DECIMAL else f"{amount_minor / 100:,.2f}"
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{number}" if symbol else f"{number} {currency.upper()}"


def check_charge_amount(name: str, amount_minor: int, currency: str) -> None:
    """Refuse an amount below Stripe's minimum for the currency, or above eight digits.

    Raises:
        StripeError: `amount_too_small` or `amount_too_large` (400).
    """
    least = MINIMUM_MINOR.get(currency, 1)
    if amount_minor < least:
        raise StripeError(
            f"Amount must be at least {spell(least, currency)} {currency}",
            code="amount_too_small",
            param=name,
        )
    if amount_minor > MAXIMUM_MINOR:
        raise StripeError(
            f"Amount must be no more than {spell(MAXIMUM_MINOR, currency)}",
            code="amount_too_large",
            param=name,
        )
