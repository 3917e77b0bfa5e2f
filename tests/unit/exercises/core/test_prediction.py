import pytest

from handlib.exercises import predict


def test_the_readers_answer_is_kept_and_compared(capsys):
    asked = predict("How many bones?", "twenty", "forty")
    assert asked.answer is None
    asked.compare("twenty")
    assert capsys.readouterr().out == "It is: twenty\n"
    asked._choice.value = "forty"
    assert asked.answer == "forty"
    asked.compare("twenty")
    assert "you said: forty" in capsys.readouterr().out
    asked._choice.value = "twenty"
    asked.compare("twenty")
    assert "you said" in capsys.readouterr().out


def test_a_page_without_a_kernel_shows_the_question_and_no_answer_is_chosen():
    page = predict("Is 1 < 2 in `handlib`?", "yes", "no")._repr_mimebundle_()["text/html"]
    assert "Is 1 &lt; 2 in <code>handlib</code>?" in page
    assert "<li>yes</li>" in page
    assert "<li>no</li>" in page


@pytest.mark.parametrize("answers", [(), ("one",), ("same", "same")])
def test_a_question_needs_different_answers(answers: tuple[str, ...]):
    with pytest.raises(ValueError, match="answers"):
        predict("?", *answers)


def test_what_was_measured_is_one_of_the_answers():
    with pytest.raises(ValueError, match="measured"):
        predict("?", "a", "b").compare("c")
