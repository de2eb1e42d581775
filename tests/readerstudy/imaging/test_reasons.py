"""What is said of a file: every sentence of the code is known, and shown in the language of the page."""

import ast
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from django.utils import timezone, translation

from readerstudy.imaging.archive import Archive, ArchiveUnknown
from readerstudy.imaging.reader_process import CannotWrite
from readerstudy.imaging.reasons import (
    PROBLEMS,
    SENTENCES,
    UPLOAD_GIVEN_UP,
    UPLOAD_TOO_OLD,
    problem_shown,
    sentence_of,
    shown,
)
from readerstudy.imaging.services.receiving import SourceMissing, request_fill

ROOT = Path(__file__).resolve().parents[3] / "readerstudy"
#: Where the sentences of an import come from; other errors of these packages are told to programs, not to people.
SOURCES = [
    *(
        ROOT / "dicom" / f"{name}.py"
        for name in ("attributes", "archive_file", "child", "intake", "parsing", "pixels")
    ),
    *(
        ROOT / "imaging" / f"{name}.py"
        for name in ("archive", "intake_queue", "reader_process", "reading_pool")
    ),
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
        elif isinstance(node, ast.Assign) and path.name in (
            "placing.py",
            "reader_process.py",
            "reading_pool.py",
        ):
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


def _answered(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


@pytest.mark.django_db
def test_why_an_import_stopped_is_said_in_either_language(settings, tmp_path):
    settings.READERSTUDY_ARCHIVES = {"pacs": {"url": "http://127.0.0.1:9", "title": "Ward 3: X-ray"}}
    archive = Archive("pacs")
    errors = [
        *(
            archive._plain(error)
            for error in (_answered(403), _answered(500), requests.Timeout(), ValueError())
        ),
        archive._plain(requests.ConnectionError()),
        CannotWrite("No space left on device"),
    ]
    with pytest.raises(ArchiveUnknown) as unknown:
        Archive("other")
    with pytest.raises(SourceMissing) as missing:
        request_fill(scope=uuid4(), source=tmp_path / "none", at=timezone.now())
    told = [f"{type(error).__module__}.{type(error).__name__}: {error}" for error in errors]
    told += [str(unknown.value), str(missing.value)]
    told.append("The worker stopped 3 times while doing this; it was not tried again.")
    told += [UPLOAD_GIVEN_UP, UPLOAD_TOO_OLD % {"days": 7}]
    assert len(told) == len(PROBLEMS)
    with translation.override("en"):
        assert [problem_shown(text) for text in told[:6]] == [str(error) for error in errors]
    with translation.override("zh-hans"):
        shown_words = [problem_shown(text) for text in told]
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in words) for words in shown_words)
    assert sum("Ward 3: X-ray" in words for words in shown_words) == 5


def test_another_error_shows_as_it_stands():
    assert problem_shown("builtins.ValueError: what nobody foresaw") == "what nobody foresaw"
    assert problem_shown("what nobody foresaw: at all") == "what nobody foresaw: at all"
