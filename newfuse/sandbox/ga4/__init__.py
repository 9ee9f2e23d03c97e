"""Google Analytics 4: Measurement Protocol, Data API and Admin API of one property."""

from __future__ import annotations

from newfuse.sandbox.ga4.analytics import GA4

__all__ = ["GA4"]
