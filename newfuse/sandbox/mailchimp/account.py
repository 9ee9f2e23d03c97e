"""Mailchimp Marketing API 3.0, emulated: one account behind one function from request to response.

Source: the vendor's OpenAPI document (version 3.0.55) and https://mailchimp.com/developer/marketing/. Served
under `/3.0/…`; a key is `<anything>-<data centre>`, by Basic or Bearer. Every answer carries `X-Request-Id`
and none carries rate headers: the vendor limits simultaneous connections, which a handler that serves one
request at a time cannot see, so a 429 comes only from a fault that was asked for.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import time
from collections.abc import Callable
from typing import Any, ClassVar

from newfuse.sandbox.credentials import SANDBOX_CREDENTIALS
from newfuse.sandbox.mailchimp import problems, seed
from newfuse.sandbox.mailchimp.automations import Automations
from newfuse.sandbox.mailchimp.batches import ARCHIVE_PATH, Batches
from newfuse.sandbox.mailchimp.campaigns import Campaigns
from newfuse.sandbox.mailchimp.content import Content
from newfuse.sandbox.mailchimp.lists import Lists
from newfuse.sandbox.mailchimp.members import Members
from newfuse.sandbox.mailchimp.merge_fields import MergeFields
from newfuse.sandbox.mailchimp.paging import select
from newfuse.sandbox.mailchimp.problems import Problem
from newfuse.sandbox.mailchimp.reports import Reports
from newfuse.sandbox.mailchimp.segments import Segments
from newfuse.sandbox.mailchimp.sending import Sending
from newfuse.sandbox.mailchimp.state import JSON, Ids, State
from newfuse.sandbox.mailchimp.templates import Templates
from newfuse.sandbox.mailchimp.truth import truth
from newfuse.sandbox.mailchimp.webhooks import Webhooks
from newfuse.sandbox.vendor import Vendor, VendorRequest, VendorResponse

_KEY = re.compile(r".+-[a-z]{2}\d+")  # …-us1, …-us21: the suffix names the data centre
REFUSED_WORDS = ("invalid", "revoked", "expired")  # a key with one of these plays a key that does not work
_OVERRIDE = "x-http-method-override"  # mailchimp.com/developer/marketing/docs/methods-parameters
_JSON_TYPE = "application/json; charset=utf-8"


class Mailchimp(Vendor):
    """One Mailchimp account with its seed data."""

    slug: ClassVar[str] = "mailchimp"
    credentials = SANDBOX_CREDENTIALS["mailchimp"]

    def __init__(self, *, seed: int = 0, now: Callable[[], float] = time.time) -> None:
        """Start with the seeded state; see `Vendor`."""
        super().__init__(seed=seed, now=now)
        self.state = State(ids=Ids(seed), now=now)
        _fill(self.state)
        self._members = Members(self.state)
        self._campaigns = Campaigns(self.state)
        self._sending = Sending(self.state, self._campaigns)
        self._automations = Automations(self.state)
        self._batches = Batches(self.state, self.slug, self._answer)
        self._add_list_routes()
        self._add_segment_routes()
        self._add_campaign_routes()
        self._add_other_routes()

    def handle(self, request: VendorRequest) -> VendorResponse:
        """Answer one request, after doing what the clock says has come due."""
        if request.method == "POST" and (method := request.headers.get(_OVERRIDE)):
            request = dataclasses.replace(request, method=method.upper())
        if len(request.path) > 1 and request.path.endswith("/"):
            request = dataclasses.replace(request, path=request.path.rstrip("/"))
        self.advance()
        refused = self.authenticate(request) or self.throttle(request)
        return self._with_headers(refused or self._answer(request))

    def advance(self) -> None:
        """Send scheduled campaigns and queued e-mails, and execute batches, whose time has come."""
        self._sending.advance()
        self._automations.advance()
        self._batches.advance()

    def authenticate(self, request: VendorRequest) -> VendorResponse | None:
        """Refuse a missing key, one without a data centre, and one with a word of `REFUSED_WORDS`."""
        if request.path.startswith(ARCHIVE_PATH):
            return None
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if not credential.strip():
            return self._refusal(problems.api_key_missing())
        key = credential.strip()
        if scheme.lower() == "basic":
            try:
                _, _, key = base64.b64decode(key, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                key = ""
        known_scheme = scheme.lower() in {"basic", "bearer"}
        if known_scheme and _KEY.fullmatch(key) and not any(word in key.lower() for word in REFUSED_WORDS):
            return None
        return self._refusal(problems.api_key_invalid())

    def not_found(self, request: VendorRequest) -> VendorResponse:
        """Answer 405 with `Allow` when the path exists under other methods, else 404."""
        allowed = sorted({route.method for route in self.routes if route.pattern.match(request.path)})
        return self._refusal(problems.method_not_allowed(allowed) if allowed else problems.resource_not_found())

    def too_many_requests(self, retry_after_s: float) -> VendorResponse:
        """Return the vendor's 429, which says nothing about when to come back."""
        return self._with_headers(self._refusal(problems.too_many_requests()))

    def failure(self, status: int) -> VendorResponse:
        """Return the problem document of a status."""
        return self._with_headers(self._refusal(problems.of_status(status)))

    def truth(self) -> dict[str, Any]:
        """Say what exists; see `newfuse.sandbox.mailchimp.truth`."""
        self.advance()
        return truth(self.state)

    def unsubscribe(self, list_id: str, email: str, *, campaign_id: str | None = None, reason: str = "") -> None:
        """Do what a recipient does who follows the unsubscribe link of a campaign.

        Raises:
            Problem: 404, no such list, member or campaign.
        """
        member = self._members.unsubscribe(list_id, email, reason)
        if campaign_id is not None:
            self._campaigns.find(campaign_id).unsubscribes[member.id] = self.now()

    def _answer(self, request: VendorRequest) -> VendorResponse:
        """Dispatch a request that was let in; problems become responses."""
        matched = self.match(request)
        if matched is None:
            return self.not_found(request)
        route, parameters = matched
        try:
            return route.handler(request, **parameters)
        except Problem as problem:
            return self._refusal(problem)

    def _refusal(self, problem: Problem) -> VendorResponse:
        headers = {"content-type": problems.CONTENT_TYPE}
        if problem.allow:
            headers["allow"] = problem.allow
        return VendorResponse(problem.status, problem.document(self.state.ids.uuid("problem")), headers)

    def _with_headers(self, response: VendorResponse) -> VendorResponse:
        headers: dict[str, str] = {"x-request-id": self.state.ids.uuid("request")}
        if response.body is not None:
            headers["content-type"] = _JSON_TYPE
        return dataclasses.replace(response, headers={**headers, **response.headers})

    def _serve(self, method: str, path: str, handler: Callable[..., Any]) -> None:
        """Serve what a resource returns: a document with 200, None with 204, or a whole response."""

        def answer(request: VendorRequest, **parameters: str) -> VendorResponse:
            body = handler(request, **parameters)
            if isinstance(body, VendorResponse):
                return body
            if body is None:
                return VendorResponse(204)
            return VendorResponse(200, select(request, body) if method == "GET" else body)

        self.route(method, "/3.0" + path, answer)

    def _add_list_routes(self) -> None:
        lists, members = Lists(self.state, self._members), self._members
        merge_fields, webhooks = MergeFields(members), Webhooks(self.state, members)
        one = "/lists/{list_id}"
        self._serve("GET", "/lists", lists.get_all)
        self._serve("POST", "/lists", lists.post)
        self._serve("GET", one, lists.get)
        self._serve("PATCH", one, lists.patch)
        self._serve("POST", one, lists.batch)
        self._serve("DELETE", one, lists.delete)
        self._serve("GET", one + "/members", members.get_all)
        self._serve("POST", one + "/members", members.post)
        self._serve("GET", one + "/members/{key}", members.get)
        self._serve("PUT", one + "/members/{key}", members.put)
        self._serve("PATCH", one + "/members/{key}", members.patch)
        self._serve("DELETE", one + "/members/{key}", members.delete)
        self._serve("POST", one + "/members/{key}/actions/delete-permanent", members.delete_permanent)
        self._serve("GET", one + "/merge-fields", merge_fields.get_all)
        self._serve("POST", one + "/merge-fields", merge_fields.post)
        self._serve("GET", one + "/merge-fields/{merge_id}", merge_fields.get)
        self._serve("DELETE", one + "/merge-fields/{merge_id}", merge_fields.delete)
        self._serve("GET", one + "/webhooks", webhooks.get_all)
        self._serve("POST", one + "/webhooks", webhooks.post)
        self._serve("GET", one + "/webhooks/{webhook_id}", webhooks.get)
        self._serve("DELETE", one + "/webhooks/{webhook_id}", webhooks.delete)

    def _add_segment_routes(self) -> None:
        segments = Segments(self.state, self._members)
        all_, one = "/lists/{list_id}/segments", "/lists/{list_id}/segments/{segment_id}"
        self._serve("GET", all_, segments.get_all)
        self._serve("POST", all_, segments.post)
        self._serve("GET", one, segments.get)
        self._serve("PATCH", one, segments.patch)
        self._serve("POST", one, segments.change_members)
        self._serve("DELETE", one, segments.delete)
        self._serve("GET", one + "/members", segments.get_members)
        self._serve("POST", one + "/members", segments.add_member)
        self._serve("DELETE", one + "/members/{key}", segments.remove_member)
        self._serve("GET", "/lists/{list_id}/members/{key}/tags", segments.get_tags)
        self._serve("POST", "/lists/{list_id}/members/{key}/tags", segments.change_tags)
        self._serve("GET", "/lists/{list_id}/tag-search", segments.search_tags)

    def _add_campaign_routes(self) -> None:
        campaigns, sending = self._campaigns, self._sending
        content = Content(self.state, campaigns.find, campaigns.editable)
        one = "/campaigns/{campaign_id}"
        self._serve("GET", "/campaigns", campaigns.get_all)
        self._serve("POST", "/campaigns", campaigns.post)
        self._serve("GET", one, campaigns.get)
        self._serve("PATCH", one, campaigns.patch)
        self._serve("DELETE", one, campaigns.delete)
        self._serve("GET", one + "/content", content.get)
        self._serve("PUT", one + "/content", content.put)
        self._serve("GET", one + "/send-checklist", sending.checklist)
        self._serve("POST", one + "/actions/send", sending.send)
        self._serve("POST", one + "/actions/schedule", sending.schedule)
        self._serve("POST", one + "/actions/unschedule", sending.unschedule)
        self._serve("POST", one + "/actions/cancel-send", sending.cancel)
        self._serve("POST", one + "/actions/test", sending.test)
        self._serve("POST", one + "/actions/replicate", campaigns.replicate)
        reports, report = Reports(self.state, campaigns), "/reports/{campaign_id}"
        self._serve("GET", "/reports", reports.get_all)
        self._serve("GET", report, reports.get)
        self._serve("GET", report + "/sent-to", reports.sent_to)
        self._serve("GET", report + "/email-activity", reports.email_activity)
        self._serve("GET", report + "/open-details", reports.open_details)
        self._serve("GET", report + "/click-details", reports.click_details)
        self._serve("GET", report + "/unsubscribed", reports.unsubscribed)

    def _add_other_routes(self) -> None:
        automations, batches, templates = self._automations, self._batches, Templates(self.state)
        self._serve("GET", "", self._root)
        self._serve("GET", "/ping", lambda request: {"health_status": "Everything's Chimpy!"})
        workflow, email = "/automations/{workflow_id}", "/automations/{workflow_id}/emails/{email_id}"
        self._serve("GET", "/automations", automations.get_all)
        self._serve("GET", workflow, automations.get)
        self._serve("POST", workflow + "/actions/start-all-emails", automations.start_all)
        self._serve("POST", workflow + "/actions/pause-all-emails", automations.pause_all)
        self._serve("GET", workflow + "/emails", automations.get_emails)
        self._serve("GET", email, automations.get_email)
        self._serve("POST", email + "/actions/start", automations.start_email)
        self._serve("POST", email + "/actions/pause", automations.pause_email)
        self._serve("GET", email + "/queue", automations.get_queue)
        self._serve("POST", email + "/queue", automations.enqueue)
        self._serve("GET", email + "/queue/{key}", automations.get_queued)
        self._serve("GET", "/templates", templates.get_all)
        self._serve("POST", "/templates", templates.post)
        self._serve("GET", "/templates/{template_id}", templates.get)
        self._serve("DELETE", "/templates/{template_id}", templates.delete)
        self._serve("GET", "/templates/{template_id}/default-content", templates.default_content)
        self._serve("GET", "/batches", batches.get_all)
        self._serve("POST", "/batches", batches.post)
        self._serve("GET", "/batches/{batch_id}", batches.get)
        self._serve("DELETE", "/batches/{batch_id}", batches.delete)
        self.route("GET", ARCHIVE_PATH + "{name}", batches.archive)

    def _root(self, request: VendorRequest) -> JSON:
        """GET /: the account."""
        audiences = self.state.audiences.values()
        members = (member for audience in audiences for member in audience.members.values())
        return {
            "account_id": "5ab8c0f1d27e6e93a4c1b0d35",
            "login_id": "10001",
            "account_name": "Sandbox Inc.",
            "email": "owner@example.com",
            "first_name": "Sandbox",
            "last_name": "Owner",
            "username": "sandbox",
            "avatar_url": "",
            "role": "owner",
            "member_since": "2024-01-01T00:00:00+00:00",
            "pricing_plan_type": "monthly",
            "account_timezone": "UTC",
            "account_industry": "",
            "contact": {
                "company": "Sandbox Inc.",
                "addr1": "1 Main Street",
                "addr2": "",
                "city": "Atlanta",
                "state": "GA",
                "zip": "30303",
                "country": "US",
            },
            "pro_enabled": False,
            "total_subscribers": sum(member.status == "subscribed" for member in members),
        }


_fill = seed.fill  # the constructor's own `seed` is a number
