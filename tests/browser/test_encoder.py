"""Notebook 03 in a real JupyterLab: every control of the attention explorer, then saved and reloaded."""

from support.lab_page import (
    SECONDS,
    press_slider,
    run_needed,
    save_and_reload,
    wait_for_another,
    wait_until_idle,
)

MAPS, ESTIMATE = 0, 1
"""The explorer's two pictures, in their order on the page."""


def shown(page, picture: int):
    return page.locator("img.widget-image").nth(picture)


def caption(page) -> str:
    return page.locator(".widget-html:has-text('The left map')").first.inner_text()


def wait_for_other_caption(page, before: str) -> str:
    page.wait_for_function(
        "before => [...document.querySelectorAll('.widget-html')]"
        ".some(e => e.innerText.includes('The left map') && e.innerText.trim() !== before.trim())",
        arg=before,
        timeout=90 * SECONDS,
    )
    return caption(page)


def centre_u(text: str, side: str) -> float:
    return float(text.split(f"The {side} map: centre at u ")[1].split(",")[0])


def test_attention_explorer_follows_every_control_and_survives_a_reload(page, lab):
    run_needed(page, lab, "03_encoder.ipynb", "show.AttentionExplorer(")
    image = shown(page, MAPS)
    image.wait_for(timeout=300 * SECONDS)
    image.scroll_into_view_if_needed()
    wait_until_idle(page)
    plain = caption(page)
    assert "spread over" in plain and "painted out" not in plain

    page.get_by_label("mirrored").focus()
    page.keyboard.press("Space")
    mirrored = wait_for_other_caption(page, plain)
    # The left map of the mirrored picture lies where the mirror shows the right one's, about.
    assert abs(centre_u(mirrored, "left") + centre_u(plain, "right")) < 0.25
    page.keyboard.press("Space")
    assert wait_for_other_caption(page, mirrored) == plain

    page.get_by_role("button", name="right", exact=True).click()
    painted = wait_for_other_caption(page, plain)
    assert painted.count("(painted out)") == 1
    assert "right hand (painted out)" in painted
    page.get_by_role("button", name="neither", exact=True).click()
    assert wait_for_other_caption(page, painted) == plain

    before = image.get_attribute("src")
    press_slider(page, "opacity", "ArrowLeft", times=3)
    wait_for_another(page, image, [before])
    assert caption(page) == plain

    before = shown(page, ESTIMATE).get_attribute("src")
    page.get_by_label("picture", exact=True).select_option(index=3)
    wait_for_another(page, shown(page, ESTIMATE), [before])
    other = wait_for_other_caption(page, plain)

    save_and_reload(page)
    image.wait_for(timeout=120 * SECONDS)
    image.scroll_into_view_if_needed()
    assert wait_for_other_caption(page, "") == other
    page.get_by_role("button", name="left", exact=True).click()
    assert "left hand (painted out)" in wait_for_other_caption(page, other)
    assert page.outside == []
