"""Vendors of our own."""
