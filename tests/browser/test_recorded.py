"""Recorded widgets of the book on one page in a folder: no kernel, no server, no built book."""

import pytest
from build_book import put_scripts, read_recordings, recorded_html
from support.browser import keep_inside, launched
from support.lab_page import VIEW, ask, canvas_colours, click_joint, moves
from support.recorded_page import keep_complaints, wait_until_live

RECORDINGS = read_recordings()
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


@pytest.fixture(scope="module")
def page(browser_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    put_scripts(folder, RECORDINGS)
    scripts = '<script src="hands.js"></script><script src="recorded.js"></script>'
    style = '<link rel="stylesheet" href="book.css">'
    places = "".join(recorded_html(name, PIXEL, value["text"]) for name, value in RECORDINGS.items())
    page_file = folder / "page.html"
    page_file.write_text(f'<!doctype html><meta charset="utf-8">{style}{scripts}{places}', encoding="utf-8")
    with launched(browser_path) as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.complaints, page.outside = keep_complaints(page), keep_inside(page, folder.as_uri())
        page.goto(page_file.as_uri())
        yield page
        assert page.complaints + page.outside == []


def words(page, name: str) -> str:
    return page.locator(f'[data-recorded="{name}"] .recorded-words').inner_text()


def slider(page, recorded: str, name: str):
    return page.locator(f'[data-recorded="{recorded}"]').get_by_role("slider", name=name, exact=True)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_comes_alive_where_its_picture_was(page, name: str):
    assert canvas_colours(page, wait_until_live(page, name)) > 100
    assert not page.locator(f'[data-recorded="{name}"] > img').is_visible()


def test_hands_step_through_stages_turn_and_are_picked(page):
    view = wait_until_live(page, "00_stages")
    assert "initial: joints" in words(page, "00_stages")
    picture = page.locator('[data-recorded="00_stages"] .recorded-picture')
    shown, estimate = picture.get_attribute("src"), slider(page, "00_stages", "estimate")
    with moves(page, view):
        estimate.press("ArrowRight")
        estimate.press("ArrowRight")
    assert estimate.get_attribute("aria-valuetext") == "stage 2"
    assert "stage 2: joints" in words(page, "00_stages")
    assert picture.get_attribute("src") != shown
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100

    status = page.locator(f"[data-recorded='00_stages'] {VIEW} [role=status]")
    click_joint(page, 21 + 8, view)
    status.filter(has_text="right index4").wait_for()
    page.locator(f"{VIEW} canvas").nth(view).focus()
    eye = ask(page, "eye()", view)
    page.keyboard.press("ArrowLeft")
    assert ask(page, "eye()", view)[0] < eye[0] - 0.01
    page.keyboard.press("n")
    status.filter(has_text="right middle1").wait_for()


def test_a_joint_is_bent_and_another_one_chosen(page):
    view = wait_until_live(page, "01_bending")
    index_tip = f"document.querySelectorAll('{VIEW}')[{view}].handlib.vertex(0, 320)"
    bent = page.evaluate(index_tip)
    slider(page, "01_bending", "bend").press("Home")
    page.wait_for_function(f"bent => Math.hypot(...{index_tip}.map((x, i) => x - bent[i])) > 0.02", arg=bent)
    assert "index2: " in words(page, "01_bending")
    slider(page, "01_bending", "joint").press("End")
    assert "thumb3: " in words(page, "01_bending")


def test_sliders_of_the_hand_model_move_one_at_a_time(page):
    view = wait_until_live(page, "01_explorer")
    pose, beta = (slider(page, "01_explorer", name) for name in ("pose 0", "beta 0"))
    with moves(page, view):
        pose.press("End")
    assert pose.get_attribute("aria-valuetext") == "3"
    assert "moved 0 mm" not in words(page, "01_explorer")
    beta.press("ArrowRight")
    assert pose.get_attribute("aria-valuetext") == "0"
    assert beta.get_attribute("aria-valuetext") == "1.5"


def test_picking_a_joint_of_the_transformer_draws_its_lines(page):
    view = wait_until_live(page, "06_attention")
    assert "right index4 attends to" in words(page, "06_attention")
    picked = page.locator('[data-recorded="06_attention"]').get_by_role("combobox", name="picked joint")
    picked.select_option(label="left thumb4")
    assert "left thumb4 attends to" in words(page, "06_attention")
    page.wait_for_function(f"document.querySelectorAll('{VIEW}')[{view}].handlib.link(9)[0] === 4")
    assert ask(page, "linkCount()", view) == 10
