"""Tags that put the front-end build into a page."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.urls import get_script_prefix
from django.utils.html import format_html, format_html_join, json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext

register = template.Library()


class FrontEndNotBuilt(Exception):
    """The build folder has no manifest, or not this entry."""


@lru_cache(maxsize=4)
def _manifest(path: Path, changed_at: float) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def build_manifest() -> dict[str, Any]:
    """Return Vite's manifest of the current build."""
    path = Path(settings.BASE_DIR) / "static" / "build" / "manifest.json"
    try:
        return _manifest(path, path.stat().st_mtime)
    except FileNotFoundError:
        raise FrontEndNotBuilt(
            "The front end is not built. Run `npm ci && npm run build`, or bin/demo."
        ) from None


@register.simple_tag
def images_root(presentation: str) -> str:
    """Return where the images of a presentation are served, below the address that the page was asked at."""
    return f"{get_script_prefix()}dicomweb/{presentation}"


@register.simple_tag
def front_end(entry: str) -> SafeString:
    """
    Link the script of an entry such as ``static/js/reading.js``, its style sheets and its preloads.

    What the entry itself loads apart is fetched ahead as well: it is wanted at once, only not waited for.
    """
    manifest = build_manifest()
    if entry not in manifest:
        raise FrontEndNotBuilt(f"{entry} is not in the build; run `npm run build`.")
    chunk = manifest[entry]
    styles = format_html_join(
        "\n",
        '<link rel="stylesheet" href="{}">',
        ((static(f"build/{name}"),) for name in chunk.get("css", [])),
    )
    apart = chunk.get("dynamicImports", [])
    wanted = [*chunk.get("imports", []), *apart]
    for name in apart:
        wanted += manifest.get(name, {}).get("imports", [])
    preloads = format_html_join(
        "\n",
        '<link rel="modulepreload" href="{}">',
        ((static(f"build/{manifest[name]['file']}"),) for name in dict.fromkeys(wanted) if name in manifest),
    )
    return format_html(
        '{}\n{}\n<script type="module" src="{}"></script>', styles, preloads, static(f"build/{chunk['file']}")
    )


@lru_cache(maxsize=4)
def _messages(path: Path, changed_at: float) -> tuple[str, ...]:
    return tuple(json.loads(path.read_text()))


@register.simple_tag
def ui_texts() -> SafeString:
    """Put the words of the browser's side into the page, in its language."""
    path = Path(settings.BASE_DIR) / "static" / "js" / "texts.json"
    messages = _messages(path, path.stat().st_mtime) if path.exists() else ()
    translated = {message: gettext(message) for message in messages}
    return json_script({key: text for key, text in translated.items() if text != key}, "ui-texts")
