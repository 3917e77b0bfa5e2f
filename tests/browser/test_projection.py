"""Notebook 07 in a real JupyterLab: every control of its explorer moves picture and caption."""

from support.lab_page import SECONDS, choose, press_slider, run_needed, save_and_reload

CAPTION = ".widget-html-content:has-text('of both hands')"
PICTURE = "img.widget-image"


def caption_says(page, *parts: str, seconds: int = 90) -> None:
    """Waits until the widget's caption holds these words."""
    caption = page.locator(CAPTION)
    for part in parts:
        caption = caption.filter(has_text=part)
    caption.first.wait_for(timeout=seconds * SECONDS)


def picture(page) -> str:
    return page.locator(PICTURE).get_attribute("src")


def test_explorer_follows_every_control_and_survives_a_reload(page, lab, tmp_path):
    run_needed(page, lab, "07_projection.ipynb", "show.ProjectionExplorer(")
    caption_says(page, "a plane per bone", "0.5 px apart", "16 x 16", seconds=300)
    page.locator(PICTURE).scroll_into_view_if_needed()
    pictures = [picture(page)]

    def moved() -> None:
        page.wait_for_function(
            f"before => document.querySelector('{PICTURE}').src !== before",
            arg=pictures[-1],
            timeout=90 * SECONDS,
        )
        pictures.append(picture(page))

    choose(page, "projection", "a plane per joint")
    caption_says(page, "a plane per joint", "0 % of the left one and 0 % of the right one")
    moved()
    choose(page, "projection", "one shared plane")
    caption_says(page, "one shared plane")
    moved()
    press_slider(page, "gap (map px)", times=2)
    caption_says(page, "1 px apart")
    moved()
    press_slider(page, "half width (uv)", "ArrowLeft", times=5)
    caption_says(page, "half width 0.8 px")
    moved()
    choose(page, "map", "32 x 32")
    caption_says(page, "32 x 32")
    moved()
    page.screenshot(path=tmp_path / "moved.png")
    box = page.locator(PICTURE).bounding_box()
    assert box["width"] > 3 * box["height"] > 300

    save_and_reload(page)
    caption_says(page, "one shared plane", "1 px apart", "32 x 32")
    page.locator(PICTURE).scroll_into_view_if_needed()
    choose(page, "projection", "a plane per joint")
    caption_says(page, "a plane per joint")
    moved()
    assert page.outside == []
