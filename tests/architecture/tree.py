"""The repository as text, and copies of it in which a rule can be broken on purpose."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("readerstudy", "grading", "inference")


def copy_packages(target: Path) -> Path:
    """Copy our packages and the configuration to `target`, where a test may break them."""
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "weights")
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in ("pyproject.toml", "manage.py"):
        shutil.copy(ROOT / name, target / name)
    return target


def modules(*folders: str, root: Path = ROOT) -> Iterator[tuple[str, ast.Module]]:
    """Yield (path relative to the root, syntax tree) of every Python module below the folders."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text(), filename=str(path))


def files_of_the_project(root: Path = ROOT) -> list[Path]:
    """Return every file that is tracked, or would be after `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    names = [name for name in listing.decode().split("\0") if name]
    return [root / name for name in names if (root / name).is_file()]


def called_name(node: ast.Call) -> str:
    """Return the last part of what is called: ``timezone.now()`` gives ``now``."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
