"""A real browser that may ask nothing of any other machine."""

from collections.abc import Iterator
from contextlib import contextmanager

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--use-fake-device-for-media-stream",
)


@contextmanager
def launched(browser_path: str) -> Iterator:
    """A browser, closed afterwards."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def keep_inside(page, *addresses: str) -> list[str]:
    """Lets a page ask only for what begins with an address; returns the list of all else it asks for."""
    outside = []

    def gate(route):
        if route.request.url.startswith((*addresses, "data:", "blob:")):
            route.continue_()
        else:
            outside.append(f"asked for {route.request.url}")
            route.abort()

    page.route("**/*", gate)
    return outside
