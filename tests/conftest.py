"""
What every part of the suite shares: shared data, a Chromium, a private PostgreSQL, and honest skips.

A test that lacks something skips with a reason that says how to get it; `bin/test` prints those
reasons at its end. Under READERSTUDY_CI=1 a skip is a failure.
"""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.complaints import _every_window_is_listened_to, no_complaints  # noqa: F401 (fixtures of every test)
from tests.servers import PostgreSQL, PostgreSQLAbsent

CI = os.environ.get("READERSTUDY_CI") == "1"
ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long forms of the proofs as well")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "complains(pattern, ...): what the browser will say of a planted fault"
    )
    root = os.environ.get("READERSTUDY_DATA_ROOT", "")
    if Path(root).name.startswith("readerstudy-test-"):
        # Made by tests/settings.py for this run.
        atexit.register(shutil.rmtree, root, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest, django_db_modify_db_settings: None) -> bool:
    """Whether the tests begin with a database that an earlier process has migrated."""
    from tests import migrated_database

    cache = getattr(request.config, "cache", None)
    return cache is not None and migrated_database.bring(cache.mkdir("readerstudy-database"))


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_db_keepdb: bool, django_db_setup: None, django_db_blocker: Any
) -> None:
    """Set the database up as pytest-django does, and keep it for the next process if it was migrated here."""
    from tests import migrated_database

    cache = getattr(request.config, "cache", None)
    if cache is not None and not django_db_keepdb:
        with django_db_blocker.unblock():
            migrated_database.keep(cache.mkdir("readerstudy-database"))


@pytest.fixture(scope="session")
def migrated_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database, for a site with a data root of its own to begin with a copy of."""
    from tests import migrated_database

    cache = getattr(request.config, "cache", None)
    folder = tmp_path_factory.mktemp("migrated") if cache is None else cache.mkdir("readerstudy-database")
    # A copy of its own: another process may put a newer one in the place of the kept one.
    return Path(shutil.copy(migrated_database.kept_or_made(folder), tmp_path_factory.mktemp("database")))


@pytest.fixture(scope="session", autouse=True)
def _flush_past_append_only() -> Iterator[None]:
    """
    Let the emptying of the database between tests pass the triggers that keep decisions.

    On SQLite, Django empties tables by DELETE, row by row; the product never does. The triggers are
    taken off for the emptying alone and put back as they were.
    """
    from django.db.backends.sqlite3.base import DatabaseOperations

    from tests.tampering import without_append_only

    emptied = DatabaseOperations.execute_sql_flush

    def execute_sql_flush(self: Any, sql_list: Any) -> None:
        with without_append_only(self.connection):
            emptied(self, sql_list)

    DatabaseOperations.execute_sql_flush = execute_sql_flush
    yield
    DatabaseOperations.execute_sql_flush = emptied


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long forms out by deselecting them: they are not skipped for want of anything."""
    if config.getoption("--full"):
        return
    full = [item for item in items if item.get_closest_marker("full")]
    if full:
        config.hook.pytest_deselected(items=full)
        items[:] = [item for item in items if item not in set(full)]
    config.stash[_DESELECTED] = len(full)
    if hasattr(config, "workeroutput"):
        config.workeroutput["deselected_full"] = len(full)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object | None) -> None:
    """Every process of a shared run collects the same tests: one's count is the run's."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[_DESELECTED] = output.get("deselected_full", 0)


_DESELECTED = pytest.StashKey[int]()


def _skips(config: pytest.Config) -> list[dict[str, str]]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skips = []
    for report in reporter.stats.get("skipped", []) if reporter else []:
        longrepr: Any = report.longrepr
        reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
        skips.append({"test": report.nodeid, "reason": reason.removeprefix("Skipped: ")})
    return skips


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run in CI that skipped anything, and write the counts for `bin/test`."""
    skips = _skips(session.config)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    stats = reporter.stats if reporter else {}
    failed = len(stats.get("failed", [])) + len(stats.get("error", []))
    if CI and skips and not hasattr(session.config, "workerinput"):
        if session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        failed += len(skips)
    target = os.environ.get("READERSTUDY_TEST_REPORT")
    if target and not hasattr(session.config, "workerinput"):
        passed = len(stats.get("passed", [])) + len(stats.get("xfailed", []))
        Path(target).write_text(
            json.dumps(
                {
                    "passed": passed,
                    "failed": failed,
                    "skipped": skips,
                    "deselected_full": session.config.stash.get(_DESELECTED, 0),
                }
            )
        )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    skips = _skips(config) if CI else []
    if skips:
        terminalreporter.section("Nothing may be skipped here (READERSTUDY_CI=1)", red=True)
        for each in skips:
            terminalreporter.line(f"{each['test']}: {each['reason']}")


# --- what a test may need -----------------------------------------------------------------------------


def shared_root() -> Path:
    """Return where real images and reference results lie beside the repository."""
    return Path(os.environ.get("READERSTUDY_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and reference results."""
    root = shared_root()
    if not (root / "data" / "README.md").exists():
        pytest.skip(
            "the real images are absent: put them at ../shared, or name the folder in READERSTUDY_SHARED"
        )
    return root


@pytest.fixture(scope="session")
def shared_data(shared: Path) -> Path:
    """The folder of real DICOM files."""
    return shared / "data"


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium of the machine."""
    given = os.environ.get("READERSTUDY_CHROMIUM")
    found = given or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if not found:
        pytest.skip("no Chromium: apt-get install chromium, or name one in READERSTUDY_CHROMIUM")
    return found


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Any]:
    """One real Chromium for the run; open a context of your own in it and close it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The address of an empty PostgreSQL that lives for this run."""
    folder = Path(tempfile.mkdtemp(prefix="readerstudy-postgresql-"))
    try:
        server = PostgreSQL.start(folder)
    except PostgreSQLAbsent as absent:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(str(absent))
    try:
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def two_studies(db: None) -> Any:
    """Two complete small studies, alike but for their people; see `tests.complete_studies`."""
    from tests.complete_studies import two_complete_studies

    return two_complete_studies()
