"""Parts: a network runs a reader's functions in their places and nowhere else; faults are told in a line."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from support.answers import SOLUTIONS
from support.tiny import TINY
from torch import Tensor

from handlib.analysis.interventions import altered
from handlib.data.sample import normalise, resize, stack
from handlib.data.shipped import load_samples
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.model.parts import PARTS, OwnFunction, function_of, functions_of, own_parts, use_parts
from handlib.utils.errors import InputError

OWN = {name: SOLUTIONS[name] for name in PARTS}
OUTSIDE = {"huber", "mean_position_error"}
"""Parts of the training and the evaluation."""
JOINTS = replace(TINY, initial_head="joints", head_channels=8)


def numbers(model: DIR, image: Tensor) -> dict[str, Tensor]:
    """All that a network says of pictures."""
    with torch.no_grad():
        prediction = model.eval()(image)
    said = {"segmentation": prediction.segmentation, "dense": prediction.dense}
    for t, estimate in enumerate(prediction.estimates):
        said |= {f"{name} {t}": getattr(estimate, name) for name in ("joints", "vertices", "uv", "offset")}
        said[f"params {t}"] = estimate.params.to_vector()
    return said


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor], atol: float = 1e-5) -> None:
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=atol, rtol=1e-5, msg=lambda m, n=name: n + m)


def picture(size: int = TINY.image_size) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def build(config=TINY) -> DIR:
    torch.manual_seed(0)
    return DIR(config)


def shifted(function: Callable) -> Callable:
    """The function with something added to what it returns."""

    def answer(*arguments):
        result = function(*arguments)
        return (result[0] + 0.1, *result[1:]) if isinstance(result, tuple) else result + 0.1

    return answer


def module_with(**functions: str) -> ModuleType:
    module = ModuleType("mine")
    exec("\n".join(functions.values()), vars(module))
    return module


def test_the_shipped_network_says_the_same_with_all_reference_answers():
    image = normalise(stack([resize(load_samples("test")[14], 128)]).image)
    library, own = DIR.from_pretrained("small"), DIR.from_pretrained("small", parts=OWN)
    assert_equal(numbers(library, image), numbers(own, image))


@pytest.mark.parametrize("config", [TINY, JOINTS, replace(TINY, update="absolute", initial_head="pooled")])
def test_other_heads_and_updates_say_the_same_with_all_reference_answers(config):
    model, image = build(config), picture()
    before = numbers(model, image)
    use_parts(model, OWN)
    assert set(own_parts(model)) == set(OWN) - OUTSIDE - (
        set() if config is JOINTS else {"fit_weak_perspective"}
    )
    assert_equal(before, numbers(model, image))


@pytest.mark.parametrize("name", [name for name in PARTS if name not in OUTSIDE])
def test_each_part_is_called_and_in_this_network_alone(name):
    config = JOINTS if name == "fit_weak_perspective" else TINY
    model, other, image = build(config), build(config), picture()
    before = numbers(model, image)
    use_parts(model, {name: shifted(PARTS[name].function)})
    after = numbers(model, image)
    assert any(not torch.allclose(before[key], after[key], atol=1e-4) for key in before)
    assert_equal(before, numbers(other, image), atol=0)
    assert_equal(before, numbers(build(config), image), atol=0)


def test_hands_that_were_given_are_left_alone():
    hands = {side: Hand.open(side) for side in SIDES}
    first, second = DIR(TINY, hands), DIR(TINY, hands)
    use_parts(first, {"skin": lambda points, weights, transforms: points})
    assert isinstance(first.hands["left"].skin, OwnFunction)
    assert not any(isinstance(hand.skin, OwnFunction) for hand in (*second.hands.values(), *hands.values()))


def test_weights_checksum_and_files_are_those_of_the_library(tmp_path: Path):
    library, own = build(), build()
    use_parts(own, OWN)
    assert own.checksum() == library.checksum()
    assert own.state_dict().keys() == library.state_dict().keys()
    own.save_pretrained(tmp_path / "own")
    library.save_pretrained(tmp_path / "library")
    for file in ("config.json", "model.safetensors"):
        assert (tmp_path / "own" / file).read_bytes() == (tmp_path / "library" / file).read_bytes()
    assert own_parts(DIR.from_pretrained(tmp_path / "own")) == {}


def test_copies_keep_the_readers_functions_and_pickles_dont():
    model, image = build(), picture()
    use_parts(model, {"attend": shifted(PARTS["attend"].function)})
    after = numbers(model, image)
    assert_equal(after, numbers(copy.deepcopy(model), image), atol=0)
    assert_equal(after, numbers(altered(model), image), atol=0)
    loaded = pickle.loads(pickle.dumps(model))
    assert own_parts(loaded) == {}
    assert_equal(numbers(build(), image), numbers(loaded, image), atol=0)


def test_gradients_flow_through_the_readers_functions():
    library, own = build().train(), build().train()
    use_parts(own, OWN)
    for model in (library, own):
        prediction = model(picture())
        (prediction.final.vertices.square().mean() + prediction.dense.square().mean()).backward()
    found = dict(own.named_parameters())
    for name, expected in library.named_parameters():
        torch.testing.assert_close(found[name].grad, expected.grad, atol=1e-4, rtol=1e-2, msg=name)


def test_a_file_a_module_and_a_mapping_are_the_same(tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import torch\n\ndef helper(x):\n    return x\n\ndef attend(q, k, v):\n    return 'mine'\n"
    )
    module = ModuleType("mine")
    exec(path.read_text(), vars(module))
    for parts in (path, str(path), module, {"attend": module.attend}):
        (function,) = functions_of(parts).values()
        assert function(1, 2, 3) == "mine"
        assert function_of("attend", parts)(1, 2, 3) == "mine"
        assert function_of("skin", parts) is PARTS["skin"].function
    assert functions_of(None) == {}


def test_what_a_module_only_imports_is_not_the_readers():
    module = module_with(a="from handlib.model.transformer import attend", b="def skin(p, w, t): return p")
    assert list(functions_of(module)) == ["skin"]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"atend": lambda q, k, v: v}, "no part is called 'atend'; there are attention_pool, "),
        (module_with(a="attend = 3"), "attend: expected a function, got int"),
        (
            {"attend": lambda q, k: k},
            r"attend: expected the arguments \(query, key, value\), got attend\(q, k\)",
        ),
        ({"skin": lambda *, points: points}, r"skin: expected the arguments \(points, weights, transforms\)"),
        (
            module_with(a="def sample_joint(m, uv): return m"),
            "sample_joint is no part; did you mean sample_jo",
        ),
    ],
)
def test_wrong_parts_are_refused_in_a_line(parts, words: str):
    with pytest.raises(InputError, match=words) as caught:
        functions_of(parts)
    assert "\n" not in str(caught.value)


def test_a_name_near_a_part_that_is_there_is_a_helper():
    module = module_with(a="def attend(q, k, v): return v", b="def attend2(q, k, v): return v")
    assert list(functions_of(module)) == ["attend"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def attend(q, k, v):\n    return (v\n", r"mine.py, line 2: '\(' was never closed"),
        (
            "import torch\n\nx = torch.nonsense\n",
            r"mine.py stopped with AttributeError.*line 3: x = torch.nons",
        ),
        (b"\xff", "mine.py: expected a Python file in UTF-8"),
        (None, "mine.py: expected a Python file in UTF-8: .*No such file"),
    ],
)
def test_a_broken_file_is_told_in_a_line(tmp_path: Path, text: str | bytes | None, words: str):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words) as caught:
        DIR.from_pretrained("small", parts=path)
    assert "\n" not in str(caught.value)


def test_an_error_inside_names_the_function_and_its_line(tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text("def weigh(x):\n    return x / y\n\n\ndef attend(q, k, v):\n    return weigh(q), k\n")
    model = build()
    use_parts(model, path)
    with pytest.raises(InputError) as caught:
        model(picture())
    told = "attend stopped with NameError: name 'y' is not defined (mine.py, line 2: return x / y)"
    assert str(caught.value) == told
    path.write_text("def attend(q, k, v):\n    return q.frobnicate()\n")
    use_parts(model, path)
    with pytest.raises(InputError, match=r"no attribute 'frobnicate' \(mine.py, line 2: return q.frobnicate"):
        model(picture())
