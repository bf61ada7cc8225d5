"""What reads the JavaScript comes from npm by a lock file, and its absence is not passed over."""

import json
import subprocess
from pathlib import Path

import pytest

from tests import run

HERE = Path(__file__).parent


def test_the_lock_file_names_the_public_registry_and_what_it_must_hold():
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    own = packages.pop("")
    assert own["devDependencies"] == json.loads((HERE / "package.json").read_text())["devDependencies"]
    assert len(packages) > 10
    for name, package in packages.items():
        assert package["resolved"].startswith("https://registry.npmjs.org/"), name
        assert package["integrity"].startswith("sha512-"), name
        assert not package.get("hasInstallScript"), f"{name} would need a script that is not run"


def test_npm_leaves_nothing_that_git_would_take():
    ignored = subprocess.run(["git", "check-ignore", "-q", HERE / "node_modules" / "x"], cwd=HERE, check=False)
    assert ignored.returncode == 0
    assert not (run.ROOT / "package.json").exists()


@pytest.fixture
def unreachable(monkeypatch, tmp_path):
    """Make npm fail as it does without a network."""
    monkeypatch.setattr(run, "NODE_STAMP", tmp_path / "stamp")
    monkeypatch.setattr(run, "PYTHON", "false")


def test_without_npm_it_is_said_that_nothing_reads_the_javascript(unreachable, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    assert "nothing reads the JavaScript" in run.bring_javascript()
    assert not any(name.startswith("JavaScript") for name, _ in run.checks([]))


def test_without_npm_continuous_integration_fails(unreachable, monkeypatch):
    monkeypatch.setenv("CI", "1")
    with pytest.raises(SystemExit, match="npm"):
        run.bring_javascript()


def test_a_changed_lock_is_installed_anew(monkeypatch, tmp_path):
    stamp = tmp_path / "stamp"
    monkeypatch.setattr(run, "NODE_STAMP", stamp)
    assert not run.javascript_is_ready()
    stamp.write_text("0" * 64)
    assert not run.javascript_is_ready()
    stamp.write_text(run.lock_hash())
    assert run.javascript_is_ready()
    assert [name for name, _ in run.checks([]) if name.startswith("JavaScript")] == [
        "JavaScript: ESLint",
        "JavaScript: types",
    ]
