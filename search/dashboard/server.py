"""Serves Optuna Dashboard on a port of this machine, with two additions.

It has no login, so only requests that name this machine are answered: a foreign page whose name was made to lead to
127.0.0.1 (DNS rebinding) could otherwise read and delete studies. And pages get a style sheet: the dashboard shows each
attribute of a trial on one line, so they would be as wide as our records are long.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UserError

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = "127.0.0.1"
_STYLE = b"""<style>
main .MuiBox-root > .MuiBox-root > .MuiTypography-body1 {
  white-space: normal; overflow-wrap: anywhere; max-height: 3em; overflow-y: auto;
}
main .MuiBox-root:has(> .MuiBox-root > .MuiTypography-body1 + .MuiTypography-body1) { max-height: 24em; }
main pre { white-space: pre-wrap; overflow-wrap: anywhere; }
main h1 { overflow-wrap: anywhere; }
main :is(p, td) > a, main strong > a { color: #1e88e5; }
main table:not(.MuiTable-root) { border-collapse: collapse; }
main table:not(.MuiTable-root) :is(th, td) { padding: 2px 10px; }
main table:not(.MuiTable-root) tr { border-bottom: 1px solid rgba(128, 128, 128, 0.25); }
</style>"""
_NEAR = 100  # ports to try after a taken one


def server(url: str, artifacts: Path, host: str, port: int) -> "WSGIServer":
    """A listening server, with a thread per request; `serve_forever` answers.

    artifacts: folder of the artifact store. Raises UserError as `check_port`, and for a port that is not allowed.
    """
    import socketserver
    from wsgiref import simple_server

    import optuna_dashboard
    from optuna.artifacts import FileSystemArtifactStore

    class Quiet(simple_server.WSGIRequestHandler):
        def log_message(self, format: str, *words: Any) -> None:
            return None

    class Threaded(socketserver.ThreadingMixIn, simple_server.WSGIServer):
        daemon_threads = True
        address_family = _family(host)

        def server_bind(self) -> None:
            socketserver.TCPServer.server_bind(self)  # HTTPServer's looks this machine's name up, which can take long
            self.server_name, self.server_port = host, self.server_address[1]
            self.setup_environ()

    check_port(host, port)
    application = _styled(optuna_dashboard.wsgi(url, FileSystemArtifactStore(artifacts)))
    if is_loopback(host):
        application = _for_this_machine(application)
    try:
        made = Threaded((host, port), Quiet)
    except OSError as error:
        raise UserError(
            f"port {port} of {host} cannot be used ({error.strerror or error}): give another --port"
        ) from error
    made.set_app(application)
    return made


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_port(host: str, port: int) -> None:
    """Raises UserError for a taken port, naming the next free one, and for a host that is not this machine's."""
    if not 1 <= port <= 65535:
        raise UserError(f"--port is a whole number from 1 to 65535, not {port}")
    if not _is_free(host, 0):
        raise UserError(f"--host {host} is no address of this machine: leave it out, or give 0.0.0.0 for all of them")
    if not _is_free(host, port):
        other = next((p for p in range(port + 1, min(port + _NEAR, 65536)) if _is_free(host, p)), None)
        hint = "give another --port" if other is None else f"{other} is free: --port {other}"
        raise UserError(f"the port {port} of {host} is in use, {hint}")


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port), family=_family(host)):
            return True
    except OSError:
        return False


def _family(host: str) -> socket.AddressFamily:
    try:
        return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except OSError:
        return socket.AF_INET


def _for_this_machine(application: "WSGIApplication") -> "WSGIApplication":
    """Answers requests to a loopback name only."""

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        host = str(environ.get("HTTP_HOST", LOOPBACK))
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if is_loopback(name.strip("[]")):
            return application(environ, start)
        start("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [
            b"underbudget dashboard answers to the names of this machine only: open http://127.0.0.1 and its port\n"
        ]

    return answer


def _styled(application: "WSGIApplication") -> "WSGIApplication":
    """The same with our style sheet in its pages, which their Content-Security-Policy allows."""

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        if not f"{environ.get('PATH_INFO', '')}/".startswith("/dashboard/"):
            return application(environ, start)
        environ.pop("HTTP_IF_MODIFIED_SINCE", None)  # the page is put together here: it is never "not modified"

        def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            kept = [
                header for header in headers if header[0].lower() not in ("content-length", "last-modified", "etag")
            ]
            return start(status, kept, *error)

        body = application(environ, begin)
        page = b"".join(body)
        if hasattr(body, "close"):
            body.close()
        return [page.replace(b"</head>", _STYLE + b"</head>", 1)]

    return answer
