"""The sandbox over real HTTP: in a thread of this process, or in the foreground for the command line."""

from __future__ import annotations

import asyncio
import errno
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from newfuse.sandbox.application import TRANSPORT, SandboxApplication
from newfuse.sandbox.sandbox import Sandbox

HOST: Final = "127.0.0.1"  # loopback only: the sandbox believes every token
_BACKLOG: Final = 128
# Clients keep idle connections for some seconds (httpx: 5) and then close them. The sandbox must not be
# first: a request sent into a connection that the server is closing fails, and would look like a fault.
_KEEP_ALIVE_S: Final = 75
_HEAD_LIMIT_BYTES: Final = 32_768  # of a request's line and headers, as much as nginx takes (4 buffers of 8 KiB)
_STOP_S: Final = 5  # a client that does not read its answer is cut off after this


class PortInUse(OSError):
    """Another program listens on the port that the sandbox was to have."""

    def __init__(self, port: int) -> None:
        """Name the port and the way out."""
        super().__init__(
            errno.EADDRINUSE,
            f"port {port} on {HOST} is in use by another program: stop that one, or choose another port "
            "(--port; 0 takes any that is free)",
        )
        self.port = port

    def __str__(self) -> str:
        """Return the message without the error number, which tells a reader nothing."""
        return str(self.args[1])


# Uvicorn chooses the class when it is imported: httptools' where that is installed, else h11's.
class _DroppableProtocol(AutoHTTPProtocol):  # type: ignore[valid-type,misc]
    """Uvicorn's HTTP protocol, with the connection within the application's reach: it can be dropped."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, accepting: Callable[[], None]) -> None:
        super().__init__(config)
        self._accepting = accepting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._accepting()


class SandboxServer:
    """Runs a sandbox on loopback in a thread and event loop of its own.

    ```python
    with SandboxServer() as server:
        httpx.get(server.url + "/_sandbox")
        server.sandbox.truth()
    ```
    """

    def __init__(
        self,
        *,
        port: int = 0,
        seed: int = 0,
        log_file: Path | None = None,
        now: Callable[[], float] = time.time,
        rate_limits: bool = True,
    ) -> None:
        """Prepare a sandbox; `start` or `with` makes it listen.

        Args:
            port: Where to listen; 0 takes any that is free.
            seed: Makes generated ids and the draws of faults repeatable.
            log_file: Log lines are also appended here.
            now: The clock, in epoch seconds, that vendors and the log go by.
            rate_limits: False switches the vendors' own limits off.

        Raises:
            OSError: The log file cannot be opened for appending.
        """
        self.sandbox = Sandbox(seed=seed, log_file=log_file, now=now, rate_limits=rate_limits)
        self.port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._application = SandboxApplication(self.sandbox)

    @property
    def url(self) -> str:
        """The address without a trailing slash; vendors are below it by their slug."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Listen, and return once requests are accepted.

        Raises:
            PortInUse: Another program listens on that port.
            OSError: The port cannot be had for another reason.
            ValueError: There is no such port.
        """
        try:
            listener = _listen(self.port)
        except (OSError, ValueError):
            self.sandbox.close()
            raise
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._application,
            http=_DroppableProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_STOP_S,
            h11_max_incomplete_event_size=_HEAD_LIMIT_BYTES,
        )
        started: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._server = _Server(config, lambda: started.put(None))
        self._thread = threading.Thread(
            target=self._run, args=(self._server, listener, started), name="newfuse-sandbox", daemon=True
        )
        self._thread.start()
        failure = started.get()
        if failure is not None:
            self.stop()
            raise failure

    def _run(self, server: _Server, listener: socket.socket, started: queue.SimpleQueue[BaseException | None]) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve(sockets=[listener])

        try:
            asyncio.run(serve())
        except BaseException as error:
            started.put(error)
            raise
        finally:
            listener.close()

    def stop(self) -> None:
        """Stop listening, end every connection and the thread; a second call does nothing."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            if self._loop is not None and self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._application.stopping.set)
            self._thread.join()
        self._server = self._thread = self._loop = None
        self.sandbox.close()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()


def serve(port: int = 0, *, log_file: Path | None = None, seed: int = 0, rate_limits: bool = True) -> None:
    """Run a sandbox in the foreground until SIGINT or SIGTERM; says where it listens in one line on stdout.

    Call it from the main thread, which alone receives signals.

    Args:
        port: Where to listen; 0 takes any that is free.
        log_file: Log lines are also appended here.
        seed: Makes generated ids and the draws of faults repeatable.
        rate_limits: False switches the vendors' own limits off.

    Raises:
        PortInUse: Another program listens on that port.
        OSError: The log file cannot be opened for appending.
    """
    # A SimpleQueue, because its put() may be called by a signal handler while get() waits in the same thread.
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    previous = {
        number: signal.signal(number, lambda number, _frame: signals.put(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with SandboxServer(port=port, seed=seed, log_file=log_file, rate_limits=rate_limits) as server:
            print(f"Sandbox listening on {server.url}", flush=True)  # noqa: T201 -- what the command says
            signals.get()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _listen(port: int) -> socket.socket:
    """Bind and listen at once, so that a port in use is known in the caller's thread."""
    # asyncio sets TCP_NODELAY on sockets of this protocol number alone (and accepted ones inherit it). Without
    # it every answer waited 40 ms: its body was held back until the client had acknowledged its head.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there the option would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(port) from error
        raise
    except OverflowError:
        listener.close()
        raise ValueError(f"port {port} is not a port: it is from 0 to 65535") from None
    return listener
