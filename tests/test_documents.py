"""The documents: what they say of settings, commands and files is what is there."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from roomsync.config.settings import Settings, read_settings

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-CN.md")
MODERATION = ("docs/moderation.md", "docs/moderation.zh-CN.md")
DOCUMENTS = (*READMES, "CHANGELOG.md", "docs/architecture.md", "docs/figures.md", *MODERATION)
TOKEN = "WECHATY_PUPPET_SERVICE_TOKEN"
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
# A row that begins with a name in capitals: only the table of settings has such rows.
SETTING_ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \| `([^`]*)` \| \S.* \|$", re.MULTILINE)
COMMAND = re.compile(r"^<!-- command: (\w+) -->\n```sh\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
INLINE_CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w./-]+")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose_of(name: str) -> str:
    """A document without its code blocks."""
    return FENCE.sub("", text_of(name))


def unquoted(default: str) -> str:
    """A default as a table shows it: in double quotes where it is empty or its blanks count."""
    return default[1:-1] if default[:1] == default[-1:] == '"' else default


def commands_of(name: str) -> list[tuple[str, str]]:
    return COMMAND.findall(text_of(name))


def paths_in(name: str) -> list[str]:
    """Relative links, and each word of inline code that has a slash in it or ends as a document or a module does."""
    words = [word for code in INLINE_CODE.findall(prose_of(name)) for word in code.split()]
    files = [word for word in words if PATH.fullmatch(word) and ("/" in word[1:] or word.endswith((".py", ".md")))]
    links = [link.partition("#")[0] for link in LINK.findall(prose_of(name))]
    return [path for path in links + files if path and "://" not in path]


@pytest.mark.parametrize("readme", READMES)
def test_readme_lists_every_setting(readme: str) -> None:
    """A README's table has the settings of the bot, with their defaults, in their order."""
    rows = [(name, unquoted(default)) for name, default in SETTING_ROW.findall(text_of(readme))]
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
    english, chinese = map(commands_of, READMES)
    assert english == chinese
    assert [name for name, _ in english] == ["demo", "tests"]
    assert not [line for _, line in english if "\n" in line or not line]


@pytest.mark.parametrize("pair", [READMES, MODERATION])
def test_both_languages_have_the_same_outline(pair: tuple[str, str]) -> None:
    """A document has the same sections in both languages: headings, tables and code blocks, in the same order."""

    def outline(name: str) -> list[str]:
        return re.findall(r"^(#+(?= )|\|(?=---)|```\w+)", text_of(name), re.MULTILINE)

    assert outline(pair[0]) == outline(pair[1])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str) -> None:
    """Every relative link and every file in inline code is there."""
    bases = (ROOT, (ROOT / document).parent)
    assert [path for path in paths_in(document) if not any((base / path).exists() for base in bases)] == []


def test_architecture_names_every_wing() -> None:
    """The table of wings has every folder of the package, and the ground every module beside them."""
    package = ROOT / "roomsync"
    wings = {f"roomsync/{path.parent.name}/" for path in package.glob("*/__init__.py")}
    ground = {f"roomsync/{path.name}" for path in package.glob("*.py")} - {"roomsync/__init__.py"}
    assert (wings | ground) - set(paths_in("docs/architecture.md")) == set()
