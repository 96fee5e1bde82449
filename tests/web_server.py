"""The service's own pages behind a real port of this process, on the database of the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections


@dataclass
class WebServer:
    """Where it listens, and everything it was asked: method, path, headers."""

    address: str
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def web_server(port: int) -> Iterator[WebServer]:
    """Serve until the block ends. The test needs `real_commits`: each request has a connection of its own."""
    served = WebServer(address=f"http://127.0.0.1:{port}")
    inner = StaticFilesHandler(WSGIHandler())

    def pages(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            return list(inner(environ, start_response))
        finally:
            connections.close_all()

    class Handler(WSGIRequestHandler):
        def parse_request(self) -> bool:
            heard: bool = super().parse_request()
            if heard:
                served.asked.append((self.command, self.path, dict(self.headers)))
            return heard

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadedWSGIServer(("127.0.0.1", port), Handler, allow_reuse_address=True)
    server.set_app(pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
