"""The YAML of a protocol file, with the line of each place in it."""

import math
from typing import Any

import yaml
from django.utils.translation import gettext as _

from readerstudy.studies.protocols.problems import Problem, ProtocolError, shown
from readerstudy.studies.protocols.yaml_faults import fault

MAX_BYTES = 512 * 1024
MOST_NESTED = 40
_STANDARD = "tag:yaml.org,2002:"
# What is plain text, a number, a list or named entries. A date is the text that was written.
_READ = frozenset(f"{_STANDARD}{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))
_AS_WRITTEN = frozenset(f"{_STANDARD}{name}" for name in ("timestamp", "merge", "value"))


class Lines:
    """Where each place of the file stands."""

    def __init__(self) -> None:
        self._lines: dict[tuple[Any, ...], int] = {}

    def note(self, path: tuple[Any, ...], node: yaml.Node) -> None:
        self._lines[path] = node.start_mark.line + 1

    def of(self, path: tuple[Any, ...]) -> int:
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def parse(source: str) -> tuple[Any, Lines]:
    """
    Return the plain values of a file, and where each of them stands.

    Raises
    ------
    ProtocolError
        If it is no YAML, or more than plain values.
    """
    root = _composed(source)
    lines, problems = Lines(), []
    constructor = yaml.SafeLoader("")

    def wrong(node: yaml.Node, path: tuple[Any, ...], message: str) -> None:
        problems.append(Problem(node.start_mark.line + 1, place_words(path), message))

    def build(node: yaml.Node, path: tuple[Any, ...]) -> Any:
        lines.note(path, node)
        if node.tag not in _READ and node.tag not in _AS_WRITTEN:
            wrong(node, path, _("YAML tags (!name) are not allowed; write the value alone"))
            return None
        if isinstance(node, yaml.MappingNode):
            result: dict[str, Any] = {}
            for key_node, value_node in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    wrong(key_node, path, _("a key is plain text, not a list or entries of its own"))
                    continue
                key = str(key_node.value)
                if key in result:
                    wrong(key_node, path, _("%(key)s stands twice") % {"key": shown(key)})
                lines.note((*path, key), key_node)
                result[key] = build(value_node, (*path, key))
            return result
        if isinstance(node, yaml.SequenceNode):
            return [build(child, (*path, index)) for index, child in enumerate(node.value)]
        return value_of(node, path)

    def value_of(node: yaml.ScalarNode, path: tuple[Any, ...]) -> Any:
        if node.tag in _AS_WRITTEN:
            return str(node.value)
        try:
            value = constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError):
            wrong(node, path, _("%(value)s cannot be read") % {"value": shown(node.value)})
            return None
        if isinstance(value, float) and not math.isfinite(value):
            wrong(node, path, _("%(value)s is no number that can be reckoned with") % {"value": node.value})
        return value

    content = build(root, ())
    if problems:
        raise ProtocolError(problems)
    return content, lines


class _NotPlain(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


class _PlainLoader(yaml.SafeLoader):
    """Makes nodes of a file without aliases, up to a depth."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        line = self.peek_event().start_mark.line + 1
        if self.check_event(yaml.AliasEvent):
            raise _NotPlain(line, _("YAML aliases (*name) are not allowed; write the text out"))
        if self.depth > MOST_NESTED:
            raise _NotPlain(line, _("the file is nested too deeply"))
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _composed(source: str) -> yaml.Node:
    """Return the file as nodes. Raises ProtocolError."""

    def refused(line: int, message: str) -> ProtocolError:
        return ProtocolError([Problem(line, "", message)])

    if len(source.encode()) > MAX_BYTES:
        raise refused(1, _("the file is larger than %(n)s kB") % {"n": MAX_BYTES // 1024})
    try:
        root = _PlainLoader(source).get_single_node()
    except _NotPlain as found:
        raise refused(found.line, found.message) from None
    except yaml.YAMLError as error:
        line, message = fault(error, source)
        raise refused(line, message) from None
    if root is None:
        raise refused(1, _("the file is empty"))
    return root


def place_words(path: tuple[Any, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text
