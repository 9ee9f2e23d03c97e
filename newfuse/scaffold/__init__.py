"""Makes apps, and parts of them, that run and are tested at once."""

from newfuse.scaffold.app import new_app
from newfuse.scaffold.part import PARTS, new_part

__all__ = ["PARTS", "new_app", "new_part"]
