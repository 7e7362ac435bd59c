"""The built-in references: published figures, published counts, by torch's own sum."""

import subprocess
import sys

import pytest

from underbudget.models.build import build
from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.models.references import CLASSES, INPUT_SHAPE, RECORDS, REFERENCES, reference

# By hand from the collections' published tables.
PUBLISHED = {
    "mkthoma-m1": 19990,
    "mkthoma-m8": 7550,
    "gmshashank-it1": 6379786,
    "gmshashank-it8": 13808,
    "tharun-m6": 7416,
    "saish-m1": 6590,
    "saish-m4": 7600,
    "pankaja-m3-original": 5088,
    "pankaja-m7": 6720,
    "gkdivya-bn": 7704,
    "hassiahk-ex5": 7753,
    "nagalakshmi-m3": 6188,
}


def test_there_are_39_of_8_collections():
    assert len(REFERENCES) == 39
    counts = {}
    for name in REFERENCES:
        collection = name.partition("-")[0]
        counts[collection] = counts.get(collection, 0) + 1
    assert counts == {
        "mkthoma": 8,
        "gmshashank": 10,
        "tharun": 6,
        "saish": 4,
        "pankaja": 8,
        "gkdivya": 1,
        "hassiahk": 1,
        "nagalakshmi": 1,
    }
    assert all(name == found.name for name, found in REFERENCES.items())


@pytest.mark.parametrize("name", REFERENCES)
def test_published_count_is_reproduced_by_torch(name):
    found = reference(name)
    network = build(plan(found.architecture, INPUT_SHAPE, CLASSES))
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == found.published_params
    assert count == PUBLISHED.get(name, count)


def test_counts_by_hand_are_of_known_references():
    assert {name: REFERENCES[name].published_params for name in PUBLISHED} == PUBLISHED


def test_figures_as_published():
    best = reference("saish-m4")
    assert best.source == "shettysaish20/MNIST-CNN-Lite-Model MNIST_CNN_M4"
    assert (best.best_train_pct, best.best_test_pct, best.epochs, best.recipe) == (98.42, 99.53, 15, "warp10-onecycle")
    assert best.layers_text == (
        "conv3x3(8) relu bn drop0.05 | conv3x3(16) relu bn drop0.05 | conv1x1(10) | maxpool2 | "
        "conv3x3(10) relu bn drop0.05 | conv3x3(16) relu bn drop0.05 | conv3x3(16) relu bn drop0.05 | "
        "conv3x3(10) | gap(4x4)"
    )
    unpublished = reference("pankaja-m1")
    assert (unpublished.best_train_pct, unpublished.best_test_pct) == (None, None)
    assert reference("gkdivya-bn").best_train_pct is None
    assert reference("gkdivya-bn").best_test_pct == 99.62


def test_figures_are_percent_and_recipes_are_the_published_eleven():
    for found in REFERENCES.values():
        for figure in (found.best_train_pct, found.best_test_pct):
            assert figure is None or 90 < figure <= 100
        assert 15 <= found.epochs <= 25
    assert {found.recipe for found in REFERENCES.values()} == {
        "plain",
        "rot7",
        "rot7-plateau",
        "rot7-step6",
        "warp10-onecycle",
        "warp20-onecycle20",
        "affine7-jitter",
        "affine7-jitter-onecycle",
        "affine7-jitter-onecycle-l2",
        "affine10-jitter-step6",
        "affine5-adam-onecycle",
    }


@pytest.mark.parametrize("name", REFERENCES)
def test_text_of_a_reference_round_trips(name):
    architecture = reference(name).architecture
    assert parse(str(architecture)) == architecture


@pytest.mark.parametrize(
    ("misspelt", "nearest"),
    [("saish-m5", "saish-m[1-4]"), ("SAISH-M4", "saish-m4"), ("tharun_m6", "tharun-m6"), ("hassiahk", "hassiahk-ex5")],
)
def test_misspelt_name_is_answered_with_the_nearest(misspelt, nearest):
    with pytest.raises(UserError, match=f"there is no reference '{misspelt}': did you mean {nearest}"):
        reference(misspelt)


@pytest.mark.parametrize("name", ["", "qqqq", "x" * 10_000, "a\nb", "saish-m4\x1b[31m"])
def test_unlike_name_is_refused_in_one_line(name):
    with pytest.raises(UserError) as caught:
        reference(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 150


def test_references_cannot_be_changed():
    with pytest.raises(TypeError):
        REFERENCES["mine"] = REFERENCES["saish-m4"]


def test_records_as_published():
    assert len(RECORDS) == 21
    by_hand = [
        (697, 2000, 99.03, None, None, "JoshWarn/Parameter-Efficient-MNIST (best of about 700 runs)"),
        (3032, 15, 99.25, 99.25, 99.11, "amitkml/ERA-V1"),
        (7600, 15, 99.53, 99.50, 99.48, "shettysaish20/MNIST-CNN-Lite-Model"),
        (7979, 15, 99.53, 99.19, None, "ChikkaUdayaSai/ERA-S7-Assignment"),
        (9436, 25, 99.64, 99.64, 99.58, "rohansh-tty/EVA4"),
    ]
    points = [(point.params, point.epochs, point.best, point.last, point.mean_last5, point.source) for point in RECORDS]
    assert [points[0], points[2], points[12], points[18], points[20]] == by_hand
    assert [point.params for point in RECORDS] == sorted(point.params for point in RECORDS)


def test_import_reads_and_parses_nothing():
    program = (
        "import underbudget.models.references as r; assert r._references.cache_info().misses == 0; "
        "known = r.REFERENCES; assert 'architecture' not in vars(known['saish-m4']); "
        "assert r.reference('saish-m4').architecture is known['saish-m4'].architecture; print(len(known))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "39"


def test_unknown_attribute_is_an_attribute_error():
    from underbudget.models import references

    with pytest.raises(AttributeError, match="has no attribute 'NAMES'"):
        references.NAMES  # noqa: B018
