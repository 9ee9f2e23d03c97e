"""Webhooks of a list: kept and listed. The sandbox calls nobody, so nothing is delivered to them."""

from __future__ import annotations

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import decode
from newfuse.sandbox.mailchimp.members import Members
from newfuse.sandbox.mailchimp.state import JSON, State
from newfuse.sandbox.vendor import VendorRequest

EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin", "api")


class Webhooks:
    """The webhooks resource of every list."""

    def __init__(self, state: State, members: Members) -> None:
        """Work on `state`, finding lists as `members` does."""
        self._state = state
        self._members = members

    def get_all(self, request: VendorRequest, list_id: str) -> JSON:
        """GET /lists/{list_id}/webhooks."""
        hooks = list(self._members.audience(list_id).webhooks.values())
        return {"webhooks": hooks, "list_id": list_id, "total_items": len(hooks)}

    def get(self, request: VendorRequest, list_id: str, webhook_id: str) -> JSON:
        """GET /lists/{list_id}/webhooks/{webhook_id}."""
        hooks = self._members.audience(list_id).webhooks
        if webhook_id not in hooks:
            raise problems.resource_not_found()
        return hooks[webhook_id]

    def post(self, request: VendorRequest, list_id: str) -> JSON:
        """POST /lists/{list_id}/webhooks: an address is registered once."""
        hooks = self._members.audience(list_id).webhooks
        data = decode(
            request,
            required=("url",),
            kinds={"url": "string", "events": "object", "sources": "object"},
        )
        url = data["url"]
        if not url.startswith(("http://", "https://")):
            raise problems.invalid_resource([("url", "This value is not a valid URL.")])
        if any(hook["url"] == url for hook in hooks.values()):
            raise problems.invalid_resource([("url", "Sorry, you can't set up multiple WebHooks for one URL")])
        hook = {
            "id": self._state.ids.hex10("webhook"),
            "url": url,
            "events": {name: bool(data.get("events", {}).get(name, False)) for name in EVENTS},
            "sources": {name: bool(data.get("sources", {}).get(name, False)) for name in SOURCES},
            "list_id": list_id,
        }
        hooks[hook["id"]] = hook
        return hook

    def delete(self, request: VendorRequest, list_id: str, webhook_id: str) -> None:
        """DELETE /lists/{list_id}/webhooks/{webhook_id}."""
        hooks = self._members.audience(list_id).webhooks
        if hooks.pop(webhook_id, None) is None:
            raise problems.resource_not_found()
