"""The Python call takes what the command line takes."""

import dataclasses
import inspect

import pytest

from underbudget.budget.count import BYTES_PER_VALUE
from underbudget.models.errors import UserError
from underbudget.search import api
from underbudget.search.commands.confirm import confirm
from underbudget.search.commands.launch import launch
from underbudget.search.commands.series import series
from underbudget.search.commands.train import train
from underbudget.search.experiments import training
from underbudget.search.experiments.options import ConfirmationOptions, SeriesOptions, TrainingOptions
from underbudget.search.sampling.samplers import SAMPLERS
from underbudget.search.session.options import check, declared
from underbudget.search.session.request import Options, Request


def test_the_python_call_the_command_and_the_configuration_take_the_same_options() -> None:
    fields = {field.name for field in dataclasses.fields(Request)}
    assert set(inspect.signature(api.launch).parameters) == fields - {"repeats"}
    assert "repeats" in inspect.signature(api.launch_repeats).parameters  # which returns several studies
    command = set(inspect.signature(launch).parameters)
    assert fields - {"space"} <= command
    assert command - fields == {"config", "progress", "dry_run"}


def test_the_python_call_has_a_real_signature_and_says_what_each_option_is() -> None:
    signature = inspect.signature(api.launch)
    assert signature.parameters["trials"].annotation == int | None
    assert signature.parameters["study"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert signature.return_annotation is api.Study
    for name, each in declared(Options).items():
        assert f"    {name}: {each.help}" in (api.launch.__doc__ or "")


def test_what_the_table_names_is_there() -> None:
    for name, registry in (("sampler", SAMPLERS), ("precision", BYTES_PER_VALUE)):
        for known in registry:
            check(Options(**{name: known}))
        with pytest.raises(UserError, match=f"--{name} is {' or '.join(registry)}, not 'other'"):
            check(Options(**{name: "other"}))


def test_a_command_has_every_option_of_its_class() -> None:
    for command, options in ((train, TrainingOptions), (confirm, ConfirmationOptions), (series, SeriesOptions)):
        assert set(inspect.signature(command).parameters) == {*declared(options), "as_json"}


def test_an_experiment_from_python_checks_its_options() -> None:
    with pytest.raises(UserError, match="--seeds is a whole number from 1 to 1000, not 0"):
        training.train(TrainingOptions("saish-m4", seeds=0))
    with pytest.raises(UserError, match="--seeds is a whole number, not '3'"):
        training.train(TrainingOptions("saish-m4", seeds="3"))  # type: ignore[arg-type]
