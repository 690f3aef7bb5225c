"""Settings: what is read from `.env` and the environment, and what is refused, in one message."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from roomsync.config.settings import Settings, read_settings
from roomsync.errors import SettingsError
from roomsync.model import FilterMode, Hours, Kind

SERVICE = "WECHATY_PUPPET_SERVICE_"
TOKEN = SERVICE + "TOKEN"
CA = SERVICE + "TLS_CA_CERT"
VALUES = sorted({*Settings.names()} - {CA, "STATE_FILE", "LOG_FILE"})  # these are paths
SECRET = "insecure_3f1c-secret"


def parse(**values: str) -> Settings:
    return Settings.parse({TOKEN: SECRET, **values})


def problems(values: Mapping[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.parse(values)
    return caught.value.problems


def read(folder: Path, env: str | bytes, **environ: str) -> Settings:
    """The settings of a bot in `folder` that has a token and `env` as its file."""
    (folder / ".env").write_bytes(env.encode() if isinstance(env, str) else env)
    return read_settings(folder, {TOKEN: SECRET, **environ})


def refusal(folder: Path, env: str | bytes, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(folder, env, **environ)
    return str(caught.value)


def test_token_is_all_that_has_to_be_set() -> None:
    """With nothing but a token there is the article's community and header, TLS, and a gateway that is looked up."""
    found = parse()
    assert (found.room_prefixes, found.header) == (("Milvus用户交流群",), "[{name}@{room}]:  ")
    assert (found.endpoint, found.authority, found.no_tls, found.tls_ca_cert) == ("", "api.chatie.io", False, "")


def test_defaults_are_the_listed_ones() -> None:
    """A variable that is absent is as if its default in `names` were written out."""
    assert parse(**{name: text for name, text in Settings.names().items() if name != TOKEN}) == parse()


def test_settings_do_not_change() -> None:
    """Settings are frozen: what was checked at the start holds until the end."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse().log_level = "debug"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        (TOKEN, "  insecure_x\t", "token", "insecure_x"),
        (SERVICE + "ENDPOINT", "127.0.0.1:8788", "endpoint", "127.0.0.1:8788"),
        (SERVICE + "ENDPOINT", "[::1]:65535", "endpoint", "[::1]:65535"),
        (SERVICE + "ENDPOINT", " ", "endpoint", ""),
        (SERVICE + "AUTHORITY", "discovery.example:8080", "authority", "discovery.example:8080"),
        (SERVICE + "NO_TLS_INSECURE_CLIENT", "True", "no_tls", True),
        (SERVICE + "TLS_SERVER_NAME", "room-sync", "tls_server_name", "room-sync"),
        ("ROOM_PREFIX", "Milvus, Knowhere ，志愿者", "room_prefixes", ("Milvus", "Knowhere", "志愿者")),
        ("ROOM_PREFIX", "数据、AI；交流群", "room_prefixes", ("数据、AI；交流群",)),
        ("HEADER", " {room} - {name}> ", "header", " {room} - {name}> "),
        *(("SEND_INTERVAL", text, "send_interval", float(text)) for text in ("0", "1.5", "3600")),
        *(("SEND_BURST", text, "send_burst", int(text)) for text in ("1", "20")),
        *(("QUIET_HOURS", text, "quiet_hours", None) for text in ("", " ")),
        *(
            ("QUIET_HOURS", text, "quiet_hours", Hours(23 * 60, 8 * 60 + 30))
            for text in ("23:00-08:30", " 23:00 – 8:30 ", "２３：００－０８：３０", "23:00—08:30", "23:00～08:30")
        ),
        ("QUIET_HOURS", "00:00-23:59", "quiet_hours", Hours(0, 1439)),
        *(("MAX_ATTEMPTS", text, "max_attempts", int(text)) for text in ("1", "100")),
        *(("RELAY_TTL_HOURS", text, "relay_ttl_hours", float(text)) for text in ("0.1", "720")),
        *(("RETENTION_DAYS", text, "retention_days", float(text)) for text in ("1", "365")),
        ("MODERATION", "OFF", "moderation", FilterMode.OFF),
        ("HOLD_KINDS", "", "hold_kinds", frozenset()),
        ("HOLD_KINDS", " Contact, url ", "hold_kinds", frozenset({Kind.CONTACT, Kind.URL})),
        ("HOLD_LINKS", "true", "hold_links", True),
        *(("MILVUS_URI", text, "milvus_uri", text) for text in ("ads.db", "data/ads.DB", "/var/lib/广告.db", "")),
        *(
            ("MILVUS_URI", text, "milvus_uri", text)
            for text in (
                "http://localhost:19530",
                "https://in03-1.cloud.zilliz.com",
                "http://[::1]:19530/",
                "http://m:1",
            )
        ),
        *(("MILVUS_TOKEN", text, "milvus_token", text) for text in ("", "root:Milvus", "k-1_=/+")),
        ("STATE_FILE", "/var/lib/bot.db", "state_file", Path("/var/lib/bot.db")),
        ("LOG_LEVEL", "DEBUG", "log_level", "debug"),
    ],
)
def test_good_value_is_taken(name: str, text: str, field: str, value: object) -> None:
    """A value that is allowed arrives in its field, blanks around it gone, but for the header's."""
    assert getattr(parse(**{name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        *((SERVICE + "ENDPOINT", bad, "host:port") for bad in ("127.0.0.1", "http://a:1", "a:0", "a:65536", "a：8788")),
        *((SERVICE + "AUTHORITY", bad, "host name") for bad in ("https://api.chatie.io", "api.chatie.io/v0", "")),
        *((SERVICE + "NO_TLS_INSECURE_CLIENT", bad, "true, false") for bad in ("yes", "1", "是", "")),
        *((CA, bad, "PEM") for bad in ("no-such.pem", "-----BEGIN CERTIFICATE-----\\nx\\n-----END CERTIFICATE-----")),
        *(("ROOM_PREFIX", bad, "one or more") for bad in ("", "a,,b", "a,", " , ")),
        ("ROOM_PREFIX", "Milvus 群,ｍｉｌｖｕｓ群", "prefixes that differ"),
        *(("HEADER", bad, "{name} and {room}") for bad in ("", "{name}:", "{name}{name}{room}", "{room}{name}{x}: ")),
        *(("HEADER", bad, "no other braces") for bad in ("{{name}@{room}}", "{name.x} {room}", "{name}{room}{")),
        *(("HEADER", bad, "a space behind") for bad in ("{name}@{room} ", "{name}{room}: ", "{room}-{name}")),
        ("HEADER", "{name} {room}: ", "a space behind"),
        *(("HEADER", bad, "one line") for bad in ("{name}{room}", "{name}:\n{room}", "{name}@{room}" + "x" * 48)),
        *(("MODERATION", bad, "off, observe, hold") for bad in ("", "on", "拦截")),
        *(("HOLD_LINKS", bad, "true, false") for bad in ("", "yes")),
        *(("MILVUS_URI", bad, "a path that ends in .db") for bad in ("ads", "localhost:19530", "a\tb.db")),
        *(
            ("MILVUS_URI", bad, "http://host:19530")
            for bad in ("tcp://a:1", "http://", "http://a:0", "http://a:65536", "http://a b", "https://a/db", "://")
        ),
        *(("SEND_INTERVAL", bad, "from 0 to 3600") for bad in ("", "-1", "3601", "nan", "inf", "1,5", "fast")),
        *(("SEND_BURST", bad, "a whole number from 1 to 20") for bad in ("", "0", "21", "1.5", "abc")),
        *(
            ("QUIET_HOURS", bad, "23:00-08:00")
            for bad in ("23-8", "23:00", "24:00-08:00", "23:60-08:00", "11pm-8am", "08:00-08:00", "8:00-8:00,9:00-9:30")
        ),
        *(("MAX_ATTEMPTS", bad, "from 1 to 100") for bad in ("", "0", "101", "-1", "1.5", "８", "²", "eight")),
        *(("RELAY_TTL_HOURS", bad, "hours from 0.1 to 720") for bad in ("", "0", "721", "nan", "1d")),
        *(("RETENTION_DAYS", bad, "days from 1 to 365") for bad in ("", "0.9", "366", "nan", "7d")),
        *(("LOG_LEVEL", bad, "debug, info, warning, error") for bad in ("", "warn", "verbose")),
        ("STATE_FILE", " ", "roomsync.db"),
    ],
)
def test_bad_value_is_refused_with_what_is_allowed(name: str, text: str, allowed: str) -> None:
    """A bad value is one problem that starts with the variable, shows the value and says what is allowed."""
    (problem,) = problems({TOKEN: SECRET, name: text})
    assert problem.startswith(f"{name} is ")
    assert allowed in problem.partition("allowed: ")[2]


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        "insecure_ a1b2",
        "insecure_a1b2令牌",
        "“insecure_a1b2”",
        "insecure\0_a1b2",
        "insecure_<a1b2>",
        "a_a1b2#mine",
    ],
)
def test_bad_token_is_refused_unseen(token: str) -> None:
    """A token that is missing or mistyped is a problem with its variable's name, and the problem does not show it."""
    (problem,) = problems({TOKEN: token})
    assert problem.startswith(TOKEN) and "a1b2" not in problem


def test_token_is_not_shown() -> None:
    """Settings that are printed do not show the token."""
    assert SECRET not in f"{parse()!r} {parse()}"


def test_all_problems_come_together(tmp_path: Path) -> None:
    """Problems of the file, its names and its values are one message, a line each."""
    shown = refusal(tmp_path, "ROOM_PREFX=a\nLOG_LEVEL\nSEND_INTERVAL=soon\n", HEADER="x", STATE_FILE="")
    starts = [line.split()[0] for line in shown.splitlines()]
    assert sorted(starts) == ["HEADER", "LOG_LEVEL", "ROOM_PREFX", "SEND_INTERVAL", "STATE_FILE"]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(VALUES), st.text(max_size=30)))
def test_any_text_is_taken_or_refused(values: dict[str, str]) -> None:
    """Whatever stands in the values, the answer is settings or problems, each of them with a name of ours."""
    try:
        Settings.parse(values)
    except SettingsError as error:
        assert {problem.split()[0] for problem in error.problems} <= {*values, TOKEN, SERVICE + "TLS_SERVER_NAME"}


def test_environment_wins(tmp_path: Path) -> None:
    """A variable of the environment is taken over the same one in `.env`, even when that one is bad."""
    found = read(tmp_path, "LOG_LEVEL=loud\nROOM_PREFIX=Milvus\n", LOG_LEVEL="error")
    assert (found.log_level, found.room_prefixes) == ("error", ("Milvus",))


def test_env_file_is_not_needed(tmp_path: Path) -> None:
    """Without `.env`, the environment alone makes the settings."""
    assert read_settings(tmp_path, {TOKEN: SECRET}).token == SECRET


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        *((wrong, "ROOM_PREFIX") for wrong in ("ROOM_PREFX", "ROOM_PERFIX", "ROOM_PREFIXES", "ROOMPREFIX")),
        ("log_level", "LOG_LEVEL"),
        ("HEADERS", "HEADER"),
        ("WECHATY_PUPPET_SERVICE_TOKN", TOKEN),
        ("WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE", SERVICE + "NO_TLS_INSECURE_CLIENT"),
    ],
)
def test_misspelt_name_is_refused_with_the_right_one(tmp_path: Path, wrong: str, right: str) -> None:
    """A name in `.env` that is close to one of ours is refused with that one, its value not shown."""
    shown = refusal(tmp_path, f"{wrong}=a1b2\n")
    assert shown.startswith(wrong) and shown.endswith(f"did you mean {right}?") and "a1b2" not in shown


@pytest.mark.parametrize(
    "name",
    [
        *("DATABASE_URL", "DEBUG", "TZ", "HTTPS_PROXY", "WECHATY_LOG", "WECHATY_TOKEN", "WECHATY_PUPPET"),
        *(SERVICE + name for name in ("TLS_SERVER_CERT", "TLS_SERVER_KEY", "NO_TLS_INSECURE_SERVER", "PORT", "HOST")),
    ],
)
def test_variables_of_others_are_left_alone(tmp_path: Path, name: str) -> None:
    """A variable of another program, the gateway's side included, stands in `.env` without a word from the bot."""
    assert read(tmp_path, f"{name}=x\n") == read(tmp_path, "")


@pytest.mark.parametrize(("short", "meant"), [("TOKEN", TOKEN), ("WECHATY_TOKEN", TOKEN), ("prefix", "ROOM_PREFIX")])
def test_cut_down_name_is_a_slip_where_the_full_one_is_absent(tmp_path: Path, short: str, meant: str) -> None:
    """A setting that must be made, under its last word only, is asked about; beside the full name it is another's."""
    (tmp_path / ".env").write_text(f"{short}=x\n")
    with pytest.raises(SettingsError, match=rf"{short} in line 1 of .env is no setting .* mean {meant}"):
        read_settings(tmp_path, {})
    assert read(tmp_path, f"{short}=x\n{meant}=insecure_x\n")


def test_name_set_twice_is_refused(tmp_path: Path) -> None:
    """A setting that stands in two lines is a problem with both lines: the wrong one might win."""
    shown = refusal(tmp_path, "ROOM_PREFIX=a\nTZ=1\nTZ=2\nROOM_PREFIX=b\n")
    assert shown == "ROOM_PREFIX is set more than once in .env, in lines 1, 4; keep one of them."


def test_missing_file_is_named(tmp_path: Path) -> None:
    """Without `.env` and without a token the first problem says which file is to be made of which."""
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path, {})
    assert caught.value.problems[0] == f"There is no {tmp_path / '.env'}; copy .env.example to it, and fill it in."


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_file_of_any_editor_is_read(tmp_path: Path, mark: bytes, end: bytes) -> None:
    """A byte order mark and Windows line ends change nothing."""
    found = read(tmp_path, mark + "ROOM_PREFIX=上海群".encode() + end + b"LOG_LEVEL=debug" + end)
    assert (found.room_prefixes, found.log_level) == (("上海群",), "debug")


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_file_that_is_not_utf8_is_refused(tmp_path: Path, encoding: str) -> None:
    """A `.env` in another encoding is refused with the way out of it."""
    assert ".env is not UTF-8, so nothing in it was read; save it as UTF-8" in refusal(
        tmp_path, "ROOM_PREFIX=上海群\n".encode(encoding)
    )


@pytest.mark.parametrize("header", ["({room}) {name}:   ", "  {name} #{room}: ", "${name} in ${room}: "])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_header_in_quotes_is_taken_as_it_is(tmp_path: Path, quote: str, header: str) -> None:
    """In quotes, blanks at the ends of HEADER, a `#` and a `$` are part of it."""
    assert read(tmp_path, f"HEADER={quote}{header}{quote}\n").header == header


def test_relative_state_file_is_beside_the_bot(tmp_path: Path) -> None:
    """A relative STATE_FILE is below the bot's folder, wherever it was started from; an absolute one stays."""
    (tmp_path / "data").mkdir()
    found = [read(tmp_path, f"STATE_FILE={text}\n").state_file for text in ("data/bot.db", f"{tmp_path}/own.db")]
    assert found == [tmp_path / "data" / "bot.db", tmp_path / "own.db"]


def test_state_file_in_no_folder_is_refused(tmp_path: Path) -> None:
    """A STATE_FILE in a folder that does not exist is refused before anything starts."""
    path = tmp_path / "missing" / "bot.db"
    assert f"'{path}', but that folder does not exist" in refusal(tmp_path, "STATE_FILE=missing/bot.db\n")


def test_log_file_is_beside_the_bot_or_nowhere(tmp_path: Path) -> None:
    """A relative LOG_FILE is below the bot's folder; without one there is none."""
    assert read(tmp_path, "LOG_FILE=bot.log\n").log_file == tmp_path / "bot.log"
    assert read(tmp_path, "LOG_FILE=\n").log_file is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing/bot.log", "that folder does not exist"),
        (".", "is a folder"),
        ("roomsync.db", "is for the state file"),
        ("roomsync.db-wal", "is for the state file"),
    ],
)
def test_log_file_that_cannot_be_is_refused(tmp_path: Path, path: str, words: str) -> None:
    """A LOG_FILE in no folder, or one that would write into the state file, is refused before anything starts."""
    assert words in refusal(tmp_path, f"LOG_FILE={path}\n")


@pytest.mark.parametrize("form", ["path", "escaped", "quoted", "lines"])
def test_ca_is_a_path_or_pem(tmp_path: Path, form: str) -> None:
    """A CA is given as a path or as PEM, with `\\n` or real line breaks, and is PEM text in the settings."""
    pem = trustme.CA().cert_pem.bytes().decode()
    (tmp_path / "ca.pem").write_text(pem)
    escaped = pem.replace("\n", "\\n")
    text = {"path": str(tmp_path / "ca.pem"), "escaped": escaped, "quoted": f'"{escaped}"', "lines": f"'{pem}'"}[form]
    assert read(tmp_path, f"{CA}={text}\n").tls_ca_cert.strip() == pem.strip()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('ROOM_PREFIX="Milvus用户群”', "Line 1 of .env cannot be read"),
        ("ROOM PREFIX=a", "Line 1 of .env cannot be read"),
        ("WECHATY_PUPPET_SERVICE_TOKEN:insecure_secret", "Line 1 of .env cannot be read"),
        ("WECHATY_PUPPET_SERVICE_TOKEN＝insecure_secret", "Line 1 of .env cannot be read"),
        ("ROOM_PREFIX=“Milvus”", "has curly quotes around it"),
        ("HEADER={name} #{room}: ", "HEADER in line 1 of .env needs quotes"),
        ("STATE_FILE=~nobody_at_all/a", "folder"),  # Windows knows where that home would be
        (r'STATE_FILE="C:\new\bot.db"', "write a Windows path without quotes"),
        (r'WECHATY_PUPPET_SERVICE_TLS_CA_CERT="C:\new\ca.pem"', "write a Windows path without quotes"),
        ("STATE_FILE=.", "which is a folder"),
        ("WECHATY_PUPPET_SERVICE_TLS_CA_CERT=-----BEGIN 证-----", "is not a certificate"),
        ("WECHATY_PUPPET_SERVICE_ENDPOINT=insecure_secret", "is no endpoint"),
        ("MAX_ATTEMPTS=" + "9" * 5000, "a whole number from 1 to 100"),
        ("DAILY_LIMITS=image:5,image:6", "allowed: kind:number"),
        ("ＬＯＧ_LEVEL=debug", "cannot be read"),
    ],
)
def test_slip_in_the_file_is_told_without_its_text(tmp_path: Path, line: str, words: str) -> None:
    """What a user easily gets wrong in an editor is refused in one sentence that never shows the token."""
    found = refusal(tmp_path, line + "\n")
    assert words in found and "insecure_secret" not in found


@pytest.mark.parametrize("line", ["FOO", "export FOO", "STATUS_FILE=a", "DB_LOG_LEVEL=a", "LEADER=a", "# x"])
def test_other_peoples_lines_are_left_alone(tmp_path: Path, line: str) -> None:
    """A line for another program, with or without a value, is no problem of the bot's."""
    (tmp_path / ".env").write_text(f"WECHATY_PUPPET_SERVICE_TOKEN=insecure_1\n{line}\n", encoding="utf-8")
    assert read_settings(tmp_path, {}).token == "insecure_1"


def test_certificate_is_beside_the_file_that_names_it(tmp_path: Path) -> None:
    """A relative path of a certificate is below the bot's folder, and words around the certificate do not matter."""
    pem = trustme.CA().cert_pem.bytes().decode()
    (tmp_path / "ca.pem").write_text(f"\ufeff# 我们的 CA\n{pem}", encoding="utf-8")
    text = "WECHATY_PUPPET_SERVICE_TOKEN=insecure_1\nWECHATY_PUPPET_SERVICE_TLS_CA_CERT=ca.pem\n"
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    assert read_settings(tmp_path, {}).tls_ca_cert == pem.strip()


def test_env_file_saved_as_text_is_found(tmp_path: Path) -> None:
    """Notepad's `.env.txt` is told by its name."""
    (tmp_path / ".env.txt").write_text("WECHATY_PUPPET_SERVICE_TOKEN=insecure_1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"its name must be \.env"):
        read_settings(tmp_path, {})


UUID = "2f1d7c1e-9b3a-4c5d-8e6f-0a1b2c3d4e5f"
TOKENS = [f"insecure_{UUID}", f"puppet_padlocal_{UUID.replace('-', '')}", UUID, "q7Zk29xLmP04TbVw81Rn"]


@pytest.mark.parametrize("form", ["{}", "https://host/v0/hosties/{}", "a b {} é", "{}\\x"])
@pytest.mark.parametrize("name", sorted({*Settings.names()} - {TOKEN}))
@pytest.mark.parametrize("token", TOKENS)
def test_token_in_another_settings_place_is_not_shown(tmp_path: Path, name: str, token: str, form: str) -> None:
    """A token in the place of another setting is refused unseen, and what looks like one is masked without it, too."""
    value = form.format(token)
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path, {TOKEN: token, name: value})
    shown = str(caught.value)
    assert f"{name} has the token in it" in shown and token not in shown and token[-8:] not in shown
    try:
        read_settings(tmp_path, {TOKEN: "insecure_other", name: value})
    except SettingsError as error:
        assert token[-8:] not in str(error)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (CA, "certs/ca-2024.pem"),
        ("STATE_FILE", "no-such-folder/room_sync.db"),
        (SERVICE + "AUTHORITY", "https://discovery-2.example.org"),
        ("SEND_INTERVAL", "12345,678"),
        ("DAILY_LIMITS", "image=1000,url=800"),
    ],
)
def test_what_is_no_token_is_shown(tmp_path: Path, name: str, text: str) -> None:
    """A wrong value that does not look like a token is shown as it is, so that it is found."""
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path, {TOKEN: SECRET, name: text})
    assert text in str(caught.value)


@pytest.mark.parametrize("mode", ["observe", "hold", " Hold "])
def test_moderation_needs_a_room_of_the_staff(mode: str) -> None:
    """A filter without a room of the staff is refused with what would go wrong, and with one it is taken."""
    (problem,) = problems({TOKEN: SECRET, "MODERATION": mode})
    assert problem == (
        f"MODERATION is {mode.strip().lower()!r}, but ADMIN_ROOM is empty: nobody would see what is held; "
        "set the name of a room for your staff, or MODERATION=off."
    )
    assert parse(MODERATION=mode, ADMIN_ROOM="管理群").moderation == mode.strip().lower()


def test_moderation_is_one_problem_of_several() -> None:
    """A room of the staff that is wrong is told as that, not once more as missing; others' problems are told, too."""
    assert len(problems({TOKEN: SECRET, "MODERATION": "hold", "LOG_LEVEL": "loud"})) == 2
    assert len(problems({TOKEN: SECRET, "MODERATION": "loud", "ADMIN_ROOM": ""})) == 1
    assert len(problems({TOKEN: SECRET, "MODERATION": "hold", "ADMIN_ROOM": "x" * 101})) == 1


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        *(("HOLD_KINDS", bad, f"HOLD_KINDS has '{bad}' in it; allowed: image, ") for bad in ("card", "text", "a;b")),
        ("HOLD_KINDS", "contact,recalled", "HOLD_KINDS has 'recalled' in it; allowed: image, "),
        ("HOLD_KINDS", "contact,", "HOLD_KINDS has '' in it; allowed: image, "),
        *(("MILVUS_TOKEN", bad, "MILVUS_TOKEN has a space or a letter") for bad in ("a b", "密码", "a\tb")),
    ],
)
def test_bad_part_of_a_value_is_told(name: str, text: str, problem: str) -> None:
    """A kind that there is not is shown with those that there are, and a token that cannot be one is not shown."""
    (found,) = problems({TOKEN: SECRET, name: text})
    assert found.startswith(problem)


def test_milvus_lite_is_beside_the_bot(tmp_path: Path) -> None:
    """A relative path in MILVUS_URI is below the bot's folder; an absolute one, an address, and nothing stay."""
    texts = ("data/ads.db", f"{tmp_path}/own.db", "http://localhost:19530", "")
    found = [read(tmp_path, f"MILVUS_URI={text}\n").milvus_uri for text in texts]
    assert found == [str(tmp_path / "data" / "ads.db"), *texts[1:]]


@pytest.mark.parametrize(
    "values",
    [
        {"MILVUS_TOKEN": "milvus 密码"},
        {"MILVUS_TOKEN": "milvus secret-word"},
        {"MILVUS_TOKEN": "“secret-word”"},
        {"MILVUS_TOKEN": "secret-word", "MILVUS_URI": "http://root:secret-word@host:19530"},
        {"MILVUS_URI": "http://root:secret-word@host:19530"},
        {"MILVUS_URI": "https://host/?token=secret-word"},
        {"MILVUS_TOKEN": "secret-word", "LOG_LEVEL": "loud", "MODERATION": "hold"},
    ],
)
def test_milvus_secrets_are_not_shown(values: Mapping[str, str]) -> None:
    """What may be a password of Milvus is in no error, nor in the settings as they are printed."""
    shown = "".join(problems({TOKEN: SECRET, **values}))
    assert "secret-word" not in shown and "密码" not in shown
    assert "secret-word" not in repr(parse(MILVUS_TOKEN="secret-word"))


def test_milvus_token_in_another_place_is_not_shown() -> None:
    """The token of Milvus in the place of another setting is refused unseen."""
    shown = "".join(problems({TOKEN: SECRET, "MILVUS_TOKEN": "secret-word-1234", "LOG_LEVEL": "secret-word-1234"}))
    assert "secret-word-1234" not in shown


def test_tls_needs_a_name_to_check() -> None:
    """A token without a name in it needs one for TLS, and none for a plain gateway."""
    with pytest.raises(SettingsError, match="TLS_SERVER_NAME is not set"):
        Settings.parse({TOKEN: "bare"})
    assert Settings.parse({TOKEN: "bare", SERVICE + "NO_TLS_INSECURE_CLIENT": "true"}).no_tls
