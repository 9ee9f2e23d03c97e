"""Google Analytics 4: events in, reports out."""

from newfuse.connectors.ga4.ga4 import GA4

__all__ = ["GA4"]
