"""What every test shares: the browser fixtures, and the order of the tests."""

import pytest

pytest.register_assert_rewrite("tests.browser.note", "tests.browser.pictures")
pytest_plugins = ["pytester", "tests.browser.fixtures", "tests.exploring"]

IN_A_BROWSER = {"chromium", "lab_server", "note", "notebook_server", "voila_server"}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items):
    for item in items:
        if IN_A_BROWSER & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
    # Quick ones first. The browser's last: Playwright leaves an event loop running in this thread, which others would
    # trip over.
    items.sort(
        key=lambda item: [item.get_closest_marker(name) is not None for name in ("browser", "notebook", "keras")]
    )
