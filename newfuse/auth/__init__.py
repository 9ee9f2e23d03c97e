"""Ways of authenticating, declared by an integration and built from its credentials."""

from __future__ import annotations

from newfuse.auth.basic import Basic
from newfuse.auth.compose import AllOf, ByPath, CustomAuth
from newfuse.auth.keys import Bearer, HeaderKey, NoAuth, QueryKey
from newfuse.auth.scheme import AuthScheme, CredentialField, Credentials

__all__ = [
    "AllOf",
    "AuthScheme",
    "Basic",
    "Bearer",
    "ByPath",
    "CredentialField",
    "Credentials",
    "CustomAuth",
    "HeaderKey",
    "NoAuth",
    "QueryKey",
]
