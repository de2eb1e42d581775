"""What the YAML parser found, in our own words: its own are for programmers, and in English alone."""

import re

import yaml
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as N_

#: What cannot be read at all, whatever the parser says of it.
UNKNOWN = N_("this is not YAML; look at this line and at the one above it")

# (what the parser was at and what it met, what that means). The first that fits counts; a group ``found`` is shown.
_FAULTS = (
    (
        r"while (scanning|parsing) an? (directive|tag|anchor|alias).*|.*(tag handle|directive|anchor|alias) .*"
        r"|.*found duplicate YAML directive|found incompatible YAML document.*",
        N_("this is not YAML: a text that begins with !, & or * stands in quotes"),
    ),
    (
        r".*found character '\\t' that cannot start any token",
        N_("this is not YAML: a tab stands where only spaces indent"),
    ),
    (
        r".*found character (?P<found>.+) that cannot start any token",
        N_("this is not YAML: a text that begins with %(found)s stands in quotes"),
    ),
    (
        r".*mapping values are not allowed here",
        N_("this is not YAML: a colon too many, or a line that is indented otherwise than its neighbours"),
    ),
    (
        r".*(could not find expected ':'|mapping keys are not allowed here)",
        N_("this is not YAML: a key needs a colon after it, on its own line"),
    ),
    (
        r".*sequence entries are not allowed here",
        N_("this is not YAML: an entry of a list (-) begins a line of its own"),
    ),
    (
        r"while scanning a quoted scalar.*",
        N_("this is not YAML: a quotation mark is opened and not closed"),
    ),
    (
        r"while scanning a double-quoted scalar.*",
        N_("this is not YAML: a backslash in double quotes; write the text in single quotes"),
    ),
    (
        r"while scanning a block scalar.*",
        N_("this is not YAML: after | or > the text begins on the next line"),
    ),
    (
        r"while parsing a flow sequence.*",
        N_("this is not YAML: a list in [ ] lacks a comma or its closing bracket"),
    ),
    (
        r"while parsing a flow mapping.*",
        N_("this is not YAML: entries in { } lack a comma or their closing brace"),
    ),
    (
        r"while parsing a block (collection|mapping).*",
        N_("this is not YAML: the line is indented otherwise than those that it belongs to"),
    ),
    (r"while parsing a (block|flow) node.*", N_("this is not YAML: a value is missing here")),
    (
        r".*(but found another document|expected '<document start>').*",
        N_("this is not YAML: the file ends above this line; a protocol is one document"),
    ),
)
_COMPILED = tuple((re.compile(pattern, re.DOTALL), sentence) for pattern, sentence in _FAULTS)


def sentence_of(error: yaml.MarkedYAMLError) -> tuple[str, dict[str, str]]:
    """Return (sentence, its values) of what the parser found."""
    said = " ".join(part for part in (error.context, error.problem) if part)
    for pattern, sentence in _COMPILED:
        if found := pattern.fullmatch(said):
            return sentence, {name: value for name, value in found.groupdict().items() if value}
    return UNKNOWN, {}


def fault(error: yaml.YAMLError, source: str) -> tuple[int, str]:
    """Return (line, what is wrong) of what the parser found in the source."""
    if isinstance(error, yaml.reader.ReaderError):
        sign = error.character if isinstance(error.character, int) else ord(error.character)
        line = source[: error.position].count("\n") + 1
        return line, gettext("a sign that is no text stands in the file (U+%(code)s)") % {
            "code": f"{sign:04X}"
        }
    if not isinstance(error, yaml.MarkedYAMLError):
        return 1, gettext(UNKNOWN)
    mark = error.problem_mark or error.context_mark
    sentence, values = sentence_of(error)
    said = gettext(sentence)
    return (mark.line + 1) if mark else 1, said % values if values else said
