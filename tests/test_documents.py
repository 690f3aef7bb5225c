"""The documents: what they say of settings, files, links and lines of the log is what is there, in both languages."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from dotenv import dotenv_values

from roomsync.config.settings import Settings, read_settings
from tests.documents import (
    DOCUMENTS,
    INLINE_CODE,
    PAIRS,
    READMES,
    ROOT,
    anchors_of,
    blocks_of,
    is_written,
    links_of,
    prose_of,
    seen_in,
    sentences,
    text_of,
)

TOKEN = "WECHATY_PUPPET_SERVICE_TOKEN"
MAX_WORDS = 900  # of README.md, as `wc -w` counts them, code and all
MAX_HAN = 1500  # Chinese characters of README.zh-CN.md without its code blocks: about as much to read as 900 words
RISK = {"README.md": "can get it blocked", "README.zh-CN.md": "可能被封号"}
# Where links may lead. A new one is put here by somebody who has opened it: the tests have no network.
HOSTS = {
    "brew.sh",
    "github.com",
    "healthchecks.io",
    "keepachangelog.com",
    "nodejs.org",
    "token.rpachat.com",
}
# A row that begins with a name in capitals: only the table of settings has such rows.
SETTING_ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \| `([^`]*)` \| \S.* \|$", re.MULTILINE)
COMMAND = re.compile(r"^<!-- command: (\w+) -->\n```sh\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"[\w./-]+")
HAN = re.compile(r"[\u3400-\u9fff]")
ELEMENT = re.compile(r"^ *(#+(?= )|\||!\[|\d+\.(?= )|-(?= )|```\w+|<!-- [^>]+ -->)", re.MULTILINE)


def unquoted(default: str) -> str:
    """A default as a table shows it: in double quotes where it is empty or its blanks count."""
    return default[1:-1] if default[:1] == default[-1:] == '"' else default


def paths_in(name: str) -> list[str]:
    """Relative links, and each word of inline code that is a path here, or ends as a document or a module does."""
    words = [word for code in INLINE_CODE.findall(prose_of(name)) for word in code.split()]
    files = [
        word
        for word in words
        if PATH.fullmatch(word) and word[0] != "/" and ("/" in word or word.endswith((".py", ".md")))
    ]
    links = [link.partition("#")[0] for link in links_of(name)]
    return [path for path in links + files if path and "://" not in path]


@pytest.mark.parametrize("document", ["docs/settings.md", "docs/settings.zh-CN.md"])
def test_table_lists_every_setting(document: str) -> None:
    """The table of settings has those of the bot, with their defaults, in their order."""
    rows = [(name, unquoted(default)) for name, default in SETTING_ROW.findall(text_of(document))]
    assert rows == list(Settings.names().items())


def test_env_example_lists_every_setting() -> None:
    """`.env.example` has the settings of the bot, with their defaults, in their order."""
    values = dotenv_values(ROOT / ".env.example", encoding="utf-8", interpolate=False)
    assert list(values.items()) == list(Settings.names().items())


def test_env_example_needs_only_a_token(tmp_path: Path) -> None:
    """A copy of `.env.example` with a token filled in gives the bot its default settings."""
    example = text_of(".env.example")
    assert example.count(f"\n{TOKEN}=\n") == 1
    (tmp_path / ".env").write_text(example.replace(f"{TOKEN}=", f"{TOKEN}=insecure_a"), encoding="utf-8")
    found = read_settings(tmp_path, {})
    (tmp_path / ".env").unlink()
    assert found == read_settings(tmp_path, {TOKEN: "insecure_a"})


@pytest.mark.parametrize("document", [".env.example", *DOCUMENTS])
def test_documents_hold_no_token(document: str) -> None:
    """No document holds something that looks like a real token: an id behind `_`, or a long hexadecimal word."""
    assert not re.search(rf"{TOKEN}=(?!insecure_<uuid>)[^\s`]", text_of(document))
    assert not re.search(r"_[0-9a-f]{8}-|\b[0-9a-fA-F]{20,}\b", text_of(document))


def test_readmes_have_the_same_commands() -> None:
    """Both READMEs have the demo and the tests as the same commands, each one line, as the checks read them."""
    english, chinese = (COMMAND.findall(text_of(name)) for name in READMES)
    assert english == chinese
    assert [name for name, _ in english] == ["demo", "tests"]
    assert not [line for _, line in english if "\n" in line or not line]


def test_readmes_are_short() -> None:
    """A README is read to its end: it has at most so many words, or so many Chinese characters."""
    assert len(text_of("README.md").split()) <= MAX_WORDS
    assert len(HAN.findall(prose_of("README.zh-CN.md"))) <= MAX_HAN


@pytest.mark.parametrize("readme", READMES)
def test_risk_stands_first(readme: str) -> None:
    """Nobody reads past line 10 of a README without the risk for the account."""
    assert RISK[readme] in "\n".join(text_of(readme).splitlines()[:10])


def test_every_document_is_in_both_languages() -> None:
    """Each document has its Chinese one beside it, and both name the other at their top."""
    assert {name for pair in PAIRS for name in pair} == set(DOCUMENTS) - {"CHANGELOG.md"}
    for english, chinese in PAIRS:
        assert f"[中文]({Path(chinese).name})" in text_of(english).splitlines()[:4]
        assert f"[English]({Path(english).name})" in text_of(chinese).splitlines()[:4]


@pytest.mark.parametrize("pair", PAIRS, ids=[english for english, _ in PAIRS])
def test_both_languages_have_the_same_outline(pair: tuple[str, str]) -> None:
    """Both have the same headings, lists, rows of tables, code blocks and marks of commands, in the same order."""
    english, chinese = (ELEMENT.findall(text_of(name)) for name in pair)
    assert english == chinese


@pytest.mark.parametrize("pair", PAIRS, ids=[english for english, _ in PAIRS])
def test_both_languages_lead_to_the_same_places(pair: tuple[str, str]) -> None:
    """Both link to the same addresses, and to the same documents, each in its own language where there is one."""
    english, chinese = (sorted(link.partition("#")[0] for link in links_of(name)) for name in pair)
    assert sorted(link.replace(".zh-CN", "") for link in chinese) == sorted(
        link.replace(".zh-CN", "") for link in english
    )
    own = [link for link in chinese if link.endswith(".md") and "CHANGELOG" not in link]
    assert [link for link in own if ".zh-CN" not in link] == [Path(pair[0]).name]  # the way to the other language


def test_figures_are_the_same_in_both_languages() -> None:
    """The tables of figures are as they were printed, in both documents."""
    english, chinese = (
        [line for line in text_of(f"docs/figures{language}.md").splitlines() if line.startswith(("|", "**"))]
        for language in ("", ".zh-CN")
    )
    assert english == chinese


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str) -> None:
    """Every relative link and every file in inline code is there."""
    bases = (ROOT, (ROOT / document).parent)
    assert [path for path in paths_in(document) if not any((base / path).exists() for base in bases)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_headings_that_exist(document: str) -> None:
    """Where a link names a part of a document, that has such a heading."""
    for link in links_of(document):
        path, _, anchor = link.partition("#")
        if anchor and "://" not in link:
            target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
            assert anchor in anchors_of(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_to_elsewhere_are_well_formed(document: str) -> None:
    """A link to another site is https, to a host that is listed above, without blanks, port, user or query."""
    for link in links_of(document):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            assert (parts.scheme, parts.netloc, parts.query) == ("https", parts.hostname, "") and parts.netloc in HOSTS


def test_every_listed_host_is_used() -> None:
    """No host is listed to which nothing leads any more."""
    assert {urlsplit(link).hostname for name in DOCUMENTS for link in links_of(name)} - {None} == HOSTS


def test_architecture_names_every_wing() -> None:
    """The table of wings has every folder of the package, and the ground every module beside them."""
    package = ROOT / "roomsync"
    wings = {f"roomsync/{path.parent.name}/" for path in package.glob("*/__init__.py")}
    ground = {f"roomsync/{path.name}" for path in package.glob("*.py")} - {"roomsync/__init__.py"}
    for document in ("docs/architecture.md", "docs/architecture.zh-CN.md"):
        assert (wings | ground) - set(paths_in(document)) == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_is_run_or_says_why_not(document: str) -> None:
    """Each block of commands has a mark above it: who runs it, or why nobody does."""
    for block in blocks_of(document):
        assert block.kind in ("command", "run", "not run") and block.said, block.lines


@pytest.mark.parametrize("document", DOCUMENTS)
def test_lines_that_are_seen_are_written(document: str) -> None:
    """What a document says is seen in the log or the terminal is a part of a sentence of the bot, in its language."""
    known = sentences("zh" if ".zh-CN" in document else "en")
    assert [line for line in seen_in(document) if not is_written(line, known)] == []
