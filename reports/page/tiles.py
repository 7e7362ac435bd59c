"""Small images for a template."""

from collections.abc import Sequence
from dataclasses import dataclass

from underbudget.reports.pictures import Picture, data_uri


@dataclass(frozen=True)
class Tile:
    uri: str  # a PNG as a data URI
    caption: str
    detail: str


def tiles(pictures: Sequence[Picture]) -> list[Tile]:
    """Pictures with their captions, as reports/page/templates/pictures.html shows them."""
    return [Tile(data_uri(picture.pixels), picture.caption, picture.detail) for picture in pictures]
