"""Every external write happens once: the ledger of intents and outcomes."""

from newfuse.effects.intent import Intent, Outcome, Scope, Standing, State, Verdict, digest, vendor_key
from newfuse.effects.ledger import Ledger

__all__ = ["Intent", "Ledger", "Outcome", "Scope", "Standing", "State", "Verdict", "digest", "vendor_key"]
