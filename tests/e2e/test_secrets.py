"""Keys that lie in the environment have no part in a sandbox run, and no key is ever written down."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from e2e.commands import ROOT, RUN, App
from e2e.vendors import Vendors
from newfuse.cli.app_root import DEFAULT_DATA
from newfuse.sandbox import SANDBOX_CREDENTIALS

pytestmark = pytest.mark.slow

KEYS = {
    "STRIPE_API_KEY": "sk_live_51ThisKeyMustNeverBeSeenAnywhere",
    "STRIPE_SECRET_KEY": "sk_live_51NorMustThisOneEverBeSeen",
    "HUBSPOT_API_KEY": "pat-na1-11111111-2222-3333-4444-555555555555",
    "HUBSPOT_ACCESS_TOKEN": "pat-na1-66666666-7777-8888-9999-000000000000",
    "MAILCHIMP_API_KEY": "0123456789abcdef0123456789abcdef-us21",
    "GA4_API_SECRET": "AbCdEfGhIjKlMnOpQrStUv",
    "GA4_MEASUREMENT_ID": "G-REALONE123",
    "GA4_ACCESS_TOKEN": "ya29.a0RealGoogleToken",
}


class _Relay(BaseHTTPRequestHandler):
    """Hands every request on to the sandbox, and keeps what its headers, address and body were."""

    target = ""
    seen: list[str]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # whatever the method
            return self._relay
        raise AttributeError(name)

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.seen.append(f"{self.path}\n{self.headers.as_string()}\n{body.decode('utf-8', 'replace')}")
        skipped = {"host", "connection", "content-length", "accept-encoding"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in skipped}
        request = Request(self.target + self.path, data=body or None, headers=headers, method=self.command)
        try:
            answer = urlopen(request, timeout=10)
        except HTTPError as error:
            answer = error  # which is an answer too
        with answer:
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in {"content-length", "connection", "date", "transfer-encoding"}:
                    self.send_header(name, value)
            if answer.status != 204:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def relay(target: str) -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []
    handler = type("Relay", (_Relay,), {"target": target, "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


def everything_below(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_keys_of_the_environment_are_neither_used_nor_written_in_a_sandbox_run(app: App, sandbox: Vendors):
    with relay(sandbox.url) as (url, seen):
        ran = app.run("--sandbox", url, **KEYS)
    assert 0 == ran.code, ran.printed
    assert len(seen) > 10
    written = everything_below(app.folder)
    for name, value in KEYS.items():
        assert not any(value in request for request in seen), name
        assert value not in ran.printed, name
        assert value.encode() not in written, name
    sent = "\n".join(seen)
    assert "sk_test_sandbox" in sent  # what was used instead
    # The sandbox's own credentials are as little written down as real ones would be.
    for slug in ("stripe", "hubspot", "mailchimp"):
        key = SANDBOX_CREDENTIALS[slug]["api_key"]
        assert key.encode() not in written, slug
        assert key not in ran.printed, slug
    assert SANDBOX_CREDENTIALS["ga4"]["api_secret"].encode() not in written


def test_a_dotenv_file_has_no_part_in_it_either(app: App, sandbox: Vendors):
    # An app of its own, for the file is read beside the app alone.
    for name in ("agents", "crews", "tasks", "templates", "tools"):
        shutil.copytree(ROOT / name, app.folder / name)
    app.program = Path(shutil.copy(RUN, app.folder))
    (app.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in KEYS.items()))
    with relay(sandbox.url) as (url, seen):
        ran = app.run("--sandbox", url, "--data", ROOT / DEFAULT_DATA)
    assert 0 == ran.code, ran.printed
    (app.folder / ".env").unlink()
    written = everything_below(app.folder).decode("utf-8", "replace")
    assert [] == [name for name, value in KEYS.items() if value in written or value in ran.printed]
    assert [] == [name for name, value in KEYS.items() if value in json.dumps(seen)]
