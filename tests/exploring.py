"""Property tests draw the same examples every time, so that the test command answers the same; `--explore` draws new ones.

What exploring finds is printed as a line to paste: it becomes an `@example` of its test, and is tried every time from then on.
"""

from hypothesis import settings

TIMES = 20
"""How many times as many examples are drawn while exploring."""

settings.register_profile("same", derandomize=True, deadline=None, print_blob=True, max_examples=100)
# said outright: where CI is set, Hypothesis's own profile, which others start from, draws the same each time
settings.register_profile("explore", derandomize=False, deadline=None, print_blob=True, max_examples=100 * TIMES)
settings.load_profile("same")


def examples(count):
    """Settings of a test that draws so many examples, and while exploring TIMES as many; both without a deadline."""
    return settings(max_examples=count * settings.default.max_examples // 100)


def pytest_addoption(parser):
    parser.addoption("--explore", action="store_true", help=f"property tests draw new examples, {TIMES} times as many")


def pytest_configure(config):
    # before the tests are imported: what is decorated there takes over from the profile of that moment
    settings.load_profile("explore" if config.getoption("--explore") else "same")
