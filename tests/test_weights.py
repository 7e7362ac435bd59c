"""Weights as bytes: bit for bit there and back, and damaged files are refused in one line."""

import contextlib
import hashlib
import json
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from underbudget.models.build import build
from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.models.weights import decode, encode, from_text, sha256, to_text

TEXT = "conv3x3(4,bias=T) bn relu | conv3x3(6) bn | sep3x3(6) bn drop0.1 | gap | linear(5) bn | linear(3)"


def trained_state():
    """State of a small network after one step, so that BatchNorm's buffers are not what they are at the start."""
    torch.manual_seed(0)
    network = build(plan(parse(TEXT), (1, 8, 8), 3))
    network(torch.randn(4, 1, 8, 8)).sum().backward()
    return network.state_dict()


STATE = trained_state()
DATA = encode(STATE)


def assert_equal_bits(left, right):
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert left[name].shape == right[name].shape
        assert left[name].contiguous().numpy().tobytes() == right[name].contiguous().numpy().tobytes()


def test_state_comes_back_bit_for_bit():
    assert STATE["bn1.num_batches_tracked"].item() == 1
    assert STATE["bn1.running_mean"].abs().sum() > 0
    back = decode(DATA)
    assert_equal_bits(back, STATE)
    network = build(plan(parse(TEXT), (1, 8, 8), 3))
    network.load_state_dict(back, strict=True)
    assert_equal_bits(network.state_dict(), STATE)


def test_odd_values_come_back_bit_for_bit():
    bits = torch.tensor([0x7FC00001, 0x7F800000, -0x800000, 1, -0x80000000], dtype=torch.int32)
    state = {"nan, infinities, the smallest number, -0": bits.view(torch.float32), "empty": torch.zeros(0, 3)}
    assert_equal_bits(decode(encode(state)), state)


def test_bytes_are_a_file_that_safetensors_opens(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(DATA)
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == set(STATE)
        assert torch.equal(file.get_tensor("conv1.weight"), STATE["conv1.weight"])


def test_equal_states_give_equal_bytes():
    # In another memory format, in another order, as parameters that share memory: the same values.
    turned = {
        name: tensor.clone(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor.clone()
        for name, tensor in reversed(STATE.items())
    }
    assert not turned["conv2.weight"].is_contiguous()
    assert encode(turned) == DATA
    both = torch.nn.Parameter(torch.arange(4.0))
    assert decode(encode({"a": both, "b": both}))["b"].tolist() == [0, 1, 2, 3]
    assert encode({"w": torch.zeros(2, 3).t()}) == encode({"w": torch.zeros(3, 2)})


def test_encoding_leaves_the_state_alone():
    state = {"w": torch.ones(3, requires_grad=True)}
    assert decode(encode(state))["w"].requires_grad is False
    assert state["w"].requires_grad is True


def test_checksum_is_sha256():
    # NIST's example, FIPS 180-2, appendix B.1.
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(DATA) == hashlib.sha256(DATA).hexdigest()


def test_text_is_base64_and_fits_json():
    # RFC 4648, section 10.
    assert to_text(b"foobar") == "Zm9vYmFy"
    assert from_text("Zm9vYmFy") == b"foobar"
    assert from_text(json.loads(json.dumps(to_text(DATA)))) == DATA


@pytest.mark.parametrize("text", ["Zm9vYmF", "Zm9v YmFy", "Zm9v\nYmFy", "Zm9vYm?y", "é", "Zg="])
def test_text_that_is_not_base64_is_refused(text):
    with pytest.raises(UserError, match="are no base64 text"):
        from_text(text)


def assert_refused(data):
    with pytest.raises(UserError) as caught:
        decode(data)
    assert "are no readable safetensors file" in str(caught.value)
    assert "\n" not in str(caught.value)


def header(text):
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 not ours",
        DATA[:7],
        DATA[:100],
        DATA[:-1],
        DATA + b"\0",
        (2**63).to_bytes(8, "little") + DATA[8:],
        header(b"{}") + b"x",
        header(b"[1, 2]"),
        header(b'{"w": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}') + b"\0" * 4,
        header(b'{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}') + b"\0" * 4,
        header(b'{"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}') + b"\0" * 4,
        header(b'{"w": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}') + b"\0",
        header(b'{"w": {"dtype": "F32", "shape": [18446744073709551615, 2], "data_offsets": [0, 4]}}') + b"\0" * 4,
    ],
    ids=lambda data: ascii(data[:12]),
)
def test_damaged_bytes_are_refused(data):
    assert_refused(data)


@given(st.integers(0, len(DATA) - 1))
@settings(max_examples=100, deadline=None)
def test_every_truncation_is_refused(length):
    assert_refused(DATA[:length])


@given(st.integers(0, 2000), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_is_refused_or_changes_the_checksum(place, change):
    place %= len(DATA)
    damaged = DATA[:place] + bytes([DATA[place] ^ change]) + DATA[place + 1 :]
    assert sha256(damaged) != sha256(DATA)
    with contextlib.suppress(UserError):
        assert decode(damaged) is not None


def test_storing_needs_no_torch():
    program = (
        "import sys; from underbudget.models.weights import from_text, sha256; "
        "sha256(from_text('Zm9v')); print('torch' in sys.modules, 'safetensors' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]
