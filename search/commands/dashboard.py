"""`underbudget dashboard`: stock Optuna Dashboard on a study."""

from typing import Annotated

import typer

from search.commands.options import Runs, Storage

HOST = "127.0.0.1"  # the dashboard has no login: nobody else may reach it


def dashboard(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8080,
    runs: Runs = None,
    storage: Storage = None,
) -> None:
    """Serve Optuna Dashboard for a study on this machine; Ctrl-C ends it."""
    from models.errors import UserError
    from search import lookup
    from search.commands.terminal import say

    if not 1 <= port <= 65535:
        raise UserError(f"--port is a whole number from 1 to 65535, not {port}")
    where = lookup.find(study, runs, storage)
    lookup.read(where)
    if not _free(port):
        other = next((p for p in range(port + 1, min(port + 100, 65536)) if _free(p)), None)
        hint = "" if other is None else f", {other} is free: --port {other}"
        raise UserError(f"the port {port} of {HOST} is in use{hint}")
    import optuna_dashboard

    say(f"http://{HOST}:{port}/dashboard  (Ctrl-C ends it)")
    try:
        optuna_dashboard.run_server(where.url, host=HOST, port=port)
    except KeyboardInterrupt:
        say("dashboard ended")


def _free(port: int) -> bool:
    """Whether nothing listens on a port of this machine."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
