"""The emulated Mailchimp Marketing API 3.0."""

from __future__ import annotations

from newfuse.sandbox.mailchimp.account import Mailchimp

__all__ = ["Mailchimp"]
