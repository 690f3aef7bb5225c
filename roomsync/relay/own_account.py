"""The bot's own account: what a person types with it, told from the bot's own sends, which must never be relayed."""

import html
import logging
import re
from collections.abc import Collection
from dataclasses import replace
from enum import Enum, auto

from roomsync.delivery.outbox import Outbox
from roomsync.model import Kind, Message, Room
from roomsync.text.characters import LINE_BREAKS
from roomsync.text.headers import HeaderTemplate
from roomsync.text.kinds import CARDS, MEDIA, word
from roomsync.text.phrases import RECALLED, UNSENT_TEXT, is_headerless
from roomsync.text.system_messages import recalled_ids

log = logging.getLogger(__name__)

SENT_KINDS = (*MEDIA, *CARDS)  # of what the bot sends besides texts; a gateway may show one of them as another
# WeChat's own notices come in the account's name, too, under the second; gateways show what they do not know so.
NOT_TYPED = (Kind.SYSTEM, Kind.UNKNOWN)
SHOWN_AS_TEXT = tuple(map(word, SENT_KINDS))  # how padlocal shows a picture: `<nick>: [图片]`
BREAK = re.compile(r"<br\s*/?>")  # web gateways give a text as HTML


class Origin(Enum):
    """Whose a message of the account is."""

    ECHO = auto()  # a send of the bot's, which it settled
    UNSURE = auto()  # it may be one
    TYPED = auto()  # a person's


class OwnAccount:
    """Says whose a message of the account is; that of a person only where it can be nothing else, and if `relays`.

    Every method raises `StateFileError` when the file cannot be used.
    """

    def __init__(self, outbox: Outbox, template: HeaderTemplate, relays: bool) -> None:
        self.relays = relays
        self._outbox = outbox
        self._template = template

    def origin(self, message: Message, source: Room, labels: Collection[str], now: float) -> Origin:
        """Return whose it is; the send that it shows is settled. `labels` are those of the community's rooms."""
        if message.kind is Kind.RECALLED:
            is_ours = any(map(self._outbox.is_ours, recalled_ids(message.text)))
            return Origin.UNSURE if is_ours else Origin.TYPED
        is_echo = self._outbox.echo(source.id, message.kind, message.text, message.id, now) is not None
        if not self.relays or (is_echo and message.kind not in SENT_KINDS):
            return Origin.ECHO if is_echo else Origin.UNSURE
        if message.kind not in SENT_KINDS:
            return Origin.TYPED if self._is_typed(message, labels) else Origin.UNSURE
        if not is_echo and not self._outbox.may_show(source.id, message.said_at, now):
            return Origin.TYPED
        # Only its time speaks against it, so that it is remembered by its id: it may come again.
        # As nobody's, like all that the bot says: staff is shown what people said.
        self._outbox.accept(replace(message, talker_id=""), [], [], now)
        if not is_echo:
            log.info("A message (%s) of the bot's account is not relayed: it may be a send of its own.", message.kind)
        return Origin.ECHO if is_echo else Origin.UNSURE

    def _is_typed(self, message: Message, labels: Collection[str]) -> bool:
        """Return whether a person typed what is none of SENT_KINDS: it does not read like anything that the bot says.

        It is not enough that no send awaits it: the send may be forgotten, or have had its echo.
        """
        if message.kind is not Kind.TEXT and not message.quote:
            return message.kind not in NOT_TYPED
        said = message.quote.reply if message.quote else message.text
        words = _plain(said)
        if not words.strip() or words.rstrip().endswith(SHOWN_AS_TEXT):
            return False
        first = _plain(message.text).strip().partition("\n")[0]
        if is_headerless(first) or first.endswith(f" {RECALLED}") or first == UNSENT_TEXT:
            return False
        # What reads like a header is one: a gateway may have changed a name in it, such as the emoji there.
        if self._template.escape_headers(words, labels) != words:
            return False
        return not self._outbox.has_sent(message.room_id, said, first)


def _plain(text: str) -> str:
    return "\n".join(LINE_BREAKS.split(BREAK.sub("\n", html.unescape(text))))
