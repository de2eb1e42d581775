"""What the files of the project must not hold: paths of one machine, registry hosts, inline script."""

import re
from collections.abc import Iterable
from pathlib import Path

from tests.architecture.tree import ROOT, files_of_the_project

# Put together here, so that this file does not hold what it looks for.
MACHINE_PATHS = [f"/{name}/" for name in ("work", "root", "home", "Users")]
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("registry", "npmjs", "org"),
        ("registry", "npmmirror", "com"),
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("pypi", "tuna"),
        ("download", "pytorch", "org"),
    )
]
_MACHINE = re.compile(r"(?<![\w.\-/}>])(?:" + "|".join(map(re.escape, MACHINE_PATHS)) + r")")


def problems_in(name: str, text: str) -> list[str]:
    found = [f"{name}: path of one machine {match.group()}" for match in _MACHINE.finditer(text)]
    found += [f"{name}: registry host {host}" for host in REGISTRY_HOSTS if host in text]
    return found


def problems(paths: Iterable[Path], root: Path = ROOT) -> list[str]:
    found = []
    for path in paths:
        raw = path.read_bytes()
        if b"\0" not in raw[:8192]:
            found += problems_in(path.relative_to(root).as_posix(), raw.decode(errors="replace"))
    return found


def test_no_path_of_one_machine_and_no_registry_host():
    paths = files_of_the_project()
    assert len(paths) > 100
    assert problems(paths) == []


def test_planted_path_and_host_are_seen(tmp_path):
    planted = tmp_path / "planted.toml"
    planted.write_text(f'cache = "{MACHINE_PATHS[0]}x"\nindex = "https://{REGISTRY_HOSTS[0]}/"\n')
    assert problems([planted], tmp_path) == [
        f"planted.toml: path of one machine {MACHINE_PATHS[0]}",
        f"planted.toml: registry host {REGISTRY_HOSTS[0]}",
    ]


def test_lock_file_names_no_address():
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


_INLINE = (
    (re.compile(r"\sstyle\s*=", re.IGNORECASE), "inline style"),
    (re.compile(r"<style\b", re.IGNORECASE), "style element"),
    (re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE), "inline event handler"),
    (re.compile(r"javascript:", re.IGNORECASE), "javascript: address"),
    (
        re.compile(r"<script\b(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", re.IGNORECASE),
        "inline script",
    ),
)


# A report is saved and opened far from the server: it carries its style, and no script.
SAVED_FILES = {"report_file.html"}


def test_saved_file_carries_no_script():
    for name in SAVED_FILES:
        (path,) = (ROOT / "templates").rglob(name)
        assert set(inline_in(path.read_text())) <= {"style element"}


def inline_in(text: str) -> list[str]:
    return [what for pattern, what in _INLINE if pattern.search(text)]


def test_templates_hold_no_inline_script_or_style():
    templates = [
        path for path in sorted((ROOT / "templates").rglob("*.html")) if path.name not in SAVED_FILES
    ]
    assert len(templates) > 5
    assert {path.name: inline_in(path.read_text()) for path in templates if inline_in(path.read_text())} == {}


def test_planted_inline_script_and_style_are_seen():
    assert inline_in('<p style="color: red">') == ["inline style"]
    assert inline_in("<script>go()</script>") == ["inline script"]
    assert inline_in("<button onclick='go()'>") == ["inline event handler"]
    assert inline_in('<script type="application/json" id="x">{}</script><script src="a.js"></script>') == []
