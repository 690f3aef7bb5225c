"""`deploy/`: the files that run bot and gateway as services name what is there, and may do no more than they must."""

import codecs
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
DOCKERFILES = sorted(DEPLOY.glob("*.Dockerfile"))
INSTALLED = "/opt/room-sync/"
MAX_EXPOSURE = 2.0  # of 10; what systemd itself calls "OK"


@pytest.fixture
def systemd() -> str:
    """systemd-analyze; every CI run has it."""
    found = shutil.which("systemd-analyze")
    if not found and os.environ.get("CI"):
        pytest.fail("systemd-analyze is not installed")
    return found or pytest.skip("systemd-analyze is not installed")


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units with programs that every machine has: what is verified exists where it is to be installed alone."""
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8")
        (tmp_path / unit.name).write_text(re.sub(f"{INSTALLED}.venv/bin/python|/usr/bin/node", "/usr/bin/env", text))
    return [tmp_path / unit.name for unit in UNITS]


def said(*command: str | Path, cwd: Path = ROOT, **env: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **env}, timeout=120)
    return done.returncode, done.stdout + done.stderr


def lines_of(dockerfile: Path) -> list[list[str]]:
    """Its instructions, word by word; a comment is none."""
    text = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def copied(dockerfile: Path) -> list[str]:
    return [source for line in lines_of(dockerfile) if line[0] == "COPY" for source in line[1:-1]]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


def unit_of(path: Path) -> configparser.RawConfigParser:
    """A unit; of a key that is there twice the last counts, which is enough for what is asked here."""
    unit = configparser.RawConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(path, encoding="utf-8")
    return unit


def test_systemd_takes_the_units(systemd: str, units: list[Path]) -> None:
    """`systemd-analyze verify` finds nothing to say about any unit."""
    assert said(systemd, "verify", *units) == (0, "")


def test_units_are_hardened(systemd: str, units: list[Path]) -> None:
    """`systemd-analyze security` gives each service an exposure of 2.0 or less."""
    for unit in [unit for unit in units if unit.suffix == ".service"]:
        _, text = said(systemd, "security", "--offline=true", "--no-pager", unit)
        (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", text)
        assert float(exposure) <= MAX_EXPOSURE, text


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_units_run_what_is_there(unit: Path) -> None:
    """Every file below the folder of the installation that a service runs is in the repository, but for `.venv`."""
    named = re.findall(rf"{INSTALLED}(\S+)", "\n".join(unit.read_text(encoding="utf-8").split("[Service]")[1:]))
    assert named
    assert [name for name in named if not name.startswith(".venv/") and not (ROOT / name).exists()] == []


def test_what_no_restart_can_mend_is_not_restarted() -> None:
    """The bot's unit leaves the exit codes 2, 3 and 4 alone, and tries again for ever after every other ending."""
    unit = unit_of(DEPLOY / "systemd" / "roomsync.service")
    assert unit["Service"]["RestartPreventExitStatus"] == "2 3 4"
    assert unit["Service"]["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda dockerfile: dockerfile.name)
def test_images_are_of_what_is_there(dockerfile: Path) -> None:
    """What an image copies is in the repository and not kept from the builder; it runs as somebody who is not root."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert [name for name in copied(dockerfile) if not (ROOT / name).exists() or name in ignored] == []
    (user,) = (line[1] for line in lines_of(dockerfile) if line[0] == "USER")
    assert user.isdigit()
    assert int(user) > 0
    assert ".env" in ignored


def test_the_image_of_the_bot_is_whole(tmp_path: Path) -> None:
    """With nothing but what its image copies the bot plays its demo."""
    for name in copied(DEPLOY / "bot.Dockerfile"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    code, text = said(sys.executable, "bot.py", "--demo", cwd=tmp_path)
    assert (code, "Traceback" in text) == (0, False), text


def test_compose_runs_both_images() -> None:
    """Each service has an image of ours, keeps what it writes in a volume, may write nothing else and opens no port."""
    found = compose()
    assert set(found["services"]) == {"bot", "gateway"}
    for service in found["services"].values():
        dockerfile = DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]
        assert dockerfile.exists()
        (kept,) = (line[1] for line in lines_of(dockerfile) if line[0] == "VOLUME")
        ((volume, folder),) = (one.split(":") for one in service["volumes"])
        assert folder == kept
        assert volume in found["volumes"]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "ports" not in service


def test_health_of_the_container_is_that_of_the_bot() -> None:
    """The bot's image is healthy when `--status` says that it relays."""
    (line,) = (line for line in lines_of(DEPLOY / "bot.Dockerfile") if line[0] == "HEALTHCHECK")
    assert " ".join(line).endswith('CMD ["python", "bot.py", "--status"]')


def test_both_containers_speak_tls() -> None:
    """Whatever `.env` says of TLS for a gateway on the same machine, between the containers the line is encrypted."""
    for service in compose()["services"].values():
        assert service["environment"]["WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT"] == "false"


def test_windows_tasks_run_what_is_there() -> None:
    """The script of the Task Scheduler names files that are in the repository."""
    text = (DEPLOY / "windows" / "install.ps1").read_text(encoding="utf-8-sig")
    assert "'bot.py', $root" in text
    assert (ROOT / "bot.py").exists()
    assert re.search(r"'gateway\.mjs', \(Join-Path \$root 'deploy\\gateway'\)", text)
    assert (DEPLOY / "gateway" / "gateway.mjs").exists()


def test_windows_reads_the_script_as_utf_8() -> None:
    """It begins with a byte order mark: without it Windows PowerShell takes its Chinese for the local code page's."""
    assert (DEPLOY / "windows" / "install.ps1").read_bytes().startswith(codecs.BOM_UTF8)
