"""Batch operations: many requests in one, executed by the clock against the same account.

`pending` → `started` (the operations have been executed) → `finished`, when `response_body_url` is there.
That address is the sandbox's own, `/3.0/batch-responses/{token}.tar.gz` under the path this vendor is mounted
at: a gzipped tar of JSON files, each a list of `{status_code, operation_id, response}`, the response as JSON
text. Like the vendor's it takes no credentials and lapses after ten minutes; a GET of the batch makes it
valid again.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import check, decode
from newfuse.sandbox.mailchimp.paging import page
from newfuse.sandbox.mailchimp.state import JSON, Batch, State, iso
from newfuse.sandbox.vendor import VendorRequest, VendorResponse

STARTED_AFTER_S = 0.5  # both short, so that nobody waits long, and apart, so that both states can be seen
FINISHED_AFTER_S = 1.0
MAX_OPEN = 500  # mailchimp.com/developer/marketing/guides/run-async-requests-batch-endpoint
URL_LIFE_S = 600  # same guide: the URL is valid for ten minutes after the call that returned it
ARCHIVE_PATH = "/3.0/batch-responses/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_GZIP = "application/gzip"


class Batches:
    """The batches resource."""

    def __init__(self, state: State, slug: str, execute: Callable[[VendorRequest], VendorResponse]) -> None:
        """Work on `state`, executing each operation by `execute`; `slug` is the mount path of this vendor."""
        self._state = state
        self._slug = slug
        self._execute = execute
        self._shown: dict[str, float] = {}  # token -> when its URL was last returned

    def advance(self) -> None:
        """Execute the batches whose time has come, oldest first."""
        now = self._state.now()
        for batch in list(self._state.batches.values()):
            if batch.results is None and batch.submitted + STARTED_AFTER_S <= now:
                batch.results = []  # first: an operation that looks at the clock must not come back here
                batch.results = [self._run(operation) for operation in batch.operations]

    def get_all(self, request: VendorRequest) -> JSON:
        """GET /batches."""
        rows = list(self._state.batches.values())
        return {"batches": [self._describe(row) for row in page(request, rows)], "total_items": len(rows)}

    def get(self, request: VendorRequest, batch_id: str) -> JSON:
        """GET /batches/{batch_id}."""
        return self._describe(self._find(batch_id))

    def post(self, request: VendorRequest) -> JSON:
        """POST /batches; 429 while 500 are open ([unverified] status of that refusal)."""
        if sum(self._status(batch) != "finished" for batch in self._state.batches.values()) >= MAX_OPEN:
            detail = f"You have exceeded the limit of {MAX_OPEN} pending batches."
            raise problems.Problem(429, "Too Many Requests", detail)
        data = decode(request, required=("operations",), kinds={"operations": "array"})
        if not data["operations"]:
            raise problems.invalid_resource([("operations", "This value should not be blank.")])
        for operation in data["operations"]:
            if not isinstance(operation, dict):
                raise problems.invalid_resource([("operations", "Schema describes object")])
            check(
                operation,
                required=("method", "path"),
                kinds={
                    "method": METHODS,
                    "path": "string",
                    "params": "object",
                    "body": "string",
                    "operation_id": "string",
                },
            )
        batch = Batch(
            id=self._state.ids.hex10("batch"),
            token=self._state.ids.digest("batch-token"),
            operations=data["operations"],
            submitted=self._state.now(),
            base_url=f"http://{request.headers.get('host', 'localhost')}/{self._slug}",
        )
        self._state.batches[batch.id] = batch
        return self._describe(batch)

    def delete(self, request: VendorRequest, batch_id: str) -> None:
        """DELETE /batches/{batch_id}: what was not executed yet is not any more."""
        del self._state.batches[self._find(batch_id).id]

    def archive(self, request: VendorRequest, name: str) -> VendorResponse:
        """GET what `response_body_url` names: a tar.gz; 404 when it lapsed or never was."""
        token = name.removesuffix(".tar.gz")
        shown = self._shown.get(token)
        batch = next((b for b in self._state.batches.values() if b.token == token), None)
        if batch is None or shown is None or shown + URL_LIFE_S < self._state.now():
            raise problems.resource_not_found()
        return VendorResponse(200, _pack(batch), {"content-type": _GZIP})

    def _find(self, batch_id: str) -> Batch:
        batch = self._state.batches.get(batch_id)
        if batch is None:
            raise problems.resource_not_found()
        return batch

    def _status(self, batch: Batch) -> str:
        if batch.results is None:
            return "pending"
        return "finished" if batch.submitted + FINISHED_AFTER_S <= self._state.now() else "started"

    def _describe(self, batch: Batch) -> JSON:
        status, results = self._status(batch), batch.results or []
        finished = status == "finished"
        if finished:
            self._shown[batch.token] = self._state.now()
        return {
            "id": batch.id,
            "status": status,
            "total_operations": len(batch.operations),
            "finished_operations": len(results),
            "errored_operations": sum(result["status_code"] >= 400 for result in results),
            "submitted_at": iso(batch.submitted),
            "completed_at": iso(batch.submitted + FINISHED_AFTER_S) if finished else "",
            "response_body_url": f"{batch.base_url}{ARCHIVE_PATH}{batch.token}.tar.gz" if finished else "",
        }

    def _run(self, operation: JSON) -> JSON:
        path, _, query = operation["path"].partition("?")
        path = "/" + path.removeprefix("/").removeprefix("3.0/")
        params = operation.get("params") or {}
        pairs = parse_qsl(query, keep_blank_values=True)
        pairs += [(name, _text(value)) for name, value in params.items()]
        request = VendorRequest(
            operation["method"],
            "/3.0" + path,
            tuple(pairs),
            {"content-type": "application/json"},
            operation.get("body", "").encode(),
        )
        response = self._execute(request)
        return {
            "status_code": response.status,
            "operation_id": operation.get("operation_id", ""),
            "response": "" if response.body is None else json.dumps(response.body),
        }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pack(batch: Batch) -> bytes:
    """Return the results as one JSON file in a tar.gz, the same bytes for the same results."""
    content = json.dumps(batch.results).encode()
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        entry = tarfile.TarInfo(f"{batch.id}.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
