"""Disguises of adverts as spammers make them, drawn with a seed: `DISGUISES` by name, and any two of them together."""

import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from pypinyin.constants import PINYIN_DICT

from tests.adverts import texts

Disguise = Callable[[random.Random, str], str]

VISIBLE = " .·-_~*＊丨丶|/、，。☆★✨♥【】「」()^"
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u2063"
EMOJI = "🔥💰📚🧧✅🎁💯👉❤🐂📈🚀🌟⚡"
CYRILLIC = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
LEET = str.maketrans("oOlIizZsSeEaAb", "001112255334@6")
UNLEET = str.maketrans("01", "Ol")
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
NUMERALS = str.maketrans("0123456789", "零一二三四五六七八九")
BANKERS = str.maketrans("0123456789", "零壹贰叁肆伍陆柒捌玖")
# A simplified character and what Taiwan and Hong Kong write, of those that are common in adverts.
TRADITIONAL = dict(
    re.findall(
        "(.)(.)",
        "限時时時费費业業络絡领領机機习習资資荐薦无無证證办辦额額当當发發钱錢担擔贷貸电電话話码碼进進群羣红紅饿餓优優东東"
        "宝寶内內购購长長别別识識维維团團势勢员員会會学學网網级級级級让讓门門间間开開关關车車贵貴买買卖賣价價体體单單"
        "账賬号號质質权權图圖结結给給还還现現这這说說边邊问問题題师師带帶转轉录錄训訓练練简簡历歷线線实實战戰营營飞飛"
        "赠贈联聯系繫个個们們万萬产產险險规規银銀条條需需独獨镜鏡测測试試货貨动動务務链鏈张張谁誰听聽讲講课課读讀书書"
        "认認议議设設计計误誤语語调調谈談请請诉訴评評词詞译譯详詳诚誠该該谢謝诊診赔賠赚賺贴貼赢贏过過达達运運远遠连連迟遲"
        "选選递遞遗遺邮郵郑鄭钟鐘钢鋼铁鐵铺鋪销銷锁鎖错錯键鍵问問闲閒闻聞阅閱队隊阳陽阶階际際陆陸随隨隐隱难難页頁顶頂项項"
        "顺順须須顾顧预預颜顏风風饭飯饮飲马馬驾駕驶駛验驗鱼魚鲜鮮鸡雞麦麥黄黃齐齊龙龍专專两兩严嚴丰豐临臨为為举舉义義乐樂"
        "乡鄉习習乱亂亏虧云雲亿億仅僅从從仓倉价價众眾伙夥伤傷伟偉传傳债債儿兒兑兌兰蘭兴興养養兽獸冲沖决決况況净淨减減"
        "凤鳳击擊划劃刘劉则則刚剛创創删刪剂劑剑劍剧劇劝勸励勵劲勁劳勞区區医醫华華协協卖賣卫衛压壓厅廳厂廠县縣参參双雙变變"
        "叶葉后後吗嗎启啟呜嗚响響哑啞团團园園围圍国國圆圓圣聖场場坏壞块塊坚堅坛壇声聲处處备備够夠头頭夹夾奋奮奖獎妆妝妇婦"
        "妈媽姐姊娱娛婴嬰孙孫宁寧审審宽寬宾賓对對导導寻尋将將尔爾尝嘗层層属屬岁歲岛島币幣帅帥师師帮幫广廣庆慶库庫应應庄莊",
    )
)
# Characters that are written as their parts, side by side.
SPLIT = {
    **{"贷": "代贝", "加": "力口", "好": "女子", "你": "亻尔", "信": "亻言", "佳": "亻圭", "股": "月殳", "领": "令页"},
    **{"群": "君羊", "红": "纟工", "码": "石马", "赌": "贝者", "期": "其月", "刷": "尸刂", "额": "客页", "证": "讠正"},
    **{"钱": "钅戋", "课": "讠果", "话": "讠舌", "请": "讠青", "炒": "火少", "薪": "艹新", "联": "耳关", "转": "车专"},
    **{"购": "贝勾", "助": "且力", "张": "弓长", "明": "日月", "林": "木木", "朋": "月月", "妈": "女马", "和": "禾口"},
}
CONTACT = re.compile(
    r"(?:联系|报名|咨询|➕|添?加)?(?:企业)?(?:微信|薇信|电话微信|V信|VX|V|QQ)(?:同[号步])?", re.IGNORECASE
)
CONTACTS = ("加薇", "➕v", "+vx", "伽徽芯", "加wx", "加V", "jia微", "丨加丨微丨", "私聊威❤", "➕卫星", "加𝐕𝐗", "+薇❤️信")
SENTENCE = re.compile(r"[^，。！？；、,!?;~]+[，。！？；、,!?;~]*")


def _plain(sound: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFD", sound) if one.isascii())


@cache
def _alike() -> Mapping[str, Sequence[str]]:
    """Characters that are in daily use, by their first sound without tone."""
    found: dict[str, list[str]] = defaultdict(list)
    for code, sounds in PINYIN_DICT.items():
        if 0x4E00 <= code <= 0x9FFF and len(chr(code).encode("gb2312", "ignore")) == 2:
            found[_plain(sounds.partition(",")[0])].append(chr(code))
    return found


def _sound(draw: random.Random, character: str) -> str:
    """One of a character's sounds without tone, mostly its first; empty for what is not Han."""
    sounds = PINYIN_DICT.get(ord(character), "").split(",")
    return _plain(sounds[0] if draw.random() < 0.9 else draw.choice(sounds))


def _near(sound: str) -> Iterator[str]:
    """The sounds that many people do not tell from one: zh and z, ing and in, n and l."""
    for one, other in (
        ("^zh", "z"),
        ("^ch", "c"),
        ("^sh", "s"),
        ("^z(?!h)", "zh"),
        ("^c(?!h)", "ch"),
        ("^s(?!h)", "sh"),
        ("^n", "l"),
    ):
        yield re.sub(one, other, sound)
    yield re.sub("([aei])ng$", r"\1n", sound)
    yield re.sub("([aei])n$", r"\1ng", sound)


def each(draw: random.Random, text: str, share: float, change: Callable[[str], str]) -> str:
    """A text with a share of its characters changed."""
    return "".join(change(one) if draw.random() < share else one for one in text)


def homophones(draw: random.Random, text: str) -> str:
    """Half to all characters are others of the same sound."""
    return each(draw, text, draw.uniform(0.5, 1), lambda one: draw.choice(_alike().get(_sound(draw, one)) or one))


def near_sounds(draw: random.Random, text: str) -> str:
    """A third to two thirds of the characters are others of nearly the same sound."""

    def change(one: str) -> str:
        sound = _sound(draw, one)
        others = [character for near in _near(sound) if near != sound for character in _alike().get(near, ())]
        return draw.choice(others or _alike().get(sound) or [one])

    return each(draw, text, draw.uniform(0.33, 0.67), change)


def _between(draw: random.Random, text: str, what: str, share: float) -> str:
    return each(draw, text, share, lambda one: one + "".join(draw.choice(what) for _ in range(draw.randint(1, 3))))


def symbols(draw: random.Random, text: str) -> str:
    """Symbols, spaces and strokes stand between the characters."""
    one_kind = draw.choice(VISIBLE) if draw.random() < 0.5 else VISIBLE
    return _between(draw, text, one_kind, draw.uniform(0.3, 1))


def invisible(draw: random.Random, text: str) -> str:
    """What nobody sees stands between the characters."""
    return _between(draw, text, INVISIBLE, draw.uniform(0.3, 1))


def letters(draw: random.Random, text: str) -> str:
    """Single letters and digits stand between the Han characters."""
    noise, share = "abcdefghijklmnopqrstuvwxyz0123456789", draw.uniform(0.1, 0.3)
    return each(draw, text, share, lambda one: one if one.isascii() else one + draw.choice(noise))


def emoji(draw: random.Random, text: str) -> str:
    """Emoji stand between the characters, or instead of some."""
    text = each(draw, text, 0.05, lambda one: draw.choice(EMOJI))
    return _between(draw, text, EMOJI, 0.3)


def line_breaks(draw: random.Random, text: str) -> str:
    """Every few characters are a line."""
    return each(draw, text, draw.uniform(0.1, 1), lambda one: one + "\n" * draw.randint(1, 3))


def _part(draw: random.Random, text: str, start: float) -> str:
    return text[round(len(text) * start) :][: (len(text) + 1) // 2]


def first_half(draw: random.Random, text: str) -> str:
    """The second half is cut away."""
    return _part(draw, text, 0)


def middle(draw: random.Random, text: str) -> str:
    """A quarter is cut away at each end, or more at one."""
    return _part(draw, text, draw.uniform(0.1, 0.4))


def last_half(draw: random.Random, text: str) -> str:
    """The first half is cut away."""
    return _part(draw, text, 0.5)


def numbers(draw: random.Random, text: str) -> str:
    """Prices, amounts and contacts are others."""

    def other(match: re.Match[str]) -> str:
        if match[0].isdigit():
            return str(draw.randrange(1, 10 ** min(len(match[0]) + 1, 12)))
        return "".join(draw.choice("abcdefghijkmnpqrstuvwxyz0123456789_") for _ in range(draw.randint(6, 12)))

    # What has letters, and digits in it, is a contact.
    return re.sub(r"[a-z_]*[0-9]+[a-z][a-z0-9_]*|[a-z][a-z_]*[0-9]+[a-z0-9_]*|\d+", other, text)


def contact_words(draw: random.Random, text: str) -> str:
    """How the contact is called is written otherwise; one is put at the end where there is none."""
    if not CONTACT.search(text):
        return f"{text} {draw.choice(CONTACTS)} {draw.choice(['abc', 'wx_', 'qq'])}{draw.randrange(10**6)}"
    return CONTACT.sub(lambda _: draw.choice(CONTACTS), text)


def digit_forms(draw: random.Random, text: str) -> str:
    """Digits are keycaps, circled or Han numerals, or letters that look like them; letters are digits."""
    keycaps = "".join(f"{one}\ufe0f\u20e3" if one.isdecimal() else one for one in text)
    forms = [text.translate(one) for one in (CIRCLED, NUMERALS, BANKERS, UNLEET)]
    return draw.choice([keycaps, *forms])


def lookalikes(draw: random.Random, text: str) -> str:
    """Letters are Cyrillic ones or digits that look alike."""
    return each(draw, text, draw.uniform(0.3, 1), lambda one: one.translate(draw.choice((CYRILLIC, LEET))))


def full_width(draw: random.Random, text: str) -> str:
    """Letters, digits and signs are full-width, or of a mathematical alphabet."""
    if draw.random() < 0.5:
        return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)
    return "".join(chr(0x1D400 + ord(one.upper()) - 65) if one.isascii() and one.isalpha() else one for one in text)


def traditional(draw: random.Random, text: str) -> str:
    """Characters are as in Taiwan and Hong Kong."""
    return each(draw, text, draw.choice((0.5, 1)), lambda one: TRADITIONAL.get(one, one))


def split_characters(draw: random.Random, text: str) -> str:
    """Characters that can be are written as their parts."""
    return each(draw, text, draw.uniform(0.5, 1), lambda one: SPLIT.get(one, one))


def pinyin(draw: random.Random, text: str) -> str:
    """Every tenth character is its sound in letters, or the first of them."""
    return each(draw, text, 0.1, lambda one: _plain(_sound(draw, one))[: draw.choice((1, 6))] or one)


def other_order(draw: random.Random, text: str) -> str:
    """The sentences stand in another order."""
    found = SENTENCE.findall(text)
    draw.shuffle(found)
    return "".join(one if one[-1:] in "，。！？；、,!?;~" else f"{one}，" for one in found)


def chat(draw: random.Random, text: str) -> str:
    """Ordinary words stand around it, one to four times as long as it is."""
    length, around = len(text) * draw.uniform(1, 4), ""
    while len(around) < length:
        around += draw.choice(texts("adverts").said()) + draw.choice("，。 \n")
    cut = draw.choice((0, len(around), draw.randrange(len(around))))
    return around[:cut] + text + around[cut : round(length)]


_CHANGES = (
    *(symbols, invisible, letters, emoji, line_breaks, homophones, near_sounds, first_half, middle, last_half, numbers),
    *(contact_words, digit_forms, lookalikes, full_width, traditional, split_characters, pinyin, other_order, chat),
)
DISGUISES: Mapping[str, Disguise] = {one.__name__: one for one in _CHANGES}
HALVES = (first_half, middle, last_half)


def two(draw: random.Random, text: str) -> str:
    """Two disguises, one over the other; chat comes last, and a half is cut from what is not disguised yet.

    Two halves are not: what is left is a quarter of an advert, a sentence that may be anybody's.
    """
    first, second = draw.sample(list(DISGUISES.values()), 2)
    if first is chat or second in HALVES:
        first, second = second, first
    if first in HALVES and second in HALVES:
        second = numbers
    return second(draw, first(draw, text))


ALL_DISGUISES: Mapping[str, Disguise] = {**DISGUISES, "two": two}
