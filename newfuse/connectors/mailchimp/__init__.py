"""Mailchimp audiences, members and campaigns.

API: https://mailchimp.com/developer/marketing/api/
"""

from __future__ import annotations

import re

from newfuse import Basic, IntegrationType, RateLimit, action

# The modules, not their classes: what stands here under its own name is offered as an integration.
from newfuse.connectors.mailchimp import audiences, automations, campaigns, members, problems, segments, sending
from newfuse.connectors.mailchimp.records import Account
from newfuse.errors import ConfigurationError

API_VERSION = "3.0"

# "Each API key ... includes a data center": https://mailchimp.com/developer/marketing/docs/fundamentals/#api-structure
DATA_CENTRE = re.compile(r"-([a-z]{2,3}[0-9]{1,3})$")
PLACE = "{dc}"

# Ten simultaneous connections, and neither a rate nor rate headers:
# https://mailchimp.com/developer/marketing/docs/fundamentals/#throttling. The rate is ours: ten connections that are
# answered in a tenth of a second each.
CONNECTIONS = 10
RATE_PER_S = 100


class Mailchimp(
    audiences.Audiences,
    members.Members,
    segments.Segments,
    campaigns.Campaigns,
    sending.Sending,
    automations.Automations,
):
    """Keep audiences and their members, and send campaigns, in one Mailchimp account."""

    slug = "mailchimp"
    name = "Mailchimp"
    type = IntegrationType.MARKETING
    description = "Keep audiences and their members, and send campaigns, in one Mailchimp account."
    base_url = f"https://{PLACE}.api.mailchimp.com"
    doc_url = "https://mailchimp.com/developer/marketing/api/"
    api_version = API_VERSION
    auth = Basic(username="newfuse", password_field="api_key", description="API key, with its suffix such as -us6")
    rate_limit = RateLimit(calls=RATE_PER_S, concurrency=CONNECTIONS)
    describe_failure = staticmethod(problems.describe_failure)
    triggers = ("subscribe", "unsubscribe", "profile", "upemail", "cleaned", "campaign")
    supports_webhooks = True
    supports_polling = True

    def api_url(self) -> str:
        """Return the host of the account's data centre, which the key names, unless `base_url` was given.

        Raises:
            ConfigurationError: The key names no data centre.
        """
        url = super().api_url()
        if PLACE not in url:
            return url
        found = DATA_CENTRE.search(self.credentials()["api_key"].get_secret_value().strip())
        if found is None:
            raise ConfigurationError(
                f"{self.id}: the API key does not end in its data centre, such as -us6. Copy the whole key, "
                "or give base_url."
            )
        return url.replace(PLACE, found[1])

    async def check(self) -> None:
        """Ping: Mailchimp's own health call, which needs a valid key."""
        await self.ping()

    @action(effect="read")
    async def ping(self) -> dict[str, str]:
        """Ask whether Mailchimp answers and accepts the key.

        Returns:
            Mailchimp's words, in health_status.
        """
        # https://mailchimp.com/developer/marketing/api/ping/
        answer = await self.api.get("/3.0/ping")
        return {"health_status": answer["health_status"]}

    @action(effect="read")
    async def get_account(self) -> Account:
        """Read whose account this is.

        Returns:
            Name, role and the total number of subscribers.
        """
        # https://mailchimp.com/developer/marketing/api/root/list-api-root-resources/
        return Account.model_validate(await self.api.get("/3.0/"))
