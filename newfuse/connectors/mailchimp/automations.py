"""Classic automations and templates.

API: https://mailchimp.com/developer/marketing/api/automation/ and https://mailchimp.com/developer/marketing/api/templates/
"""

from __future__ import annotations

from typing import Literal

from newfuse import Integration, action
from newfuse.connectors.mailchimp.lists import DEFAULT_LIMIT, Limit, read_list
from newfuse.connectors.mailchimp.records import Automation, Id, Template


class Automations(Integration):
    """See the automations and the templates of an account."""

    @action(effect="read")
    async def list_automations(
        self, status: Literal["save", "paused", "sending"] | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> list[Automation]:
        """List the classic automations.

        Args:
            status: Only those with this status; sending means that it runs.
            limit: Most automations to return; exactly as many mean that there may be more.

        Returns:
            The automations; an empty list when there are none.
        """
        # https://mailchimp.com/developer/marketing/api/automation/list-automations/
        rows = await read_list(self, "/3.0/automations", items="automations", limit=limit, params={"status": status})
        return [Automation.model_validate(row) for row in rows]

    @action(effect="read")
    async def get_automation(self, workflow_id: Id) -> Automation:
        """Read one classic automation.

        Args:
            workflow_id: Its id.

        Returns:
            The automation with status and mails sent.

        Raises:
            NotFound: There is no such automation.
        """
        # https://mailchimp.com/developer/marketing/api/automation/get-automation-info/
        row = await self.api.get("/3.0/automations/{workflow_id}", values={"workflow_id": workflow_id})
        return Automation.model_validate(row)

    @action(effect="read")
    async def list_templates(
        self, type: Literal["user", "base", "gallery"] | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> list[Template]:
        """List templates.

        Args:
            type: Only the account's own (user), Mailchimp's basic ones (base) or its gallery's.
            limit: Most templates to return; exactly as many mean that there may be more.

        Returns:
            The templates; an empty list when there are none.
        """
        # https://mailchimp.com/developer/marketing/api/templates/list-templates/
        rows = await read_list(self, "/3.0/templates", items="templates", limit=limit, params={"type": type})
        return [Template.model_validate(row) for row in rows]

    @action(effect="read")
    async def get_template(self, template_id: int) -> Template:
        """Read one template.

        Args:
            template_id: Its number.

        Returns:
            The template.

        Raises:
            NotFound: There is no such template.
        """
        # https://mailchimp.com/developer/marketing/api/templates/get-template-info/
        row = await self.api.get("/3.0/templates/{template_id}", values={"template_id": template_id})
        return Template.model_validate(row)
