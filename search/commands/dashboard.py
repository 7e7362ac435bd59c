"""`underbudget dashboard`: stock Optuna Dashboard on a study, with our figures, notes and files."""

import contextlib
import os
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from underbudget.models.errors import UnderbudgetError
from underbudget.search.commands.options import Runs, Storage
from underbudget.search.commands.terminal import say

if TYPE_CHECKING:
    from underbudget.search.study.location import StudyLocation

HOST = "127.0.0.1"  # the dashboard has no login: other machines must not reach it


def dashboard(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on. The dashboard has no login.")] = HOST,
    runs: Runs = None,
    storage: Storage = None,
) -> None:
    """Serve Optuna Dashboard for a study on this machine; Ctrl-C ends it."""
    import threading

    from underbudget.search.dashboard import server as serving
    from underbudget.search.dashboard import update as additions
    from underbudget.search.dashboard.artifacts import FOLDER
    from underbudget.search.study import finding

    serving.check_port(host, port)
    where = finding.find(study, runs, storage)
    if said := additions.update(where, finding.read(where), artifacts=False):
        typer.echo(said, err=True)
    with contextlib.suppress(OSError):
        (where.folder / FOLDER).mkdir(exist_ok=True)  # what a person uploads goes there too
    with serving.server(where.url, where.folder / FOLDER, host, port) as server:
        if not serving.is_loopback(host):
            typer.echo(
                f"warning: {host} is open to other machines, and the dashboard has no login: "
                "whoever reaches it can change and delete studies",
                err=True,
            )
        shown = f"[{host}]" if ":" in host else host
        say(f"http://{shown}:{port}/dashboard  (Ctrl-C ends it)")
        if serving.is_loopback(host) and (tunnel := _tunnel(port, os.environ)):
            say(f"from your own machine: {tunnel}")
        threading.Thread(target=_keep, args=(where,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("dashboard ended")


def _keep(where: "StudyLocation") -> None:
    """Update files, figures and notes as the study grows, while the server runs."""
    import time

    from underbudget.search.dashboard import update as additions
    from underbudget.search.study import finding

    before: tuple[object, ...] | None = None
    told: set[str] = set()
    while True:
        now = _stamp(where)
        if now != before or now is None:
            try:
                said = additions.update(where, finding.read(where))
            except UnderbudgetError as error:
                said = str(error)
            if said and said not in told:
                told.add(said)
                typer.echo(said, err=True)
            before = _stamp(where)
        time.sleep(additions.EVERY)


def _stamp(where: "StudyLocation") -> tuple[object, ...] | None:
    """Changes whenever a SQLite database does; None for another database."""
    if where.database is None:
        return None
    found: list[object] = []
    for file in (where.database, where.database.with_name(f"{where.database.name}-wal")):
        with contextlib.suppress(OSError):
            content = file.stat()
            found += [content.st_mtime_ns, content.st_size]
    return tuple(found)


def _tunnel(port: int, environment: "os._Environ[str]") -> str:
    """The command that forwards the port to the machine at the other end of the SSH connection; "" without one."""
    connection = environment.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:  # "client address, client port, server address, server port", ssh(1)
        return ""
    import getpass

    server, ssh_port = connection[2:]
    other = "" if ssh_port == "22" else f"-p {shlex.quote(ssh_port)} "
    return f"ssh -N -L {port}:{HOST}:{port} {other}{shlex.quote(f'{getpass.getuser()}@{server}')}"
