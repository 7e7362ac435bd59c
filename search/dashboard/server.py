"""Serves Optuna Dashboard on a port of this machine, with three additions.

It has no login, so only requests that name this machine are answered: a foreign page whose name was made to lead to
127.0.0.1 (DNS rebinding) could otherwise read and delete studies. A foreign page can neither frame it nor have it
write. Bad requests are refused as such, where the dashboard would print a traceback. And pages get a style sheet: the
dashboard shows each attribute of a trial on one line, so they would be as wide as our records are long.
"""

import io
import ipaddress
import logging
import socket
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UserError

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
# What the dashboard's code raises where a request holds something else than it takes.
_BAD_REQUEST = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
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

        def get_stderr(self) -> io.StringIO:
            return io.StringIO()  # of a request that cannot be answered

    class Threaded(socketserver.ThreadingMixIn, simple_server.WSGIServer):
        daemon_threads = True
        address_family = _family(host)

        def server_bind(self) -> None:
            socketserver.TCPServer.server_bind(self)  # HTTPServer's looks this machine's name up, which can take long
            self.server_name, self.server_port = host, self.server_address[1]
            self.setup_environ()

        def handle_error(self, *request: Any) -> None:
            log.info("a request to the dashboard broke off: %s", sys.exc_info()[1])

    check_port(host, port)
    application = _guarded(_styled(optuna_dashboard.wsgi(url, FileSystemArtifactStore(artifacts))))
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


class _Faults(logging.Handler):
    """Notes what the dashboard could not answer in this thread, in place of its traceback on the terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.found = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        self.found.error = sys.exc_info()[1]  # it logs in its except clause

    def pop(self) -> BaseException | None:
        error: BaseException | None = getattr(self.found, "error", None)
        self.found.error = None
        return error


_faults = _Faults()


def _guarded(application: "WSGIApplication") -> "WSGIApplication":
    """Refuses writing requests of foreign pages, allows no page to frame it, and answers a bad request by 400."""
    logger = logging.getLogger("optuna_dashboard")
    logger.propagate = False
    if _faults not in logger.handlers:
        logger.addHandler(_faults)

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        answered = ""
        may_frame = "'self'" if str(environ.get("PATH_INFO")).startswith("/artifacts/") else "'none'"  # its own viewer
        policy = ("Content-Security-Policy", f"frame-ancestors {may_frame}")
        environ.setdefault("HTTP_ACCEPT_ENCODING", "")  # the dashboard needs it

        def refuse(status: str, why: str) -> Iterable[bytes]:
            start(status, [("Content-Type", "text/plain; charset=utf-8"), policy])
            return [f"underbudget dashboard: {why}\n".encode()]

        def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            nonlocal answered
            answered = status
            return start(status, [*headers, policy], *error) if status[:3] != "500" else lambda _: None

        if environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS") and not _is_own_page(environ):
            return refuse("403 Forbidden", "a page of another origin may not write here")
        if not (environ.get("CONTENT_LENGTH") or "0").isdecimal():
            return refuse("400 Bad Request", "Content-Length is no number")
        _faults.pop()
        body = application(environ, begin)
        if answered[:3] != "500":
            return body
        if hasattr(body, "close"):
            body.close()
        error = _faults.pop()
        if error is None or isinstance(error, _BAD_REQUEST):
            return refuse("400 Bad Request", "this request makes no sense")
        what = " ".join(str(error).split())[:200]
        log.warning("the dashboard could not answer %s: %s", environ.get("PATH_INFO"), what)
        return refuse("500 Internal Server Error", what)

    return answer


def _is_own_page(environ: "WSGIEnvironment") -> bool:
    """Whether a request comes from the dashboard's own page, or from no page: browsers name the origin of a writer."""
    origin = environ.get("HTTP_ORIGIN")
    if origin is None:
        return environ.get("HTTP_SEC_FETCH_SITE", "none") in ("none", "same-origin")
    return urllib.parse.urlsplit(str(origin)).netloc == environ.get("HTTP_HOST")


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
