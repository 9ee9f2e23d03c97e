"""How one account's API is reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from newfuse.http.url import parse_base

DEFAULT_TIMEOUT_S = 30.0
# An hour: longer is a mistake of units.
MAX_TIMEOUT_S = 3600.0


class ApiConfig(BaseModel):
    """Where the API lies and what goes along with every request.

    Attributes:
        base_url: `http` or `https` URL with an optional path prefix, e.g. `http://127.0.0.1:8420/stripe`; it
            comes before every path. No user, query or fragment.
        headers: Sent with every request; a call's own headers win. Not shown in the repr.
        params: Query parameters of every request; a call's own win. Not shown in the repr.
        timeout_s: Longest time one attempt may take from connecting to the last byte, in seconds.
        routes: Path prefix to another base URL, for vendors that serve parts of one API from other hosts
            (GA4's `/mp/` beside its Data API). The longest fitting prefix wins; leave it empty when
            `base_url` is replaced.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    headers: Mapping[str, str] = Field(default_factory=dict, repr=False)
    params: Mapping[str, Any] = Field(default_factory=dict, repr=False)
    timeout_s: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S)] = DEFAULT_TIMEOUT_S
    routes: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("base_url", mode="after")
    @classmethod
    def _well_formed(cls, url: str) -> str:
        return parse_base(url).url

    @field_validator("routes", mode="after")
    @classmethod
    def _routes_well_formed(cls, routes: Mapping[str, str]) -> Mapping[str, str]:
        return {prefix: parse_base(url).url for prefix, url in routes.items()}
