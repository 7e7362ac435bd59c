"""The data sets that the program knows by name."""

import hashlib
import string
from dataclasses import dataclass

from underbudget.search.data.archives import CifarFiles, EmnistFiles, SvhnFiles, UspsFiles
from underbudget.search.data.idx import IdxFiles
from underbudget.search.data.published import PublishedFiles

SPLIT_SEED = 0
PREPARATION = 1  # raise it with any change of what ends up in a store


@dataclass(frozen=True)
class Source:
    """A data set that can be prepared."""

    name: str  # as on the command line
    title: str
    description: str  # one line
    classes: tuple[str, ...]  # names, by label
    licence: str
    origin: str
    images: int = 70_000  # all parts together
    input_shape: tuple[int, int, int] = (1, 28, 28)  # (channels, height, width)
    split: tuple[int, ...] = (50, 10)  # train : validation, or train : validation : test where no test part is given
    files: PublishedFiles | None = None  # to be downloaded; None: comes with scikit-learn
    augmentation: str = "digits"  # what suits it: a key of search.training.recipe.AUGMENTATIONS

    @property
    def key(self) -> str:
        """Eight hex digits that stand for everything that decides what is in the store."""
        digests = sorted(self.files.digests.items()) if self.files else ()
        content = (PREPARATION, SPLIT_SEED, self.name, self.split, digests)
        return hashlib.sha256(repr(content).encode()).hexdigest()[:8]


def _idx_files(torchvision: str, *md5: str) -> IdxFiles:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return IdxFiles(torchvision, {f"{name}-ubyte.gz": digest for name, digest in zip(names, md5, strict=True)})


_DIGITS = tuple("0123456789")
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

_EMNIST = "Cohen et al., EMNIST: an extension of MNIST to handwritten letters, arXiv:1702.05373, 2017"
_CIFAR = "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"
_HUNDRED = (
    *("apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl"),
    *("boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair"),
    *("chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin"),
    *("elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp"),
    *("lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain"),
    *("mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck"),
    *("pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road"),
    *("rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider"),
    *("squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television"),
    *("tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf"),
    *("woman", "worm"),
)

DATASETS: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="digits",
            title="digits of scikit-learn",
            description="handwritten digits, 8x8 enlarged to 28x28; comes with scikit-learn, needs no network",
            images=1_797,
            classes=_DIGITS,
            licence="CC BY 4.0",
            origin="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (its test part)",
            split=(70, 15, 15),
        ),
        Source(
            name="mnist",
            title="MNIST",
            description="handwritten digits, 28x28 grey; 12 MB to download",
            classes=_DIGITS,
            licence="CC BY-SA 3.0",
            origin="LeCun, Cortes and Burges, The MNIST database of handwritten digits, 1998",
            files=_idx_files(
                "MNIST",
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ),
        Source(
            name="fashion-mnist",
            title="Fashion-MNIST",
            description="pieces of clothing, 28x28 grey; 31 MB to download",
            classes=_CLOTHES,
            licence="MIT",
            origin="Xiao, Rasul and Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017",
            files=_idx_files(
                "FashionMNIST",
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
        Source(
            name="kmnist",
            title="Kuzushiji-MNIST",
            description="handwritten Japanese characters, 28x28 grey; 21 MB to download",
            classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
            licence="CC BY-SA 4.0",
            origin="Clanuwat et al., Deep Learning for Classical Japanese Literature, arXiv:1812.01718, 2018",
            files=_idx_files(
                "KMNIST",
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
        ),
        Source(
            name="emnist-letters",
            title="EMNIST Letters",
            description="handwritten letters, upper and lower case as one class, 28x28 grey; 560 MB to download",
            images=145_600,
            classes=tuple(string.ascii_lowercase),
            licence="not stated; from NIST Special Database 19",
            origin=_EMNIST,
            files=EmnistFiles("EMNIST", {"gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"}, "letters", 1),
        ),
        Source(
            name="emnist-balanced",
            title="EMNIST Balanced",
            description="handwritten digits and letters, 28x28 grey; 560 MB to download",
            images=131_600,
            classes=(*_DIGITS, *string.ascii_uppercase, *"abdefghnqrt"),
            licence="not stated; from NIST Special Database 19",
            origin=_EMNIST,
            files=EmnistFiles("EMNIST", {"gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"}, "balanced"),
        ),
        Source(
            name="usps",
            title="USPS",
            description="digits from envelopes, 16x16 grey; 8 MB to download",
            images=9_298,
            classes=_DIGITS,
            licence="not stated",
            origin="Hull, A database for handwritten text recognition research, IEEE PAMI 16(5), 1994; LIBSVM's copy",
            input_shape=(1, 16, 16),
            files=UspsFiles(
                "USPS",
                {
                    "usps.bz2": "ec16c51db3855ca6c91edd34d0e9b197",
                    "usps.t.bz2": "8ea070ee2aca1ac39742fdd1ef5ed118",
                },
            ),
        ),
        Source(
            name="svhn",
            title="SVHN",
            description="house numbers in photos, 32x32 colour; 246 MB to download (without the extra part)",
            images=99_289,
            classes=_DIGITS,
            licence="for non-commercial use",
            origin="Netzer et al., Reading Digits in Natural Images with Unsupervised Feature Learning, 2011",
            input_shape=(3, 32, 32),
            files=SvhnFiles(
                "SVHN",
                {
                    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
                    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
                },
            ),
        ),
        Source(
            name="cifar10",
            title="CIFAR-10",
            description="small photos of animals and vehicles, 32x32 colour; 170 MB to download",
            images=60_000,
            classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
            licence="not stated",
            origin=_CIFAR,
            input_shape=(3, 32, 32),
            files=CifarFiles(
                "CIFAR10",
                {"cifar-10-python.tar.gz": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"},
                tuple(f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)),
                "cifar-10-batches-py/test_batch",
                "labels",
            ),
            augmentation="natural",
        ),
        Source(
            name="cifar100",
            title="CIFAR-100",
            description="small photos of 100 kinds of things, 32x32 colour; 169 MB to download",
            images=60_000,
            classes=_HUNDRED,
            licence="not stated",
            origin=_CIFAR,
            input_shape=(3, 32, 32),
            files=CifarFiles(
                "CIFAR100",
                {"cifar-100-python.tar.gz": "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"},
                ("cifar-100-python/train",),
                "cifar-100-python/test",
                "fine_labels",
            ),
            augmentation="natural",
        ),
    )
}
