"""Commands as staff types them: `/静音 #12 60`, `／pause 30`. Pure."""

import difflib
import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

SLASHES = ("/", "／")
MAX_SHOWN = 20  # characters of an unknown command that its answer repeats
NUMBER = re.compile(r"#?\s*([0-9]{1,12})")


class Name(Enum):
    """What can be asked for: what it is called, the Chinese name first, then what may follow, and what it does."""

    HELP = ("帮助", "help"), "[过滤]", "这份列表；过滤广告的命令"
    STATUS = ("状态", "status"), "", "连接、速度、各群情况"
    ROOMS = ("群", "rooms", "room"), "[107 只收]", "各群模式；改为 正常/只收/只发/停"
    PAUSE = ("暂停", "pause"), "[分钟]", "暂停发送，期间的发言之后补发"
    RESUME = ("恢复", "resume"), "", "恢复发送"
    RECENT = ("最近", "recent"), "[101]", "最近十条，带编号"
    MUTE = ("静音", "mute"), "#12 或名字 [分钟]", "此人的发言不再转发"
    MUTED = ("黑名单", "muted"), "", "被静音的人"
    RECALL = ("撤回", "recall"), "#12", "从各群撤回一条"
    ANNOUNCE = ("公告", "announce"), "[文字]", "发到所有群；不带文字则收集随后的内容"
    DONE = ("完成", "done"), "", "公告收集完毕"
    CONFIRM = ("确认", "confirm"), "7", "发出公告 7"
    UNDO = ("撤销", "undo"), "[n]", "撤销上一步，或第 n 步"
    LOG = ("记录", "log"), "", "最近二十步操作"
    STAFF = ("管理员", "staff"), "[加 @某人 | 删 2]", "管理员名单"
    ACCEPT = ("接入", "accept"), "108", "让新群加入"
    REJECT = ("拒绝", "reject"), "108", "不让新群加入"
    FILTER = ("过滤", "filter"), "[关|观察|拦截]", "过滤广告的现状；改模式"
    HELD = ("待审", "held"), "", "没有转发、等你决定的消息"
    RELEASE = ("放行", "release"), "12", "转发一条待审的消息"
    ADVERT = ("广告", "ad"), "12 [静音]", "学为广告，不转发；已转发的撤回"
    SAMPLES = ("样本", "samples"), "[3 | 删 3]", "学过的广告；看、删其中一个"
    WORD = ("词", "word"), "[加 刷单 | 删 刷单]", "含此词就拦；/正则/ 也行"
    HOST = ("域名", "host"), "[放 milvus.io | 删 milvus.io]", "放行的网站，其链接不拦"
    TRUST = ("信任", "trust"), "#12", "此人发名片、小程序、二维码不拦"

    def __init__(self, names: tuple[str, ...], arguments: str, meaning: str) -> None:
        self.names = names
        self.arguments = arguments
        self.meaning = meaning

    @property
    def usage(self) -> str:
        """How it is typed: `/静音 #12 或名字 [分钟]`."""
        return f"/{self.names[0]} {self.arguments}".rstrip()


ABOUT_FILTER = (
    *(Name.FILTER, Name.HELD, Name.RELEASE, Name.ADVERT),
    *(Name.SAMPLES, Name.WORD, Name.HOST, Name.TRUST),
)
CLAIM = ("认领", "claim")
# The longest first: `/muted` is not `/mute` with a `d` behind it.
NAMES = sorted(((one, name) for name in Name for one in name.names), key=lambda pair: -len(pair[0]))


@dataclass(frozen=True)
class Command:
    """A command: `name` is None for one that is not known, whose nearest is `nearest`. `rest` is what follows it."""

    name: Name | None
    rest: str = ""
    nearest: str = ""


def parse(text: str) -> Command | None:
    """Return the command that a text is; None for what is none."""
    said = text.strip()
    if not said.startswith(SLASHES):
        return None
    said = said[1:].lstrip()
    for one, name in NAMES:
        if (rest := _behind(said, one)) is not None:
            return Command(name, rest)
    word = _plain(re.split(r"\s", said, maxsplit=1)[0])[:MAX_SHOWN]
    near = difflib.get_close_matches(word, [one for one, _ in NAMES], n=1, cutoff=0.5)
    return Command(None, word, near[0] if near else "")


def claimed_code(text: str) -> str | None:
    """Return the code that somebody claims to be staff with; None for a text that claims nothing."""
    said = text.strip()
    if not said.startswith(SLASHES):
        return None
    codes = (_behind(said[1:].lstrip(), one) for one in CLAIM)
    return next((_plain(code) for code in codes if code is not None), None)


def spaced(text: str) -> str:
    """Return a text whose blanks are all ordinary ones, one at a time, as phones write others."""
    return " ".join(text.split())


def _behind(said: str, name: str) -> str | None:
    """Return what follows a name that a text starts with; None when it does not."""
    start, rest = said[: len(name)], said[len(name) :]
    if _plain(start) != name or (name.isascii() and re.match("[A-Za-z]", rest)):
        return None
    return rest.lstrip(" \t\u3000")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def number_of(text: str) -> int | None:
    """Return the number that a text is, with `#` before it or without; None for another text."""
    found = NUMBER.fullmatch(_plain(text).strip())
    return int(found[1]) if found else None


def split_number(text: str) -> tuple[str, int | None]:
    """Return a text without the number at its end, and that; None where there is none, or nothing else."""
    words = text.split()
    number = number_of(words[-1]) if len(words) > 1 and "#" not in _plain(words[-1]) else None
    return (" ".join(words[:-1]), number) if number is not None else (text.strip(), None)
