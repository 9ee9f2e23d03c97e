"""Content of campaigns: HTML, plain text, or a template with its editable sections filled."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import decode
from newfuse.sandbox.mailchimp.state import JSON, Campaign, State
from newfuse.sandbox.vendor import VendorRequest

UNSUBSCRIBE_TAG = "*|UNSUB|*"  # mailchimp.com/help/all-the-merge-tags-cheat-sheet
_SECTION = re.compile(
    r"(?P<open><(?P<tag>\w+)[^>]*\bmc:edit=\"(?P<name>[^\"]+)\"[^>]*>)(?P<text>.*?)(?P<close></(?P=tag)>)",
    re.DOTALL,
)
_LINK = re.compile(r"<a\b[^>]*\bhref=\"([^\"]*)\"[^>]*>(.*?)</a>", re.DOTALL | re.IGNORECASE)
_BLOCK_END = re.compile(r"<(?:br\s*/?|/(?:p|h[1-6]|div|tr|li))>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(style|script|head)\b.*?</\1>", re.DOTALL | re.IGNORECASE)


def sections(markup: str) -> dict[str, str]:
    """Return the editable sections (`mc:edit`) of a template and their default content."""
    return {found["name"]: found["text"] for found in _SECTION.finditer(markup)}


def from_template(markup: str, filled: dict[str, str]) -> JSON:
    """Return the content that a template with these sections makes."""

    def fill(found: re.Match[str]) -> str:
        return found["open"] + str(filled.get(found["name"], found["text"])) + found["close"]

    return from_html(_SECTION.sub(fill, markup))


def from_html(markup: str, plain_text: str | None = None) -> JSON:
    """Return the content of custom HTML; the plain text is made from it when none is given."""
    return {"html": markup, "plain_text": to_text(markup) if plain_text is None else plain_text}


def to_text(markup: str) -> str:
    """Return markup as plain text, links as `text (address)`."""
    text = _LINK.sub(r"\2 (\1)", _UNSEEN.sub("", markup))
    text = re.sub(r"<[^>]+>", "", _BLOCK_END.sub("\n", text))
    lines = (line.strip() for line in html.unescape(text).splitlines())
    return "\n".join(line for line in lines if line)


class Content:
    """The content resource of every campaign."""

    def __init__(self, state: State, find: Callable[[str], Campaign], editable: Callable[[str], Campaign]) -> None:
        """Work on `state`; `find` and `editable` return a campaign or refuse."""
        self._state = state
        self._find = find
        self._editable = editable

    def get(self, request: VendorRequest, campaign_id: str) -> JSON:
        """GET /campaigns/{campaign_id}/content; empty texts when none was set."""
        return describe(self._find(campaign_id))

    def put(self, request: VendorRequest, campaign_id: str) -> JSON:
        """PUT /campaigns/{campaign_id}/content: `html`, `plain_text`, or `template` {id, sections}.

        `url`, `archive` and `variate_contents` are refused: the sandbox fetches nothing.
        """
        campaign = self._editable(campaign_id)
        data = decode(
            request,
            kinds={
                "html": "string",
                "plain_text": "string",
                "template": "object",
                "template.id": "integer",
                "template.sections": "object",
            },
        )
        for name in ("url", "archive", "variate_contents"):
            if name in data:
                raise problems.bad_request(f"The sandbox does not serve content from {name}.")
        if "template" in data:
            template = self._state.templates.get(data["template"].get("id", 0))
            if template is None:
                raise problems.invalid_resource([("template.id", "The template ID does not exist.")])
            campaign.content = from_template(template.html, data["template"].get("sections", {}))
            campaign.content_type = "template"
            campaign.settings["template_id"] = template.id
        elif "html" in data and campaign.type != "plaintext":
            campaign.content = from_html(data["html"], data.get("plain_text"))
            campaign.content_type = "html"
        elif "plain_text" in data:
            before = campaign.content or {"html": ""}
            campaign.content = {"html": before["html"], "plain_text": data["plain_text"]}
        else:
            raise problems.invalid_resource([("", "Required fields were not provided: html")])
        self._state.writes["contents_set"] += 1
        return describe(campaign)


def describe(campaign: Campaign) -> JSON:
    """Return a campaign's content as the vendor shows it."""
    content = campaign.content or {"html": "", "plain_text": ""}
    return {"html": content["html"], "plain_text": content["plain_text"], "archive_html": content["html"]}
