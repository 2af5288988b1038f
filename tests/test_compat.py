"""The names that extensions of the older UI import."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.reference import reference_json


def test_prompt_parser_returns_plain_lists() -> None:
    parser = import_module("modules.prompt_parser")
    expected = [["a ", 1.0], ["cat", 1.5], ["", 1.0], ["BREAK", -1], ["b", 1.0]]
    assert parser.parse_prompt_attention("a (cat:1.5) BREAK b") == expected
    assert parser.get_learned_conditioning_prompt_schedules(["a [b:c:0.5]", "d"], 10) == [
        [[5, "a b"], [10, "a c"]],
        [[10, "d"]],
    ]
    parts, texts, indexes = parser.get_multicond_prompt_list(["a AND b :0.5", "a"])
    assert texts == ["a", " b"]
    assert indexes == {"a": 0, " b": 1}
    assert parts == [[(0, 1.0), (1, 0.5)], [(0, 1.0)]]


@pytest.mark.reference
def test_prompt_parser_gives_the_reference_values() -> None:
    parser = import_module("modules.prompt_parser")
    for case in reference_json("prompts.json")["attention"]:
        assert parser.parse_prompt_attention(case["prompt"]) == case["parsed"]
    for case in reference_json("prompts.json")["schedule"]:
        found = parser.get_learned_conditioning_prompt_schedules([case["prompt"]], case["steps"])
        assert found == [case["schedule"]]


def test_paths_are_folders_of_the_program() -> None:
    paths = import_module("modules.paths")
    assert paths.models_path.endswith("models")
    assert paths.extensions_dir.endswith("extensions")


def test_an_unknown_name_is_an_import_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_module("modules.no_such_thing")
