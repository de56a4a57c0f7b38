"""bootstrap.sh where pip and uv are told to put packages elsewhere: a lock file of one package."""

import contextlib
import hashlib
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from chatflow.basics.catalog import ROOT
from helpers.scripts import checksums, run_script

PACKAGE = {
    "tiny_chat.py": "",
    "tiny_chat-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-chat\nVersion: 1.0\n",
    "tiny_chat-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any",
}
UNSET = (
    *("INDEX_URL", "EXTRA_INDEX_URL", "CONFIG_FILE", "CONSTRAINT", "USER", "TARGET", "PREFIX"),
    *("ROOT", "DRY_RUN", "NO_DEPS", "PYTHON", "REQUIRE_VIRTUALENV"),
)
ELSEWHERE = "{elsewhere}"
PIP_VARIABLES = {
    **dict.fromkeys(["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONUSERBASE"], ELSEWHERE),
    **dict.fromkeys(["PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN", "PIP_NO_DEPS"], "1"),
    **dict.fromkeys(["PYTHONHOME", "PYTHONPATH"], "/nonsense"),
    **{"PIP_PYTHON": sys.executable, "PIP_PLATFORM": "win32"},
}
PIP_SETTINGS = {
    **dict.fromkeys(["target", "prefix", "root"], ELSEWHERE),
    **dict.fromkeys(["user", "dry-run", "require-virtualenv"], "true"),
}
UV_VARIABLES = {
    **dict.fromkeys(["UV_SYSTEM_PYTHON", "UV_MANAGED_PYTHON", "UV_NO_MANAGED_PYTHON"], "1"),
    **dict.fromkeys(["UV_TARGET", "UV_PREFIX"], ELSEWHERE),
    **dict.fromkeys(["UV_WORKING_DIR", "UV_PROJECT"], "/"),
    **{"UV_PYTHON": sys.executable, "UV_PYTHON_PREFERENCE": "only-managed"},
}


class Repository:
    """A repository with that lock file, and an environment that has pip, and uv if one asks."""

    def __init__(self, path):
        self.path, self.wheels, self.elsewhere = path, path / "wheels", path / "elsewhere"
        self.stamp = path / ".venv" / "made-from"
        shutil.copytree(ROOT / "scripts", path / "scripts")
        for folder in ("notebooks", "wheels"):
            (path / folder).mkdir()
        (path / "notebooks" / "one.ipynb").write_text("{}")
        self.write_lock_file()
        venv = [sys.executable, "-m", "venv", "--without-pip", path / ".venv"]
        subprocess.run(venv, check=True)
        # Its trust needs more packages than there are here.
        (path / ".venv" / "trusted").write_text(checksums(path, "notebooks/one.ipynb"))
        [self.packages] = (path / ".venv").glob("lib/python*/site-packages")
        # What venv would do, in a tenth of the time.
        for folder in Path(sysconfig.get_path("purelib")).glob("pip*"):
            shutil.copytree(folder, self.packages / folder.name)

    def write_lock_file(self):
        wheel = self.wheels / "tiny_chat-1.0-py3-none-any.whl"
        record = "tiny_chat-1.0.dist-info/RECORD"
        with zipfile.ZipFile(wheel, "w") as file:
            for name, text in (PACKAGE | {record: ",,\n".join([*PACKAGE, record, ""])}).items():
                file.writestr(name, text)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines = ["tiny-chat==1.0 \\", f"    --hash=sha256:{digest}"]
        lines += ["windows-only==1.0 ; sys_platform == 'win32' \\", f"    --hash=sha256:{'0' * 64}"]
        (self.path / "requirements.lock").write_text("\n".join(lines) + "\n")

    def forget(self):
        """As it was before anything was installed."""
        for name in ("made-from", "bin/uv"):
            (self.path / ".venv" / name).unlink(missing_ok=True)
        for path in self.packages.glob("tiny_chat*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(self.elsewhere, ignore_errors=True)

    def bootstrap(self, *options, **variables):
        """Run bootstrap.sh with these variables, and wheels of ours in place of an index."""
        here = {f"{tool}_{name}": None for name in UNSET for tool in ("PIP", "UV")}
        here |= dict.fromkeys(["PIP_FIND_LINKS", "UV_FIND_LINKS"], str(self.wheels))
        here |= dict.fromkeys(["PIP_NO_INDEX", "UV_OFFLINE"], "1")
        told = {name: self.filled_in(value) for name, value in variables.items()}
        return run_script(self.path, "bootstrap.sh", *options, **{**here, **told})

    def filled_in(self, value):
        return value and value.replace(ELSEWHERE, str(self.elsewhere))

    def write_settings(self, text):
        path = self.path / "settings"
        path.write_text(self.filled_in(text))
        return str(path)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    return Repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def repository(made_once):
    made_once.forget()
    return made_once


@pytest.fixture
def with_uv(repository):
    (repository.path / ".venv" / "bin" / "uv").symlink_to(ROOT / ".venv" / "bin" / "uv")
    return repository


def assert_installed(repository, done, told):
    assert done.returncode == 0, f"with {told} it should install: {done.stderr}"
    assert (repository.packages / "tiny_chat.py").is_file(), f"{told} should not send it elsewhere"
    assert repository.stamp.is_file(), "a second run should find it made"


# All at once: one by one they take half a minute.


def test_no_variable_sends_packages_elsewhere(repository):
    assert_installed(repository, repository.bootstrap(**PIP_VARIABLES), list(PIP_VARIABLES))


def test_no_setting_of_a_pip_conf_sends_packages_elsewhere(repository):
    # Where to find packages stands in it too, and that is still heeded.
    text = f"[global]\nno-index = true\nfind-links = {repository.wheels}\n[install]\n"
    text += "".join(f"{name} = {value}\n" for name, value in PIP_SETTINGS.items())
    settings = repository.write_settings(text)
    unset = {"PIP_NO_INDEX": None, "PIP_FIND_LINKS": None}
    done = repository.bootstrap(PIP_CONFIG_FILE=settings, **unset)
    assert_installed(repository, done, f"{list(PIP_SETTINGS)} in a pip.conf")


def test_no_variable_of_uv_sends_packages_elsewhere(with_uv):
    done = with_uv.bootstrap(**UV_VARIABLES)
    assert_installed(with_uv, done, list(UV_VARIABLES))
    assert "pip does it" not in done.stderr, f"uv should do it: {done.stderr}"


def test_where_uv_is_told_by_a_file_to_install_elsewhere_pip_does_it(with_uv):
    settings = with_uv.write_settings(f'[pip]\ntarget = "{ELSEWHERE}"\n')
    done = with_uv.bootstrap(UV_CONFIG_FILE=settings)
    assert_installed(with_uv, done, "target in a uv.toml")
    assert "pip does it" in done.stderr


def test_what_is_not_there_in_the_end_is_named_and_not_stamped_as_made(repository):
    program = repository.packages / "pip" / "__main__.py"
    with contextlib.ExitStack() as stack:
        stack.callback(program.write_text, program.read_text())
        program.write_text("# It ends well, and has done nothing.\n")
        done = repository.bootstrap()
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last.startswith("tiny-chat is not in .venv"), last
    assert "pip config list" in last, "it should say where to look"
    assert not repository.stamp.exists()


def test_package_that_cannot_be_had_is_told_from_one_that_goes_elsewhere(repository):
    done = repository.bootstrap(PIP_FIND_LINKS="/nowhere")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("The packages could not be installed")
    assert not repository.stamp.exists()


def test_newest_has_a_lock_file_and_an_environment_of_its_own(repository):
    names = {"requirements.lock": "requirements-newest.lock", ".venv": ".venv-newest"}
    with contextlib.ExitStack() as stack:
        for usual, newest in names.items():
            path = (repository.path / usual).rename(repository.path / newest)
            stack.callback(path.rename, repository.path / usual)
        done = repository.bootstrap("--newest")
        [_] = repository.path.glob(".venv-newest/lib/python*/site-packages/tiny_chat.py")
        assert done.returncode == 0, done.stderr
        assert "the packages of requirements-newest.lock" in done.stderr
        assert "requirements-newest.lock" in (path / "made-from").read_text()
        assert not (repository.path / ".venv").exists()
