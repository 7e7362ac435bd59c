"""Headless Chromium for tests, driven by Playwright: Debian's browser, or the one that Playwright has installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

_PATIENCE = 120_000  # milliseconds: machines that run tests are busy
expect.set_options(timeout=_PATIENCE / 2)

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; skips the test where none can be had."""
    with sync_playwright() as playwright:
        found = next((path for name in _NAMES if (path := shutil.which(name))), None)
        try:
            # As root Chromium refuses its own sandbox; a container's small /dev/shm crashes it.
            arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic"]
            browser = playwright.chromium.launch(executable_path=found, args=arguments, timeout=_PATIENCE)
        except Error as error:
            reason = str(error).strip().splitlines()[0]
            pytest.skip(f"no browser, install chromium (make test-tools) or playwright install chromium: {reason}")
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page, and what went on while it was open."""

    page: Page
    errors: list[str] = field(default_factory=list)  # of the console and of scripts
    requests: list[str] = field(default_factory=list)  # addresses, all but the page's own and data: ones


@contextmanager
def visit(browser: Browser, address: str | Path, **context: Any) -> Iterator[Visit]:
    """Open a file or an address in a fresh context (Playwright's options: viewport, color_scheme, ...)."""
    url = address.resolve().as_uri() if isinstance(address, Path) else address
    opened: BrowserContext = browser.new_context(**context)
    try:
        page = opened.new_page()
        page.set_default_timeout(_PATIENCE)
        seen = Visit(page)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(url)
        seen.requests = [one for one in seen.requests if one != url and not one.startswith(("data:", "blob:"))]
        yield seen
    finally:
        opened.close()


def axe_violations(page: Page) -> list[str]:
    """Serious and critical faults that axe-core (https://github.com/dequelabs/axe-core) finds, one line each."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        f"{fault['id']}: {fault['help']}: " + "; ".join(str(node["target"]) for node in fault["nodes"][:3])
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
