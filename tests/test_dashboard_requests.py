"""Requests to the dashboard that a person does not make: of foreign pages, and ones that make no sense."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from studies import Spec, make_study

from underbudget.search.dashboard import server as serving

JSON = {"Content-Type": "application/json"}


@dataclass
class Served:
    port: int

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer

    def studies(self) -> list[str]:
        found = json.loads(self.ask("GET", "/api/studies").body)  # type: ignore[attr-defined]
        return [study["study_name"] for study in found["study_summaries"]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    url = make_study(folder / "study.db", [Spec(), Spec("rejected", 9000, ())], "demo")
    (folder / "artifacts").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving.server(url, folder / "artifacts", "127.0.0.1", port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Served(port)
        server.shutdown()


def test_no_page_may_frame_it_and_only_its_own_frames_an_artifact(served: Served) -> None:
    for path, allowed in (("/dashboard", "'none'"), ("/api/studies", "'none'"), ("/nowhere", "'none'"),
                          ("/artifacts/1/none", "'self'")):  # fmt: skip
        policies = served.ask("GET", path).headers.get_all("Content-Security-Policy") or []
        assert f"frame-ancestors {allowed}" in policies


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
     {"Sec_Fetch_Site": "cross-site"}],
    ids=str,
)  # fmt: skip
def test_a_foreign_page_writes_nothing(method: str, headers: dict[str, str], served: Served) -> None:
    path = {"POST": "/api/studies", "PUT": "/api/studies/1/note", "DELETE": "/api/studies/1"}[method]
    body = json.dumps({"study_name": "evil", "directions": ["minimize"], "version": 0, "body": "evil"}).encode()
    assert served.ask(method, path, body, **JSON, **headers).status == 403
    assert served.studies() == ["demo"]


def test_its_own_page_and_programs_write(served: Served) -> None:
    for headers in ({"Origin": served.origin}, {}):
        body = json.dumps({"study_name": "own", "directions": ["minimize"]}).encode()
        made = served.ask("POST", "/api/studies", body, **JSON, **headers)
        assert made.status == 201
        study = json.loads(made.body)["study_summary"]["study_id"]  # type: ignore[attr-defined]
        assert served.ask("DELETE", f"/api/studies/{study}", b"{}", **JSON, **headers).status == 204
    assert served.studies() == ["demo"]


BAD = [
    ("GET", "/api/studies/abc", b"", {}),
    ("GET", "/api/studies/99999999999999999999", b"", {}),
    ("GET", "/api/studies/1?after=x", b"", {}),
    ("POST", "/api/studies", b"{", JSON),
    ("POST", "/api/studies", b"[]", JSON),
    ("POST", "/api/studies", b"[" * 5000, JSON),
    ("POST", "/api/studies", b"", {}),
    ("POST", "/api/studies", b'{"study_name": "a", "directions": 5}', JSON),
    ("POST", "/api/studies", b'{"study_name": "\\ud800", "directions": ["minimize"]}', JSON),
    ("POST", "/api/studies", b"{}", {**JSON, "Content-Length": "abc"}),
    ("POST", "/api/studies", b"{}", {**JSON, "Content-Length": "-5"}),
    ("PUT", "/api/studies/1/note", b'{"body": "x", "version": "y"}', JSON),
    ("POST", "/api/trials/1/user-attrs", b'{"user_attrs": 5}', JSON),
    ("DELETE", "/api/studies/999", b"", {}),
]


def test_bad_requests_are_refused_without_a_traceback(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    for method, path, body, headers in BAD:
        answer = served.ask(method, path, body, **headers)
        assert 400 <= answer.status < 500, (method, path, body, answer.status)
    for raw in (b"\0\0\n\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200):
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
            connection.sendall(raw + b"\r\n")
            connection.shutdown(socket.SHUT_WR)
            connection.recv(100)
    assert served.studies() == ["demo"]
    assert capfd.readouterr().err == ""
