import draw_map


def test_the_map_is_what_the_script_draws(tmp_path, monkeypatch):
    committed = draw_map.PICTURE.read_text(encoding="utf-8")
    monkeypatch.setattr(draw_map, "PICTURE", tmp_path / "map.svg")
    draw_map.main()
    drawn = (tmp_path / "map.svg").read_text(encoding="utf-8")
    assert drawn == committed, "run python scripts/build/draw_map.py"
