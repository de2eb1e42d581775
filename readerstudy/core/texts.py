"""
Collecting what pages say: from Python, templates and scripts into the message catalogues.

Three sources feed one catalogue per language (``locale/<language>/LC_MESSAGES/django.po``): calls of
gettext in Python, ``{% translate %}`` and ``{% blocktranslate %}`` in templates, and ``t("...")`` in the
browser's scripts. What scripts say is also listed in ``static/js/texts.json``, from which every page is
given its translations. A message that is chosen at run time is marked where it is written:
``gettext_noop("...")`` in Python, a comment ``// texts: "one", "two"`` in a script.
"""

import ast
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

PACKAGES = ("readerstudy", "grading", "inference")
LANGUAGES = {"zh_Hans": "zh_Hans"}
SCRIPT_TEXTS = Path("static") / "js" / "texts.json"
PYTHON_WORDS: dict[str, object] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "N_": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
_MARKED = re.compile(r"^\s*//\s*texts:\s*(.+)$", re.MULTILINE)
# Catalogues are compared as files: no date of the day in them.
_NO_DATE = datetime(2024, 1, 1, tzinfo=UTC)

Found = tuple[str | tuple[str, ...], str | None, str]  # message (or singular and plural), context, file


def root() -> Path:
    """Return the folder of the working copy."""
    return Path(settings.BASE_DIR)


def _with_babel(method: str, source: str, name: str, words: dict[str, object]) -> Iterator[Found]:
    stream = io.BytesIO(source.encode())
    options = {"encoding": "utf-8", "parse_template_string": True}
    for _, message, _, context in extract(method, stream, keywords=words, options=options):  # type: ignore[arg-type]
        first = message if isinstance(message, str) else message[0]
        if first:
            yield message, context, name


def python_texts() -> Iterator[Found]:
    """Yield what Python code says through gettext."""
    for package in PACKAGES:
        for path in sorted((root() / package).rglob("*.py")):
            source = path.read_text()
            if "gettext" in source:
                yield from _with_babel("python", source, path.relative_to(root()).as_posix(), PYTHON_WORDS)


def template_texts() -> Iterator[Found]:
    """Yield what templates say."""
    for path in sorted((root() / "templates").rglob("*.html")):
        name = path.relative_to(root()).as_posix()
        # Django's own translation of a template into something that a Python extractor reads.
        yield from _with_babel("python", templatize(path.read_text(), origin=name), name, PYTHON_WORDS)


def script_texts() -> Iterator[Found]:
    """Yield what scripts say."""
    for path in sorted((root() / "static" / "js").rglob("*.js")):
        source, name = path.read_text(), path.relative_to(root()).as_posix()
        yield from _with_babel("javascript", source, name, {"t": None})
        for marked in _MARKED.findall(source):
            for message in ast.literal_eval(f"[{marked}]"):
                yield message, None, name


def script_messages() -> list[str]:
    """Return the messages of all scripts, once each, in a fixed order."""
    return sorted({message for message, _, _ in script_texts() if isinstance(message, str)})


def template_catalogue() -> Catalog:
    """Return a catalogue of every message with no translation."""
    catalogue = Catalog(
        project="ReaderStudy",
        creation_date=_NO_DATE,
        revision_date=_NO_DATE,
        fuzzy=False,
        copyright_holder="ReaderStudy",
    )
    for source in (python_texts, template_texts, script_texts):
        for message, context, _ in source():
            plural = tuple(message[:2]) if not isinstance(message, str) else message
            catalogue.add(plural, context=context)
    return catalogue


def catalogue_path(language: str) -> Path:
    return root() / "locale" / language / "LC_MESSAGES" / "django.po"


def read_catalogue(language: str) -> Catalog:
    """Return a language's catalogue as it stands, or an empty one."""
    path = catalogue_path(language)
    if not path.exists():
        return Catalog(locale=LANGUAGES[language])
    with path.open("rb") as stream:
        return read_po(stream, locale=LANGUAGES[language])


def updated_catalogue(language: str) -> Catalog:
    """Return a language's catalogue with today's messages; what nobody says any more is left out."""
    return merged(read_catalogue(language), template_catalogue(), language)


def merged(standing: Catalog, wanted: Catalog, language: str) -> Catalog:
    """Return the wanted messages with the translations that stand."""
    result = Catalog(
        locale=LANGUAGES[language],
        project="ReaderStudy",
        creation_date=_NO_DATE,
        revision_date=_NO_DATE,
        fuzzy=False,
    )
    for message in wanted:
        if not message.id:
            continue
        known = standing.get(message.id, context=message.context)
        # One that has a plural now, or has none any more, is translated anew.
        is_alike = known is not None and isinstance(known.id, str) == isinstance(message.id, str)
        result.add(
            message.id,
            known.string if known and is_alike and not known.fuzzy else None,
            context=message.context,
        )
    return result


def as_po(catalogue: Catalog) -> bytes:
    """Return a catalogue in gettext's form, sorted, without places and dates that change of themselves."""
    stream = io.BytesIO()
    write_po(stream, catalogue, width=110, no_location=True, sort_output=True, include_lineno=False)
    text = stream.getvalue().decode()
    # Whoever wrote a line stands in the history; the header says what gettext needs.
    kept = ("msgid", "msgstr", '"Language:', '"Plural-Forms:', '"MIME-', '"Content-')
    head, _, body = text.partition("\n\n")
    lines = [line for line in head.splitlines() if line.startswith(kept)]
    return ("\n".join(lines) + "\n\n" + body).encode()


def untranslated(catalogue: Catalog) -> list[Message]:
    """Return the messages of a catalogue that have no translation."""
    missing = []
    for message in catalogue:
        if not message.id:
            continue
        strings = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
        if message.fuzzy or not all(strings):
            missing.append(message)
    return missing


_PLACES = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}|%[sd]")


def places(text: str) -> list[str]:
    """Return the places to be filled in a message, such as ``%(n)s`` and ``{n}``."""
    return sorted(match.group(0) for match in _PLACES.finditer(text))


def collect() -> dict[str, int]:
    """Write ``texts.json`` and every catalogue; return how many messages of each wait for translation."""
    target = root() / SCRIPT_TEXTS
    target.write_text(json.dumps(script_messages(), ensure_ascii=False, indent=1) + "\n")
    waiting = {}
    for language in LANGUAGES:
        catalogue = updated_catalogue(language)
        path = catalogue_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_po(catalogue))
        waiting[language] = len(untranslated(catalogue))
    return waiting
