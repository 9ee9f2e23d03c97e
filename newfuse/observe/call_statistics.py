"""Statistics from the recorded calls: by integration, task and endpoint, of a run or of a window of time.

Percentiles are by nearest rank (`newfuse.observe.statistics.nearest_rank`) over every request as sent, failed ones and
repetitions included; requests that were never sent have no time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, select

from newfuse.observe.statistics import CallStatistics, EndpointStatistics, nearest_rank
from newfuse.store.schema import calls, runs

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from newfuse.http.record import CallRecord
    from newfuse.store import Store

    _Row: TypeAlias = Row[*tuple[Any, ...]] | CallRecord

K = TypeVar("K", bound=Hashable)

_COLUMNS = (
    calls.c.integration,
    calls.c.task,
    calls.c.method,
    calls.c.template,
    calls.c.action,
    calls.c.host,
    calls.c.status,
    calls.c.error,
    calls.c.sent,
    calls.c.attempt,
    calls.c.latency_ms,
    calls.c.bytes_out,
    calls.c.bytes_in,
    calls.c.tls,
)


@dataclass(frozen=True, slots=True)
class RunCalls:
    """The calls of one run, read once; made by `calls_of_run`."""

    rows: Sequence[_Row]

    @property
    def by_integration(self) -> dict[str, CallStatistics]:
        """Their statistics, by integration."""
        return _grouped(self.rows, lambda row: str(row.integration))

    @property
    def by_task(self) -> dict[str, CallStatistics]:
        """Their statistics, by task; what no task made stands under the empty name."""
        return _grouped(self.rows, lambda row: str(row.task or ""))

    @property
    def endpoints(self) -> dict[str, list[EndpointStatistics]]:
        """The endpoints really called, by task, in the order they were first called."""
        by_task: dict[str, dict[tuple[str, str, str, str | None], list[_Row]]] = defaultdict(lambda: defaultdict(list))
        for row in self.rows:
            by_task[str(row.task or "")][row.integration, row.method, row.template, row.action].append(row)
        return {task: [_endpoint(*key, rows) for key, rows in endpoints.items()] for task, endpoints in by_task.items()}

    @property
    def tls_versions(self) -> dict[str, list[str]]:
        """The TLS versions negotiated, by host; an empty list says that plain HTTP was spoken.

        Hosts that never answered are left out: nothing was negotiated.
        """
        found: dict[str, set[str]] = {}
        for row in self.rows:
            if row.status is not None:
                versions = found.setdefault(str(row.host), set())
                if row.tls is not None:
                    versions.add(str(row.tls))
        return {host: sorted(versions) for host, versions in sorted(found.items())}


async def calls_of_run(store: Store, run_id: str, unwritten: Sequence[CallRecord] = ()) -> RunCalls:
    """Return the calls of one run; flush the call log first.

    Args:
        store: Where the calls are recorded.
        run_id: The run.
        unwritten: Calls that the store could not take.
    """
    of_run = [call for call in unwritten if call.run_id == run_id]
    return RunCalls([*await _rows(store, calls.c.run_id == run_id), *of_run])


async def run_statistics(store: Store, run_id: str) -> dict[str, CallStatistics]:
    """Return the statistics of one run, by integration; flush the call log first."""
    return (await calls_of_run(store, run_id)).by_integration


async def calls_by_task(store: Store, run_id: str) -> dict[str, CallStatistics]:
    """Return the statistics of one run, by task; what no task made stands under the empty name."""
    return (await calls_of_run(store, run_id)).by_task


async def window_statistics(
    store: Store,
    since: datetime,
    until: datetime | None = None,
    *,
    mode: str | None = None,
    unwritten: Sequence[CallRecord] = (),
) -> dict[str, CallStatistics]:
    """Return the statistics of a window of time, by integration.

    Args:
        store: Where the calls are recorded.
        since: Beginning of the window, included (aware).
        until: End of the window, included; None for now.
        mode: Only the calls of runs of this mode, `sandbox` or `live`; None takes all calls, those outside of runs too.
        unwritten: Calls of that mode, up to `until`, that the store could not take.

    Returns:
        Only the integrations that were called; one that is missing has no data.
    """
    where = [calls.c.started_at >= _stamp(since)]
    if until is not None:
        where.append(calls.c.started_at <= _stamp(until))
    if mode is not None:
        where.append(calls.c.run_id.in_(select(runs.c.run_id).where(runs.c.mode == mode)))
    in_window = [call for call in unwritten if call.started_at >= since]
    return _grouped([*await _rows(store, *where), *in_window], lambda row: str(row.integration))


async def endpoint_statistics(store: Store, run_id: str) -> dict[str, list[EndpointStatistics]]:
    """Return the endpoints a run really called, by task, in the order they were first called."""
    return (await calls_of_run(store, run_id)).endpoints


async def tls_versions(store: Store, run_id: str) -> dict[str, list[str]]:
    """Return the TLS versions negotiated in a run, by host; an empty list says that plain HTTP was spoken."""
    return (await calls_of_run(store, run_id)).tls_versions


async def _rows(store: Store, *where: ColumnElement[bool]) -> Sequence[_Row]:
    query = select(*_COLUMNS).where(*where).order_by(calls.c.id)

    def read(connection: Connection) -> Sequence[_Row]:
        return connection.execute(query).all()

    return await store.read(read)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()  # as the call log writes it, so that texts compare as times do


def _grouped(rows: Iterable[_Row], key: Callable[[_Row], K]) -> dict[K, CallStatistics]:
    groups: dict[K, list[_Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {name: _statistics(group) for name, group in sorted(groups.items(), key=lambda item: str(item[0]))}


def _is_ok(row: _Row) -> bool:
    return row.status is not None and 200 <= row.status < 300 and row.error is None  # noqa: PLR2004 - RFC 9110, 15.3


def _statistics(rows: Sequence[_Row]) -> CallStatistics:
    sent = [row for row in rows if row.sent]
    times = sorted(row.latency_ms for row in sent)
    ok = sum(_is_ok(row) for row in sent)
    return CallStatistics(
        calls=len(sent),
        ok=ok,
        errors=len(sent) - ok,
        unsent=len(rows) - len(sent),
        retries=sum(row.attempt > 1 for row in sent),
        mean_ms=sum(times) / len(times) if times else None,
        p50_ms=nearest_rank(times, 50),
        p95_ms=nearest_rank(times, 95),
        p99_ms=nearest_rank(times, 99),
        bytes_out=sum(row.bytes_out for row in sent),
        bytes_in=sum(row.bytes_in for row in sent),
    )


def _endpoint(
    integration: str, method: str, template: str, action: str | None, rows: Sequence[_Row]
) -> EndpointStatistics:
    whole = _statistics(rows)
    statuses = Counter("no answer" if row.status is None else str(row.status) for row in rows if row.sent)
    return EndpointStatistics(
        integration=integration,
        method=method,
        template=template,
        action=action,
        calls=whole.calls,
        ok=whole.ok,
        unsent=whole.unsent,
        retries=whole.retries,
        statuses=dict(sorted(statuses.items())),
        p95_ms=whole.p95_ms,
    )
