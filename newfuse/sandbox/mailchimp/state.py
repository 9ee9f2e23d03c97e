"""Everything that exists in one Mailchimp account, and the ids and times it is given."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

JSON = dict[str, Any]

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")  # what a caller may set
ARCHIVED = "archived"  # only DELETE leads here
FIRST_NUMBER = 10_001  # where numeric ids of each kind begin


def subscriber_hash(email: str) -> str:
    """Return a member's id: the MD5 of the address in lower case."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def iso(at: float) -> str:
    """Return epoch seconds as Mailchimp writes times: whole seconds, `+00:00`."""
    return datetime.fromtimestamp(int(at), UTC).isoformat()


def epoch(text: str) -> float:
    """Return an ISO 8601 time as epoch seconds; a time without a zone is UTC.

    Raises:
        ValueError: It is not a time.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class Ids:
    """Ids that repeat from run to run: the n-th of a kind depends on the seed alone."""

    def __init__(self, seed: int) -> None:
        """Start every kind at its first id."""
        self._seed = seed
        self._made: Counter[str] = Counter()

    def digest(self, kind: str) -> str:
        """Return the next hash of a kind."""
        self._made[kind] += 1
        return hashlib.sha256(f"{self._seed}:{kind}:{self._made[kind]}".encode()).hexdigest()

    def hex10(self, kind: str) -> str:
        """Return the next id as lists, campaigns, batches have them: ten hex digits."""
        return self.digest(kind)[:10]

    def number(self, kind: str) -> int:
        """Return the next numeric id, as segments, templates and web ids are."""
        self._made[kind] += 1
        return FIRST_NUMBER - 1 + self._made[kind]

    def uuid(self, kind: str) -> str:
        """Return the next UUID, as request ids and problem instances are."""
        return str(uuid.UUID(self.digest(kind)[:32], version=4))


@dataclass(slots=True)
class Member:
    """One address on one list."""

    email: str
    status: str
    web_id: int
    changed: float
    status_at: float = 0.0  # since when it has its status
    email_type: str = "html"
    merge_fields: JSON = field(default_factory=dict)
    interests: JSON = field(default_factory=dict)
    location: JSON = field(default_factory=dict)
    language: str = ""
    vip: bool = False
    ip_signup: str = ""
    ip_opt: str = ""
    timestamp_signup: str = ""
    timestamp_opt: str = ""
    in_compliance: bool = False  # left, or bounced: the API cannot subscribe them again
    unsubscribe_reason: str = ""
    tags: dict[int, float] = field(default_factory=dict)  # static segment id -> when added

    @property
    def id(self) -> str:
        """The subscriber hash."""
        return subscriber_hash(self.email)


@dataclass(slots=True)
class MergeField:
    """One field that members of a list carry."""

    id: int
    tag: str
    name: str
    type: str
    required: bool = False
    default: str = ""
    public: bool = False
    order: int = 0
    help_text: str = ""
    options: JSON = field(default_factory=dict)


@dataclass(slots=True)
class Segment:
    """A saved segment (conditions, evaluated when looked at) or a static one, which is what a tag is."""

    id: int
    name: str
    created: float
    updated: float
    options: JSON | None = None  # {"match", "conditions"} of a saved segment; None for a static one

    @property
    def type(self) -> str:
        """The vendor's word: `static` or `saved`."""
        return "static" if self.options is None else "saved"


@dataclass(slots=True)
class Audience:
    """One list."""

    id: str
    web_id: int
    settings: JSON  # the fields of POST /lists, as given
    created: float
    members: dict[str, Member] = field(default_factory=dict)  # by subscriber hash
    forgotten: set[str] = field(default_factory=set)  # hashes deleted for good
    merge_fields: dict[int, MergeField] = field(default_factory=dict)
    segments: dict[int, Segment] = field(default_factory=dict)
    webhooks: dict[str, JSON] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The list's name."""
        return str(self.settings["name"])

    def tagged(self, name: str) -> Segment | None:
        """Find the static segment of a name; Mailchimp compares names without case."""
        found = (s for s in self.segments.values() if s.options is None and s.name.lower() == name.lower())
        return next(found, None)


@dataclass(slots=True)
class Message:
    """One e-mail that left the account."""

    campaign_id: str
    email: str
    at: float


@dataclass(slots=True)
class Campaign:
    """One campaign; `messages` are those it sent."""

    id: str
    web_id: int
    type: str
    created: float
    recipients: JSON
    settings: JSON
    tracking: JSON
    status: str = "save"
    content: JSON | None = None  # {"html", "plain_text"}
    content_type: str = "template"
    schedule_at: float | None = None
    send_at: float | None = None
    messages: list[Message] = field(default_factory=list)
    unsubscribes: dict[str, float] = field(default_factory=dict)  # member id -> when


@dataclass(slots=True)
class Template:
    """One template of the account."""

    id: int
    name: str
    html: str
    created: float
    edited: float
    folder_id: str = ""


@dataclass(slots=True)
class AutomationEmail:
    """One e-mail of a classic automation."""

    id: str
    web_id: int
    position: int
    settings: JSON
    delay: JSON
    html: str
    status: str = "save"
    started: float | None = None
    queue: dict[str, float] = field(default_factory=dict)  # member id -> next send
    messages: list[Message] = field(default_factory=list)


@dataclass(slots=True)
class Automation:
    """One classic automation."""

    id: str
    list_id: str
    title: str
    workflow_type: str
    created: float
    settings: JSON
    emails: dict[str, AutomationEmail]
    status: str = "save"
    started: float | None = None


@dataclass(slots=True)
class Batch:
    """One batch of operations; `results` is None until they were executed."""

    id: str
    token: str  # names the result archive, which is fetched without credentials
    operations: list[JSON]
    submitted: float
    results: list[JSON] | None = None
    base_url: str = ""


@dataclass(slots=True)
class State:
    """The account."""

    ids: Ids
    now: Callable[[], float]
    audiences: dict[str, Audience] = field(default_factory=dict)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    templates: dict[int, Template] = field(default_factory=dict)
    automations: dict[str, Automation] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)  # everything sent, in order
    tests: list[Message] = field(default_factory=list)  # test sends, which are not campaign sends
    writes: Counter[str] = field(default_factory=Counter)
