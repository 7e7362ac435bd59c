"""Writing exported files: each is run in a process that cannot import this program, and nothing half-done is left."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from exports import export_of, metadata, small
from PIL import Image

from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.export import python
from underbudget.models.export.python import source
from underbudget.models.export.verify import write_verified


def test_a_written_file_runs_anywhere(tmp_path: Path) -> None:
    found = write_verified(export_of(small()), tmp_path / "winner.py")
    assert [path.name for path in tmp_path.iterdir()] == ["winner.py"]
    text = (tmp_path / "winner.py").read_bytes()
    assert (found.path, found.bytes, found.parameters, found.samples) == (tmp_path / "winner.py", len(text), 455, 3)
    assert found.said == "stored tensors equal, logits of 3 validation images equal bit for bit"
    assert "differ by 0 (" in found.lines[0]
    Image.new("L", (100, 80), 255).save(tmp_path / "digit.png")
    done = subprocess.run(
        [sys.executable, "-I", "winner.py", "digit.png", "--selftest"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    selftest, answer = done.stdout.splitlines()
    assert selftest.startswith("selftest passed: 455 parameters")
    assert answer.startswith("digit.png: ")
    assert answer.count(" %") == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("import argparse\n", "import argparse\nimport underbudget\n", "import of underbudget halted"),
        ("self.drop1(self.relu1(self.bn1(", "self.drop1(self.bn1(self.relu1(", "logits differ"),
        (
            ".eval()\n",
            ".register_parameter('more', nn.Parameter(torch.ones(1))) or network.eval()\n",
            "456 parameters instead of 455",
        ),
        (".eval()\n", "\n", "train mode"),
    ],
)
def test_a_file_that_is_not_the_network_is_not_written(
    old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = source(export_of(small()))
    broken = text.replace(old, new)
    assert broken != text
    monkeypatch.setattr(python, "source", lambda export: broken)
    path = tmp_path / "winner.py"
    path.write_text("what was there")
    with pytest.raises(UnderbudgetError, match=message) as caught:
        write_verified(export_of(small()), path, force=True)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("winner.py", "what was there")]


def test_bad_outputs_are_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "source", lambda export: pytest.fail("nothing may be exported"))
    there = tmp_path / "there.py"
    there.write_text("mine")
    for path, force, message in [
        (there, False, f"{there} exists: give --force or another --output"),
        (tmp_path, True, f"{tmp_path} is a folder: give the name of a file with --output"),
        (tmp_path / "no" / "a.py", False, f"there is no folder {tmp_path / 'no'}: make it or give another --output"),
    ]:
        with pytest.raises(UserError) as caught:
            write_verified(export_of(small()), path, force)
        assert str(caught.value) == message
    assert there.read_text() == "mine"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_or_closed_disk_leaves_nothing(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UserError, match=rf"cannot write .*winner\.py \({os.strerror(code)}\): give another --output"):
        write_verified(export_of(small(), metadata=metadata()), tmp_path / "winner.py")
    assert list(tmp_path.iterdir()) == []
