"""The world of a measurement, in processes of its own: the vendors' sandbox and a model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.child import ROOT, MeasurementFailed, clean_environment

SANDBOX = ["-c", "from newfuse.sandbox import serve; serve(rate_limits=False)"]
MODEL = ["-m", "benchmarks.model_server"]
TIMEOUT_S = 30.0
STOP_S = 10.0


@contextmanager
def sandbox() -> Iterator[str]:
    """Serve the vendors without their rate limits, which would be what is measured; yields the address."""
    with _server(SANDBOX) as url:
        yield url


@contextmanager
def model(*crews: str) -> Iterator[str]:
    """Serve a model that follows the runbooks of `MODULE:NAME` crews; yields the address.

    Its OpenAI-compatible API lies below `/v1`; see `model_name`.
    """
    with _server([*MODEL, *crews]) as url:
        yield url


def model_name(url: str, latency_ms: float = 0) -> str:
    """Return what `--model` is given for that server answering so late."""
    return f"{url}/v1#delay-{latency_ms:g}"


def fetch(url: str, *, post: Any = None) -> Any:
    """Ask one of the servers something outside of any measurement; returns the decoded JSON.

    Args:
        url: What to ask.
        post: What to send as JSON, making it a POST; True sends nothing.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    body = None if post is None else b"" if post is True else json.dumps(post).encode()
    with opener.open(urllib.request.Request(url, data=body), timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own servers
        return json.loads(answer.read())


def fetch_log(sandbox_url: str) -> list[dict[str, Any]]:
    """Return what the vendors received since the last reset."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{sandbox_url}/_sandbox/log", timeout=TIMEOUT_S) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


@contextmanager
def _server(arguments: list[str]) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            raise MeasurementFailed(f"a server did not start: {' '.join(arguments)}")
        yield found.group()
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
