"""House rules that can be read off the source: audit names, the clock, serializers, torch, test parts."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from readerstudy.core.audit import registered_events
from tests.architecture.tree import PACKAGES, ROOT, called_name, modules

Source = Iterable[tuple[str, ast.Module]]


def planted(code: str, name: str = "grading/services/planted.py") -> Source:
    return [(name, ast.parse(code))]


# --- audit events -------------------------------------------------------------------------------------


_EVENT_NAME = re.compile(r"[a-z]+(\.[a-z_]+)+")


def unregistered_events(found: Source) -> list[str]:
    """Return every event name that is written down as a literal and that nobody registered."""
    known = registered_events()
    problems = []
    for name, tree in found:
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or "record" not in called_name(node):
                continue
            literals = [each.value for each in node.keywords if each.arg == "event"] + node.args[:1]
            for literal in literals:
                value = literal.value if isinstance(literal, ast.Constant) else None
                if isinstance(value, str) and _EVENT_NAME.fullmatch(value) and value not in known:
                    problems.append(f"{name}:{node.lineno} {value}")
    return problems


def test_every_audit_event_is_registered():
    assert unregistered_events(modules(*PACKAGES)) == []


def test_planted_audit_event_is_seen():
    code = 'record(event="grading.read.invented", at=at)\n_record_case("studies.case.invented", case)'
    assert [each.split()[-1] for each in unregistered_events(planted(code))] == [
        "grading.read.invented",
        "studies.case.invented",
    ]


def test_every_event_name_begins_with_its_app():
    apps = {"core", "accounts", "imaging", "studies", "grading", "inference", "analysis", "demo"}
    assert [name for name in registered_events() if name.split(".")[0] not in apps] == []


# --- services never read the clock --------------------------------------------------------------------


def clock_readers(found: Source) -> list[str]:
    problems = []
    for name, tree in found:
        if "/services/" not in name and not name.endswith("/services.py"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called_name(node) in {"now", "today", "utcnow", "localdate"}:
                problems.append(f"{name}:{node.lineno}")
    return problems


def test_services_are_told_the_time():
    assert clock_readers(modules(*PACKAGES)) == []


def test_planted_clock_is_seen():
    assert clock_readers(planted("def act():\n    return timezone.now()")) == [
        "grading/services/planted.py:2"
    ]


# --- serializers list their fields --------------------------------------------------------------------


def open_serializers(found: Source) -> list[str]:
    """Return every class whose ``Meta`` says ``__all__`` or what to leave out."""
    problems = []
    for name, tree in found:
        for node in ast.walk(tree):
            if not isinstance(node, ast.Assign):
                continue
            targets = {target.id for target in node.targets if isinstance(target, ast.Name)}
            value = node.value.value if isinstance(node.value, ast.Constant) else None
            if (targets & {"fields"} and value == "__all__") or targets & {"exclude"}:
                problems.append(f"{name}:{node.lineno}")
    return problems


def test_serializers_and_forms_list_their_fields():
    assert open_serializers(modules(*PACKAGES)) == []


def test_planted_open_serializer_is_seen():
    code = 'class S:\n    class Meta:\n        fields = "__all__"\nclass F:\n    class Meta:\n        exclude = ["x"]'
    assert len(list(open_serializers(planted(code)))) == 2


# --- the model libraries stay in the engine -----------------------------------------------------------


def model_library_imports(found: Source) -> list[str]:
    """Return direct imports of model libraries in `inference` outside its engine."""
    problems = []
    for name, tree in found:
        if name.startswith("inference/engine/"):
            continue
        for node in ast.walk(tree):
            targets = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                targets = [node.module or ""]
            if any(target.split(".")[0] in {"torch", "monai", "safetensors"} for target in targets):
                problems.append(f"{name}:{node.lineno}")
    return problems


def test_only_the_engine_imports_model_libraries():
    assert model_library_imports(modules("inference")) == []


def test_planted_model_library_is_seen():
    code = "def predict():\n    import torch"
    assert model_library_imports(planted(code, "inference/services.py")) == ["inference/services.py:2"]


# --- tests --------------------------------------------------------------------------------------------


def sleepers(found: Source) -> list[str]:
    return [
        f"{name}:{node.lineno}"
        for name, tree in found
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called_name(node) in {"sleep", "wait_for_timeout"}
    ]


def test_no_test_sleeps():
    assert sleepers(modules("tests")) == []
    assert len(sleepers(planted("time.sleep(1)\npage.wait_for_timeout(5)"))) == 2


def test_every_test_file_belongs_to_one_part_of_bin_test():
    code = "import json, testing; print(json.dumps([testing.files_of_parts(), testing.LONG_FILES]))"
    support = ROOT / "bin" / "support"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=support, check=True, capture_output=True, text=True
    )
    import json

    parts, long_files = json.loads(answer.stdout)
    listed = [name for files in parts.values() for name in files]
    on_disk = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(listed) == sorted(on_disk)
    assert set(long_files) <= set(listed)
    assert Path(__file__).relative_to(ROOT).as_posix() in parts["house"]
