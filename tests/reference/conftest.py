"""Print the count of reference entries as the last words of a test run."""

import pytest

_LINES: list[str] = []


@pytest.fixture
def record_reference():
    return _LINES.append


def pytest_terminal_summary(terminalreporter):
    for line in _LINES:
        terminalreporter.write_line(line)
