"""Data and scripts inside an HTML page."""

import base64
import hashlib
import json
from html import escape
from typing import Any

# Inside <script> the parser looks for "</script" and "<!--" before it knows any JavaScript; the two separators were
# line ends in JavaScript before 2019.
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def script_json(value: Any) -> str:
    """JSON that may stand between <script> tags; it reads back as `value`. Raises ValueError for NaN."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for character, code in _ESCAPES.items():
        text = text.replace(character, code)
    return text


def plotly_text(text: str) -> str:
    """Text for Plotly, which reads a subset of HTML in labels and hover boxes: shown as it is, never as markup."""
    return escape(text, quote=False)


def script_hash(script: str) -> str:
    """The script's source expression in a Content-Security-Policy: only scripts named there run."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
