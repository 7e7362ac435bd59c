"""Every format but C, through one suite: what is loaded from a file is the network of `models.build`."""

import errno
import json
import os
import runpy
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import yaml
from exports import export_of, metadata, network, small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from strategies import Placed, placed_architectures
from test_export import HOSTILE

from underbudget.models.architecture import ACTIVATIONS
from underbudget.models.build import build
from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.export import formats, hub, onnx_file, program
from underbudget.models.export.contents import Export
from underbudget.models.export.standalone import normalise
from underbudget.models.export.verify import write_verified
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.models.references import CLASSES, INPUT_SHAPE, REFERENCES
from underbudget.models.weights import sha256
from underbudget.search.training.built_in_recipes import RECIPES
from underbudget.search.training.recipe_json import to_json

LOADED = ["py", "safetensors", "pt2", "onnx"]  # those that hold weights
TRACED = ["safetensors", "onnx"]  # quick enough for random networks
COLOUR = (
    "conv3x3(6,p1) relu bn | maxpool2 | sep5x5(8,s2) bn relu drop0.1 | avgpool3(s2,p1) | linear(12) relu bn | linear(7)"
)


def bundle(placed: Plan, **changes: Any) -> Export:
    return export_of(placed, recipe=to_json(RECIPES["plain"]), **changes)


def written(export: Export, folder: Path, name: str) -> Path:
    """A file or folder of a format, unverified."""
    chosen = formats.find(name)
    path = folder / f"winner{chosen.suffix}"
    chosen.write(export, path, "winner")
    return path


def assert_equal(placed: Plan, folder: Path, name: str) -> None:
    """Class names and logits as torch has them, for a batch of any size."""
    built = network(placed)
    export = bundle(placed, module=built)
    model = formats.of(path := written(export, folder, name)).load(path)  # type: ignore[misc]
    assert (model.input_shape, model.classes) == (placed.input_shape, export.classes)
    assert model.background in ("dark", "light", "any")
    assert dict(model.metadata) == dict(metadata())
    pictures = torch.randint(0, 256, (5, *placed.input_shape)).float()
    with torch.inference_mode():
        expected = built(normalise(pictures, export.mean, export.std))
        for count in (5, 1, 2):
            given = model.logits(pictures[:count])
            tolerance = 1e-4 * float(expected.abs().max()) + 1e-6
            torch.testing.assert_close(given, expected[:count], rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", LOADED)
def test_references(name: str, tmp_path: Path) -> None:
    """One of them; the campaign has all."""
    assert_equal(plan(REFERENCES["saish-m4"].architecture, INPUT_SHAPE, CLASSES), tmp_path, name)


@pytest.mark.parametrize("name", LOADED)
def test_colour_pictures(name: str, tmp_path: Path) -> None:
    assert_equal(plan(parse(COLOUR), (3, 32, 32), 7), tmp_path, name)


@pytest.mark.parametrize("name", TRACED)
@given(placed=placed_architectures())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_architectures(name: str, placed: Placed, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp(name)
    assert_equal(plan(placed.architecture, placed.input_shape, placed.classes), folder, name)


def test_every_activation_has_an_operator() -> None:
    assert set(onnx_file.OPERATORS) == set(ACTIVATIONS.values())


@pytest.mark.parametrize("name", ["safetensors", "pt2", "onnx"])
def test_a_fresh_process_agrees(name: str, tmp_path: Path) -> None:
    chosen = formats.find(name)
    path = written(bundle(small(), module=network(small(), seed=3)), tmp_path, name)
    files = [path / "model.safetensors" if chosen.is_folder else path]
    before = [file.read_bytes() for file in files]
    done = write_verified(bundle(small()), path, force=True, format=name)
    assert [file.read_bytes() for file in files] != before
    assert (done.path, done.parameters, done.samples) == (path, 455, 3)
    assert done.said.startswith("stored tensors equal, logits of 3 validation images ")
    assert ("bit for bit" in done.said) or ("predictions equal" in done.said and name == "onnx")
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    with pytest.raises(UserError, match="exists: give --force or another --output"):
        write_verified(bundle(small()), path, format=name)


def test_a_card_whose_code_is_not_the_network_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = hub.network_class
    swapped = ("self.relu1(self.bn1(", "self.bn1(self.relu1(")
    monkeypatch.setattr(hub, "network_class", lambda placed: real(placed).replace(*swapped))
    with pytest.raises(UnderbudgetError, match="its logits differ from those of the network"):
        write_verified(bundle(small()), tmp_path / "winner", format="safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_is_not_the_network_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "BATCH_NORM_EPS", 0.1)
    with pytest.raises(UnderbudgetError, match="its logits differ from those of the network"):
        write_verified(bundle(small()), tmp_path / "winner.onnx", format="onnx")
    assert list(tmp_path.iterdir()) == []


def test_other_weights_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = network(small(), seed=1)
    monkeypatch.setattr(onnx_file, "module", lambda export: other)
    with pytest.raises(UnderbudgetError, match=r"its conv1\.bias differs|its conv1\.weight differs"):
        write_verified(bundle(small()), tmp_path / "winner.onnx", format="onnx")
    assert list(tmp_path.iterdir()) == []


def _changed(path: Path, old: bytes) -> None:
    """One bit of the middle of `old`, somewhere in a file, changed."""
    content = path.read_bytes()
    place = content.index(old) + len(old) // 2
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


@pytest.mark.parametrize("name", ["safetensors", "pt2", "onnx"])
def test_a_changed_weight_is_refused(name: str, tmp_path: Path) -> None:
    built = network(small())
    path = written(bundle(small(), module=built), tmp_path, name)
    weight = built.state_dict()["conv1.weight"].numpy().tobytes()
    _changed(path / "model.safetensors" if path.is_dir() else path, weight)
    with pytest.raises(UserError, match=r"checksum: the file was changed|is no pt2 file"):
        formats.find(name).load(path)  # type: ignore[misc]


@pytest.mark.parametrize("what", ["other layers", "no weights"])
def test_a_folder_that_contradicts_itself_is_refused(what: str, tmp_path: Path) -> None:
    path = written(bundle(small()), tmp_path, "safetensors")
    facts = json.loads((path / "config.json").read_text())
    if what == "other layers":
        facts["layers_text"] = "linear(10)"
    else:
        (path / "model.safetensors").write_bytes(b"none")
        facts["model_sha256"] = sha256(b"none")
    (path / "config.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match="is no safetensors folder that underbudget exported"):
        formats.of(path).load(path)  # type: ignore[misc]


@pytest.mark.parametrize("name", LOADED)
def test_something_else_is_refused(name: str, tmp_path: Path) -> None:
    chosen = formats.find(name)
    path = tmp_path / f"other{chosen.suffix}"
    if chosen.is_folder:
        path.mkdir()
        (path / chosen.marker).write_text("{}")
    else:
        path.write_text("something = 'else'\n")
    with pytest.raises(UserError, match="that underbudget exported"):
        formats.of(path).load(path)  # type: ignore[misc]


@given(classes=st.lists(HOSTILE, min_size=2, max_size=2), study=HOSTILE)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_names_stay_names(classes: list[str], study: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    placed = plan(parse("conv1x1(2) | gap"), (1, 1, 1), 2)
    data = {**metadata(), "study": study, "dataset": study}
    export = bundle(placed, classes=tuple(classes), metadata=data)
    for name in TRACED:
        path = written(export, folder, name)
        model = formats.of(path).load(path)  # type: ignore[misc]
        assert (model.classes, model.metadata["study"]) == (tuple(classes), study)
    assert_card_is_whole((folder / "winner" / "README.md").read_text("utf-8"), study)


def assert_card_is_whole(card: str, study: str) -> None:
    """The YAML of a model card says what it should, and its code is one block."""
    _, front, body = card.split("---\n", 2)
    assert yaml.safe_load(front)["datasets"] == [study]
    assert yaml.safe_load(front)["model-index"][0]["results"][0]["dataset"]["name"] == study
    assert body.count("```") == 2
    assert body.split("```")[1].startswith("python\nimport hashlib\n")
    assert "SystemExit" not in body.split("```")[1]
    assert body.count("\n| study | ") == 1
    assert not {"<", ">", "\x1b", "\0", "\r", "\u2028"} & set(body.split("```")[0])


def test_programs_keep_hostile_names(tmp_path: Path) -> None:
    classes = ('"""\nraise SystemExit(7)\n', "\\'\u2028\U0001f600\ud800")
    placed = plan(parse("conv1x1(2) | gap"), (1, 1, 1), 2)
    path = written(bundle(placed, classes=classes), tmp_path, "pt2")
    assert program.load(path).classes == classes


def test_the_folder_is_what_a_hub_expects(tmp_path: Path) -> None:
    built = network(small())
    path = written(bundle(small(), module=built), tmp_path, "safetensors")
    assert sorted(one.name for one in path.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    tensors = load_file(path / "model.safetensors")
    assert set(tensors) == set(built.state_dict())
    assert all(torch.equal(tensors[name], value) for name, value in built.state_dict().items())
    config = json.loads((path / "config.json").read_text("ascii"))
    assert config["id2label"]["3"] == "3"
    assert config["mean"] == [0.1]
    again = build(plan(parse(config["layers_text"]), (1, 8, 8), 10))
    again.load_state_dict(tensors)
    front = yaml.safe_load((path / "README.md").read_text("utf-8").split("---\n")[1])
    assert front["library_name"] == "pytorch"
    assert front["pipeline_tag"] == "image-classification"
    metric = front["model-index"][0]["results"][0]["metrics"][0]
    assert (metric["type"], metric["value"]) == ("accuracy", 0.993133)


def test_the_onnx_file_is_for_anybody(tmp_path: Path) -> None:
    path = written(bundle(small()), tmp_path, "onnx")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    (given,), (found,) = model.graph.input, model.graph.output
    assert (given.name, found.name) == ("pixels", "logits")
    shape = [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim]
    assert shape == ["batch", 1, 8, 8]
    properties = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert properties["classes"] == [str(label) for label in range(10)]
    assert "float32 0..255" in properties["input"]
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    before = path.read_bytes()
    assert written(bundle(small()), tmp_path, "onnx").read_bytes() == before


def test_programs_say_their_torch_and_nothing_of_this_machine(tmp_path: Path) -> None:
    path = written(bundle(small()), tmp_path, "pt2")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    extra = next(content for name, content in contents.items() if name.endswith("underbudget.json"))
    assert json.loads(extra)["exported_with"] == {"torch": torch.__version__}
    here = str(Path(__file__).parents[1]).encode()
    assert not any(here in content or b"site-packages" in content for content in contents.values())


def test_a_program_with_a_pickle_is_refused(tmp_path: Path) -> None:
    path = written(bundle(small()), tmp_path, "pt2")
    evil = tmp_path / "evil.pt2"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(evil, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith("weights_config.json"):
                content = content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)
            other.writestr(name, content)
    with pytest.raises(UserError, match=r"evil\.pt2 holds 'conv1\.weight' as a pickle"):
        program.load(evil)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_leaves_no_half_folder(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0

    def refuse(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count == 2:  # the first file is whole
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UserError, match=rf"cannot write .*winner \({os.strerror(code)}\): give another --output"):
        write_verified(bundle(small()), tmp_path / "winner", format="safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_others_is_never_replaced(tmp_path: Path) -> None:
    path = written(bundle(small()), tmp_path, "safetensors")
    (path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds other files \(mine\.txt\)"):
        write_verified(bundle(small()), path, force=True, format="safetensors")
    assert (path / "mine.txt").read_text() == "mine"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="holds other files than an export in safetensors"):
        write_verified(bundle(small()), tmp_path / "photos", force=True, format="safetensors")


def test_a_missing_package_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        write_verified(bundle(small()), tmp_path / "winner.onnx", format="onnx")
    assert str(caught.value) == (
        "the format onnx needs onnx and onnxruntime, which are not installed: pip install onnx onnxruntime"
    )


def test_an_unknown_format_offers_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown format 'onx': did you mean onnx"):
        formats.find("onx")
    with pytest.raises(UserError, match="there is no file"):
        formats.of(Path("nowhere.py"))
    with pytest.raises(UserError, match="is no exported network: the endings are"):
        formats.of(Path(__file__).parent)


def test_the_python_file_writes_onnx(tmp_path: Path) -> None:
    """By torch's exporter, run by onnxruntime: the logits of the network."""
    built = network(small())
    export = bundle(small(), module=built)
    path = written(export, tmp_path, "py")
    names = runpy.run_path(str(path))
    names["write_onnx"](str(tmp_path / "out.onnx"))
    model = formats.of(tmp_path / "out.onnx").load(tmp_path / "out.onnx")  # type: ignore[misc]
    pictures = torch.from_numpy(np.array(export.samples)).float()
    with torch.inference_mode():
        expected = built(normalise(pictures, export.mean, export.std))
    torch.testing.assert_close(model.logits(pictures), expected, rtol=1e-4, atol=1e-4)
    assert model.classes == export.classes
    assert str(tmp_path).encode() not in (tmp_path / "out.onnx").read_bytes()
    assert names["main"](["--onnx", str(tmp_path / "out.onnx")]) == 1
