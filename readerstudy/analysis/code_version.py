"""Which code computed a result: the product's version and, in a checkout, the commit."""

import os
import tomllib
from functools import lru_cache
from pathlib import Path

from django.conf import settings


def _commit(root: Path) -> str:
    """Return the checked-out commit by reading git's own files; empty outside a checkout."""
    place = root / ".git"
    try:
        if place.is_file():  # a linked working tree names its folder here
            place = (root / place.read_text().removeprefix("gitdir:").strip()).resolve()
        head = (place / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head
        name = head.removeprefix("ref:").strip()
        common = place / "commondir"
        store = (place / common.read_text().strip()).resolve() if common.exists() else place
        loose = store / name
        if loose.exists():
            return loose.read_text().strip()
        packed = (store / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except OSError:
        return ""


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return for example ``0.1.0+4d25161a0b1c``; ``READERSTUDY_CODE_VERSION`` names a packaged build."""
    given = os.environ.get("READERSTUDY_CODE_VERSION")
    if given:
        return given[:40]
    root = Path(settings.BASE_DIR)
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    commit = _commit(root)[:12]
    return f"{version}+{commit}" if commit else str(version)
