"""What is wrong in a protocol file, by line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file."""

    line: int
    place: str
    message: str

    def __str__(self) -> str:
        return (
            f"line {self.line}, {self.place}: {self.message}"
            if self.place
            else f"line {self.line}: {self.message}"
        )


class ProtocolError(Exception):
    """A protocol file that cannot be used, with every problem found in it."""

    def __init__(self, problems: list[Problem], name: str = "protocol") -> None:
        self.problems = problems
        self.name = name
        super().__init__("\n".join(f"{name}, {problem}" for problem in problems))
