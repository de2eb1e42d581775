"""Static files: Django hashes its own names, Vite has hashed the names of the build already."""

import re
from collections.abc import Iterator
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

BUILD_PREFIX = "build/"
_HASHED = re.compile(r"(^|/)[^/]+[.-][0-9A-Za-z_-]{8,}\.[a-z0-9]+$")


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Manifest storage that leaves the front-end build's names as they are."""

    manifest_strict = False

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        if name.startswith(BUILD_PREFIX):
            return name
        return super().hashed_name(name, content, filename)

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        # Only our own files are rewritten; the build refers to itself by relative, hashed names.
        ours = {name: path for name, path in paths.items() if not name.startswith(BUILD_PREFIX)}
        yield from super().post_process(ours, dry_run=dry_run, **options)


def is_immutable(path: str, url: str) -> bool:
    """Return whether WhiteNoise may let browsers keep the file for good: its name holds its hash."""
    return bool(_HASHED.search(url))
