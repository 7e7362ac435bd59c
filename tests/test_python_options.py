"""The Python call takes what the command line takes."""

import dataclasses
import inspect

from underbudget.search import api
from underbudget.search.commands.launch import launch
from underbudget.search.session.request import Request


def test_the_python_call_the_command_and_the_configuration_take_the_same_options() -> None:
    fields = {field.name for field in dataclasses.fields(Request)}
    assert set(inspect.signature(api.launch).parameters) == fields - {"repeats"}
    assert "repeats" in inspect.signature(api.launch_repeats).parameters  # which returns several studies
    command = set(inspect.signature(launch).parameters)
    assert fields - {"space"} <= command
    assert command - fields == {"config", "progress", "dry_run"}
