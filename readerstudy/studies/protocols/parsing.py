"""From the text of a protocol file to plain values, with the line of each."""

from typing import Any

import yaml

from readerstudy.studies.protocols.problems import Problem, ProtocolError

MAX_BYTES = 512 * 1024


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


def parse(source: str, name: str) -> tuple[Any, Lines]:
    if len(source.encode()) > MAX_BYTES:
        raise ProtocolError([Problem(1, "", f"the file is larger than {MAX_BYTES // 1024} kB")], name)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(source, Loader=yaml.SafeLoader)):
            raise ProtocolError(
                [Problem(1, "", "YAML aliases (*name) are not allowed; write the text out")], name
            )
        root = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ProtocolError(
            [
                Problem(
                    (mark.line + 1) if mark else 1, "", f"this is not YAML: {error.problem or error.context}"
                )
            ],
            name,
        ) from None
    except yaml.YAMLError as error:
        raise ProtocolError([Problem(1, "", f"this is not YAML: {error}")], name) from None
    if root is None:
        raise ProtocolError([Problem(1, "", "the file is empty")], name)
    lines, problems = Lines(), []
    constructor = yaml.SafeLoader("")

    def build(node: yaml.Node, path: tuple[Any, ...]) -> Any:
        lines.note(path, node)
        if isinstance(node, yaml.MappingNode):
            result: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(key_node.value)
                if key in result:
                    problems.append(
                        Problem(key_node.start_mark.line + 1, place_words(path), f"{key!r} stands twice")
                    )
                lines.note((*path, key), key_node)
                result[key] = build(value_node, (*path, key))
            return result
        if isinstance(node, yaml.SequenceNode):
            return [build(child, (*path, index)) for index, child in enumerate(node.value)]
        value = constructor.construct_object(node)
        # A date written without quotes is still the text that was written.
        return value if value is None or isinstance(value, (str, int, float, bool)) else str(node.value)

    content = build(root, ())
    if problems:
        raise ProtocolError(problems, name)
    return content, lines


def place_words(path: tuple[Any, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text
