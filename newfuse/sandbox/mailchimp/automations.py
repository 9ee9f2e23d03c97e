"""Classic automations: find, start, pause, and queue a subscriber for one of their e-mails.

Only the queue sends: a subscriber who joins the list over the API does not set an automation off here, as at
Mailchimp an import does not. A queued e-mail leaves when its delay is over and the e-mail is started.
"""

from __future__ import annotations

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import decode
from newfuse.sandbox.mailchimp.campaigns import NOTHING_YET
from newfuse.sandbox.mailchimp.paging import page
from newfuse.sandbox.mailchimp.state import (
    JSON,
    Automation,
    AutomationEmail,
    Message,
    State,
    iso,
    subscriber_hash,
)
from newfuse.sandbox.vendor import VendorRequest

_UNIT_S = {"now": 0, "hour": 3600, "day": 86_400, "week": 604_800}  # spec, delay.type


class Automations:
    """The automations resource."""

    def __init__(self, state: State) -> None:
        """Work on `state`."""
        self._state = state

    def advance(self) -> None:
        """Send the queued e-mails whose time has come, to those who are still subscribed."""
        now = self._state.now()
        for automation in self._state.automations.values():
            audience = self._state.audiences.get(automation.list_id)
            for email in automation.emails.values():
                if email.status != "sending" or not email.queue or audience is None:
                    continue
                for key in [key for key, at in email.queue.items() if at <= now]:
                    at = email.queue.pop(key)
                    member = audience.members.get(key)
                    if member is not None and member.status == "subscribed":
                        message = Message(email.id, member.email, at)
                        email.messages.append(message)
                        self._state.messages.append(message)

    def get_all(self, request: VendorRequest) -> JSON:
        """GET /automations."""
        status = request.param("status")
        rows = [row for row in self._state.automations.values() if status in {None, row.status}]
        return {"automations": [self._describe(row) for row in page(request, rows)], "total_items": len(rows)}

    def get(self, request: VendorRequest, workflow_id: str) -> JSON:
        """GET /automations/{workflow_id}."""
        return self._describe(self._find(workflow_id))

    def start_all(self, request: VendorRequest, workflow_id: str) -> None:
        """POST …/actions/start-all-emails."""
        automation = self._find(workflow_id)
        for email in automation.emails.values():
            self._start(automation, email)

    def pause_all(self, request: VendorRequest, workflow_id: str) -> None:
        """POST …/actions/pause-all-emails."""
        automation = self._find(workflow_id)
        automation.status = "paused"
        for email in automation.emails.values():
            email.status = "paused"

    def get_emails(self, request: VendorRequest, workflow_id: str) -> JSON:
        """GET /automations/{workflow_id}/emails."""
        automation = self._find(workflow_id)
        shown = [self._describe_email(automation, email) for email in automation.emails.values()]
        return {"emails": shown, "total_items": len(shown)}

    def get_email(self, request: VendorRequest, workflow_id: str, email_id: str) -> JSON:
        """GET /automations/{workflow_id}/emails/{workflow_email_id}."""
        automation = self._find(workflow_id)
        return self._describe_email(automation, _email(automation, email_id))

    def start_email(self, request: VendorRequest, workflow_id: str, email_id: str) -> None:
        """POST …/emails/{workflow_email_id}/actions/start."""
        automation = self._find(workflow_id)
        self._start(automation, _email(automation, email_id))

    def pause_email(self, request: VendorRequest, workflow_id: str, email_id: str) -> None:
        """POST …/emails/{workflow_email_id}/actions/pause."""
        automation = self._find(workflow_id)
        _email(automation, email_id).status = "paused"
        if all(email.status == "paused" for email in automation.emails.values()):
            automation.status = "paused"

    def get_queue(self, request: VendorRequest, workflow_id: str, email_id: str) -> JSON:
        """GET …/emails/{workflow_email_id}/queue."""
        automation = self._find(workflow_id)
        email = _email(automation, email_id)
        queue = [self._queued(automation, email, key) for key in email.queue]
        return {"workflow_id": workflow_id, "email_id": email_id, "queue": queue, "total_items": len(queue)}

    def get_queued(self, request: VendorRequest, workflow_id: str, email_id: str, key: str) -> JSON:
        """GET …/emails/{workflow_email_id}/queue/{subscriber_hash}."""
        automation = self._find(workflow_id)
        email = _email(automation, email_id)
        if key not in email.queue:
            raise problems.resource_not_found()
        return self._queued(automation, email, key)

    def enqueue(self, request: VendorRequest, workflow_id: str, email_id: str) -> JSON:
        """POST …/emails/{workflow_email_id}/queue: a subscribed member, once for each e-mail.

        [unverified] that an e-mail must be started, and the words of the refusals.
        """
        automation = self._find(workflow_id)
        email = _email(automation, email_id)
        data = decode(request, required=("email_address",), kinds={"email_address": "string"})
        address = problems.check_email(data["email_address"])
        key = subscriber_hash(address)
        audience = self._state.audiences.get(automation.list_id)
        member = audience.members.get(key) if audience else None
        if member is None or member.status != "subscribed":
            raise problems.bad_request(f"{address} is not subscribed to the list of this automation.")
        if email.status != "sending":
            raise problems.bad_request("Cannot add subscribers to an automation email that is not started.")
        if key in email.queue or any(message.email == member.email for message in email.messages):
            raise problems.bad_request(f"{address} was already queued for, or sent, this email.")
        unit = _UNIT_S[email.delay.get("type", "now")]
        email.queue[key] = self._state.now() + unit * email.delay.get("amount", 0)
        return self._queued(automation, email, key)

    def _find(self, workflow_id: str) -> Automation:
        automation = self._state.automations.get(workflow_id)
        if automation is None:
            raise problems.resource_not_found()
        return automation

    def _start(self, automation: Automation, email: AutomationEmail) -> None:
        now = self._state.now()
        email.status = automation.status = "sending"
        email.started = email.started or now
        automation.started = automation.started or now

    def _recipients(self, automation: Automation) -> JSON:
        audience = self._state.audiences.get(automation.list_id)
        return {
            "list_id": automation.list_id,
            "list_is_active": audience is not None,
            "list_name": audience.name if audience else "",
            "store_id": "",
        }

    @staticmethod
    def _trigger(automation: Automation) -> JSON:
        return {
            "workflow_type": automation.workflow_type,
            "workflow_title": automation.title,
            "workflow_emails_count": len(automation.emails),
        }

    def _queued(self, automation: Automation, email: AutomationEmail, key: str) -> JSON:
        audience = self._state.audiences.get(automation.list_id)
        member = audience.members.get(key) if audience else None
        return {
            "id": key,
            "workflow_id": automation.id,
            "email_id": email.id,
            "list_id": automation.list_id,
            "list_is_active": audience is not None,
            "email_address": member.email if member else "",
            "next_send": iso(email.queue[key]),
        }

    def _describe(self, automation: Automation) -> JSON:
        return {
            "id": automation.id,
            "create_time": iso(automation.created),
            "start_time": iso(automation.started) if automation.started else "",
            "status": automation.status,
            "emails_sent": sum(len(email.messages) for email in automation.emails.values()),
            "recipients": self._recipients(automation),
            "settings": {"title": automation.title, **automation.settings},
            "tracking": {"opens": True, "html_clicks": True},
            "trigger_settings": self._trigger(automation),
            "report_summary": dict(NOTHING_YET),
        }

    def _describe_email(self, automation: Automation, email: AutomationEmail) -> JSON:
        recipients = self._recipients(automation)
        del recipients["store_id"]
        return {
            "id": email.id,
            "web_id": email.web_id,
            "workflow_id": automation.id,
            "position": email.position,
            "delay": email.delay,
            "create_time": iso(automation.created),
            "start_time": iso(email.started) if email.started else "",
            "archive_url": f"https://eepurl.com/{email.id}",
            "status": email.status,
            "emails_sent": len(email.messages),
            "send_time": iso(email.messages[-1].at) if email.messages else "",
            "content_type": "template",
            "needs_block_refresh": False,
            "has_logo_merge_tag": False,
            "recipients": recipients,
            "settings": email.settings,
            "tracking": {"opens": True, "html_clicks": True},
            "trigger_settings": self._trigger(automation),
            "report_summary": dict(NOTHING_YET),
        }


def _email(automation: Automation, email_id: str) -> AutomationEmail:
    email = automation.emails.get(email_id)
    if email is None:
        raise problems.resource_not_found()
    return email
