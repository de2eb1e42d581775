"""What is said of a file: every sentence of the code is known, and shown in the language of the page."""

import ast
from pathlib import Path

import pytest
from django.utils import translation

from readerstudy.imaging.reasons import SENTENCES, sentence_of, shown

ROOT = Path(__file__).resolve().parents[3] / "readerstudy"
#: Where the sentences of an import come from; other errors of these packages are told to programs, not to people.
SOURCES = [
    *(
        ROOT / "dicom" / f"{name}.py"
        for name in ("attributes", "archive_file", "child", "intake", "parsing", "pixels")
    ),
    *(ROOT / "imaging" / f"{name}.py" for name in ("archive", "intake_queue", "reader_process")),
    ROOT / "imaging" / "services" / "placing.py",
]


def _text(node: ast.expr) -> str | None:
    """Return a text that stands in the code, with "word" and the like where values go."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "500" for part in node.values)
    return None


def _said(path: Path) -> set[str]:
    """Return what a module says of files: arguments of refusals, constants in capitals, notes, archive members."""
    found: list[ast.expr] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            to_notes = name == "append" and getattr(getattr(node.func, "value", None), "id", "") == "notes"
            if name in ("Refused", "NotDelivered", "ValueError") or to_notes:
                found.append(node.args[0])
        elif isinstance(node, ast.Dict):
            found += [
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "refused"
            ]
        elif isinstance(node, ast.Assign) and path.name in ("placing.py", "reader_process.py"):
            found += [node.value] if all(getattr(t, "id", "_").isupper() for t in node.targets) else []
        elif (
            isinstance(node, ast.Yield)
            and path.name == "archive_file.py"
            and isinstance(node.value, ast.Tuple)
        ):
            found.append(node.value.elts[-1])
    return {text for node in found if (text := _text(node))}


SAID = sorted({(path.name, text) for path in SOURCES for text in _said(path)})


def test_the_search_finds_what_is_said():
    assert len(SAID) > 70


@pytest.mark.parametrize(("module", "text"), SAID)
def test_every_sentence_of_the_code_is_known(module, text):
    assert sentence_of(text) is not None, f"{module} says {text!r}: add it to imaging/reasons.py"


def test_no_sentence_is_kept_that_nobody_says():
    said = {found[0] for _, text in SAID if (found := sentence_of(text))}
    assert set(SENTENCES) - said == set()


def test_one_row_shows_in_either_language():
    row = "the SOP instance UID is not a UID (digits and dots, at most 64 characters)"
    with translation.override("en"):
        assert shown(row) == row
        assert shown("the file is larger than 256 MiB") == "the file is larger than 256 MiB"
    with translation.override("zh-hans"):
        assert shown(row) == "SOP 实例 UID 不是 UID（仅数字和点，最多 64 个字符）"
        assert shown("the file is larger than 256 MiB") == "文件大于 256 MiB"
        header = "class and instance UID taken from the file's header group"
        both = f"{header}; no series or study UID: grouped by frame of reference"
        assert shown(both) == "类与实例 UID 取自文件头组; 无序列或检查 UID：按参考坐标系归组"


def test_a_row_of_another_version_shows_as_it_stands():
    with translation.override("zh-hans"):
        assert shown("a reason; that nobody gives any more") == "a reason; that nobody gives any more"
