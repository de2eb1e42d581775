"""What a service refuses is said in the page's language: every message of a refusal is a translated text."""

import ast
from collections.abc import Iterable, Iterator

from tests.architecture.tree import called_name, modules

# A room is one line here once what it refuses is translated.
ROOMS = (
    "grading",
    "inference",
    "readerstudy/studies",
    "readerstudy/analysis",
    "readerstudy/imaging",
    "readerstudy/accounts",
)
REFUSALS = ("Refused", "BadAnswer", "WrongState", "OwnGradeFirst", "PlanChanged", "DataChanged")
# What is wrong with one cell of a table, or at one place of a protocol: the last thing they are given.
CELLS = ("BadCell", "RowProblem", "Problem", "problem", "refused", "wrong")
# What no page says, the measuring of images; and what the engine and its jobs write down in English, which is found
# again sentence by sentence where a page shows it (`inference/reasons.py`, and its test).
APART = ("/benchmark/", "/engine/", "inference/running.py")

Source = Iterable[tuple[str, ast.Module]]


def _said(found: Source) -> Iterator[tuple[str, ast.expr]]:
    """Yield where and what is said: the message of a refusal, and each problem that one lists."""
    for name, tree in found:
        if any(part in name for part in APART):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                if called_name(node.exc).endswith(REFUSALS):
                    yield f"{name}:{node.lineno}", node.exc.args[0]
            elif isinstance(node, ast.Call) and called_name(node) in CELLS:
                yield f"{name}:{node.lineno}", node.args[-1]
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "problems.append":
                yield f"{name}:{node.lineno}", node.args[0]


def untranslated(found: Source) -> list[str]:
    """Return the messages that are written out in one language."""
    plain = (ast.Constant, ast.JoinedStr)
    return [
        place
        for place, said in _said(found)
        if isinstance(said, plain)
        or (isinstance(said, ast.BinOp) and isinstance(said.op, ast.Add) and _has_text(said))
        or (isinstance(said, ast.BinOp) and isinstance(said.op, ast.Mod) and isinstance(said.left, plain))
    ]


def _has_text(node: ast.expr) -> bool:
    return any(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in ast.walk(node))


def shadowed(found: Source) -> list[str]:
    """Return functions that translate by ``_`` and give the name to something else."""
    return [
        f"{name}:{function.lineno}"
        for name, tree in found
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(each, ast.Call) and called_name(each) == "_" for each in _own(function))
        and any(
            isinstance(each, ast.Name) and each.id == "_" and isinstance(each.ctx, ast.Store)
            for each in _own(function)
        )
    ]


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a function without what has a scope of its own."""
    scopes = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    for each in ast.iter_child_nodes(node):
        if not isinstance(each, scopes):
            yield each
            yield from _own(each)


def planted(code: str) -> Source:
    return [("grading/services/planted.py", ast.parse(code))]


def test_every_refusal_is_translated():
    assert untranslated(modules(*ROOMS)) == []


def test_planted_refusals_are_seen():
    for code in (
        'raise StudyRefused("No.")',
        'raise BadAnswer(f"{label} is no grade.")',
        'raise panel.PanelRefused("No: " + reason)',
        'raise WrongState("%s" % state)',
        'problems.append("there is none")',
        'Problem(1, "", f"{name} is missing")',
        'problem(("findings",), "there is none")',
    ):
        assert untranslated(planted(code)) == ["grading/services/planted.py:1"], code
    assert untranslated(planted('raise StudyRefused(_("No: %(why)s") % {"why": why})')) == []


def test_the_name_that_translates_is_given_to_nothing_else():
    assert shadowed(modules(*ROOMS)) == []
    assert len(shadowed(planted("def f():\n    made, _ = make()\n    raise StudyRefused(_('No.'))"))) == 1
