"""An integration that states no more than it must: slug, type, base URL, auth and one action."""

from __future__ import annotations

import httpx

from newfuse import Bearer, Integration, IntegrationRegistry, IntegrationType, action
from newfuse.effects import Ledger
from newfuse.store import Store


class Weather(Integration):
    """Read the weather of one place."""

    slug = "weather"
    type = IntegrationType.DATA_PROCESSING
    base_url = "https://weather.example"
    auth = Bearer(field="api_key")

    @action(effect="read")
    async def get_weather(self, place: str) -> str:
        """Read the weather.

        Args:
            place: Where.
        """
        found = await self.api.get("/v1/weather/{place}", values={"place": place})
        return str(found["sky"])


async def test_it_is_named_described_connected_and_executed():
    sent: list[httpx.Request] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"sky": "clear"})

    settings = {"ledger": Ledger(Store(None)), "recorder": lambda _call: None}
    weather = Weather(api_key="key-1", transport=httpx.MockTransport(vendor), **settings)
    assert ("Weather", "Read the weather of one place.") == (weather.config.name, weather.config.description)
    async with weather:
        assert [] == sent  # nothing cheap to ask was named
        assert "clear" == await weather.execute("get_weather", {"place": "Bern"})
    assert ["https://weather.example/v1/weather/Bern"] == [str(request.url) for request in sent]


async def test_its_health_is_not_measured_rather_than_invented():
    weather = Weather(api_key="key-1", ledger=Ledger(Store(None)), recorder=lambda _call: None)
    registry = IntegrationRegistry()
    registry.register_integration(weather)
    assert {} == await registry.check_health()
    health = await weather.health()
    assert not health.ok
    assert "defines no check()" in str(health.error)
