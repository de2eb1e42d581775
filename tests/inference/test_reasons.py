"""What the engine says in English is known to the pages, sentence by sentence, and comes out in their language."""

import ast
from collections.abc import Iterator

import pytest
from django.utils import translation

from inference.engine.crops import CropSpec
from inference.engine.specification import (
    KIND_WORDS,
    InputSpecification,
    OutputSchema,
    SeriesRequirement,
    fit_report,
)
from inference.engine.training_plan import PlanRefused, TrainingPlan
from inference.reasons import SENTENCES, WORDS, sentence_of, shown
from tests.architecture.tree import called_name, modules

#: Functions of the data sheet that return what is said of a series.
RETURNING = {"fault", "fault_of_radiograph", "_too_wide"}
COMPOSED = ("7: 7.", "7: 7", "7")
#: Names of files and of keys, which are the same in every language.
FILES = ("weights.safetensors", "safetensors", "JSON", "gzip", "ONNX", "name", "MM")


def _texts(node: ast.AST) -> Iterator[str]:
    """Every text below a node, values replaced by a digit."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(p.value if isinstance(p, ast.Constant) else "7" for p in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not (
        isinstance(node, ast.Call) and called_name(node) not in {"append", "FitLine", "join", "JobRefused"}
    ):
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _said(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        found: list[ast.AST] = []
        if isinstance(node, ast.Call):
            where = ast.unparse(node.func)
            if where.endswith(("notes.append", "faults.append")):
                found = list(node.args)
            elif where == "FitLine":
                found = list(node.args[2:])
            elif where in ("JobRefused", "TrainingRefused"):
                found = list(node.args)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            if called_name(node.exc) in ("ModelRefused", "OnnxRefused"):
                found = list(node.exc.args)
        elif isinstance(node, ast.Assign):
            target = ast.unparse(node.targets[0])
            if target.endswith(("refusal", "detail")) or target.startswith(("result.left_out", "refusal,")):
                found = [node.value]
        elif isinstance(node, ast.FunctionDef) and node.name in RETURNING | {"refusal"}:
            found = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
        for each in found:
            for text in _texts(each):
                if " " in text.strip() and text.strip() not in {"or", "with"}:
                    yield node.lineno, text.strip()


def unknown(tree: ast.AST) -> list[str]:
    def is_known(text: str) -> bool:
        named = text.removeprefix("7: ").removesuffix(".")  # said of a series
        return text in COMPOSED or sentence_of(text) is not None or sentence_of(named) is not None

    return [f"{line}: {text}" for line, text in _said(tree) if not is_known(text)]


def test_every_sentence_of_the_engine_is_known():
    checked = 0
    for name, tree in modules("inference"):
        if name.startswith(("inference/engine/", "inference/running.py", "inference/training.py")):
            assert unknown(tree) == [], name
            checked += len(list(_said(tree)))
    assert checked > 25


@pytest.mark.parametrize(
    "code",
    [
        'result.notes.append(f"{n} mm are odd.")',
        'result.refusal = "This is not known."',
        'result.left_out[name] = "it is a strange joint"',
        'raise ModelRefused(f"{path.name} is strange.")',
        'raise OnnxRefused("it is a strange file")',
        'FitLine("a", True, f"{n} strange grades")',
        'def fault(self):\n    return f"it has {n} legs"',
    ],
)
def test_a_planted_sentence_is_seen(code):
    assert len(unknown(ast.parse(code))) == 1


def test_every_kind_of_series_has_a_word():
    assert set(KIND_WORDS.values()) <= set(WORDS)


def refusals() -> Iterator[str]:
    """What a form's plan, and a registered model whose files were damaged, are refused with."""
    with pytest.raises(PlanRefused) as plan:
        TrainingPlan(name="MM", version="1", start_from="x")
    yield str(plan.value)
    yield from (
        f"weights.safetensors is {why}" for why in ("missing.", "not JSON.", "too short to be safetensors.")
    )
    yield (
        "weights.safetensors does not belong to a model version: it is a gzip archive, which could run code when "
        "opened. Only JSON, safetensors are taken; nothing was opened."
    )
    yield (
        "weights.safetensors is refused: it uses the operator MM, which is not among those that are let in. "
        "Nothing of it was run."
    )
    yield "weights.safetensors gives MM, X; the manifest says MM."


def test_what_is_said_is_found_again_whatever_it_is_made_of():
    axial = SeriesRequirement(CropSpec(3, 8, 8, 1, 1), 0.5)
    taken = InputSpecification({"CT-axial": axial}, (("CT-axial",), ("MR-axial", "MR-sagittal")))
    texts = [
        taken.refusal([], ["Axial CT: its pixels are 0.9 mm wide, the model takes 0.5 mm or finer."]),
        "No structure could be graded. L1-2-left: its place was not found with enough certainty; "
        "L1-2-right: it lies outside the series that the model takes",
        "L1-2-left, L4-5-left: its place was not found with enough certainty",
        "narrowing is not given from X-ray alone: the protocol does not assess it there.",
        "cyst is given only where there is axial CT or axial MR.",
        "The images of this case are not in the cache; they may have been withdrawn. (tried 3 times)",
        "Axial T2: The images of the series differ in size.",
        *refusals(),
    ]
    report = fit_report(
        OutputSchema(("neck",), {"tumour": 2}, {}, {}), structures=("a", "b"), n_grades={"tumour": 3, "x": 2}
    )
    texts += [line.detail for line in report]
    assert "it answers for one structure, neck; a protocol of 2 structures asks for more" in texts
    for text in texts:
        assert shown(text) == text
        with translation.override("zh-hans"):
            said = shown(text, {"narrowing": "狭窄", "cyst": "囊肿", "tumour": "肿瘤"})
        for code in (*FILES, "L1-2-left", "L1-2-right", "L4-5-left", "CT", "MR", "T2", "mm", "neck", "X"):
            said = said.replace(code, "")
        assert not any(letter.isascii() and letter.isalpha() for letter in said), said


def test_a_sentence_that_is_not_known_is_shown_as_it_stands():
    assert shown("Something else: happened; long ago. Yes.") == "Something else: happened; long ago. Yes."


def test_no_sentence_stands_twice():
    assert len(set(SENTENCES)) == len(SENTENCES)
