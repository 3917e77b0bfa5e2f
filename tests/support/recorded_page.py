"""What a reader does with a recorded widget of the book."""

from support.lab_page import VIEW

SECONDS = 1000


def wait_until_live(page, name: str) -> int:
    """Scrolls to a recorded widget until it is drawn; returns its number among the page's views."""
    place = f'[data-recorded="{name}"]'
    page.locator(place).scroll_into_view_if_needed()
    page.locator(f".is-live{place}").wait_for(timeout=60 * SECONDS)
    number = page.evaluate(
        f"[...document.querySelectorAll('{VIEW}')].indexOf(document.querySelector('{place} {VIEW}'))"
    )
    page.wait_for_function(
        f"document.querySelectorAll('{VIEW}')[{number}].handlib.framesDrawn() > 0", timeout=60 * SECONDS
    )
    return number


def keep_complaints(page) -> list[str]:
    """The list of errors that a page will have had."""
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    return complaints
