"""QR codes in pictures: what is read, and that nobody's picture can do harm."""

import asyncio
import contextlib
import io
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from roomsync.errors import LookupFailed
from roomsync.moderation import pictures, qr
from roomsync.moderation.qr import is_available, read_code

ROOT = Path(__file__).parent.parent
LINK = "https://weixin.qq.com/g/AQYAAO7qk1vY2gSOME_GROUP"
WIDTH, HEIGHT = 1080, 1920  # of a poster


@pytest.fixture(autouse=True)
def a_machine_that_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is late because something else is running."""
    monkeypatch.setattr(qr, "READ_TIMEOUT", 30.0)


def code(text: str, size: int) -> Image.Image:
    """A QR code of that many pixels."""
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    drawn = memoryview(barcode.to_image(scale=8))
    height, width = drawn.shape or (0, 0)
    return Image.frombytes("L", (width, height), bytes(drawn.cast("B"))).resize((size, size))


def poster(size: int, text: str = LINK, angle: int = 0, scale: int = 1, mode: str = "RGB") -> Image.Image:
    """A poster with a code of `size` pixels near its lower right corner; 0: without one."""
    picture = Image.effect_noise((WIDTH * scale // 4, HEIGHT * scale // 4), 70).resize((WIDTH * scale, HEIGHT * scale))
    picture = picture.convert("RGB")
    draw = ImageDraw.Draw(picture)
    for number in range(60):
        x, y = number * 211 % picture.width, number * 577 % picture.height
        draw.rectangle((x, y, x + 90, y + 30), fill=(number * 4, 255 - number * 4, number))
    if size:
        drawn = code(text, size).rotate(angle, expand=True, fillcolor=255).convert("RGB")
        picture.paste(drawn, (picture.width - drawn.width - 40, picture.height - drawn.height - 40))
    return picture.convert(mode)


def encoded(picture: Image.Image, form: str, **more: object) -> bytes:
    """A picture as it is posted."""
    data = io.BytesIO()
    picture.save(data, form, **({"compress_level": 1} if form == "PNG" else {}), **more)
    return data.getvalue()


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("GIF", "P"),
        ("WEBP", "RGB"),
        ("BMP", "RGB"),
    ],
)
async def test_a_small_code_on_a_poster(form: str, mode: str) -> None:
    """A code of a ninth of a poster's width is read, whatever the picture is made of."""
    assert await read_code(encoded(poster(WIDTH // 9, mode=mode), form)) == LINK


@pytest.mark.parametrize("angle", [15, 45, 90, 180, 250])
async def test_a_code_that_is_turned(angle: int) -> None:
    """A code is read whichever way it is turned."""
    assert await read_code(encoded(poster(WIDTH // 4, angle=angle), "JPEG")) == LINK


async def test_a_code_in_light_on_dark() -> None:
    """A code with its colours exchanged is read, as phones read it."""
    inverted = Image.eval(code(LINK, 300), lambda value: 255 - value)
    picture = Image.new("L", (800, 800), 0)
    picture.paste(inverted, (200, 200))
    assert await read_code(encoded(picture, "JPEG")) == LINK


async def test_a_code_on_nothing() -> None:
    """A code in black on a ground that cannot be seen is read as on white."""
    drawn = code(LINK, 300)
    picture = Image.new("RGBA", drawn.size, (0, 0, 0, 0))
    picture.putalpha(Image.eval(drawn, lambda value: 255 - value))
    assert await read_code(encoded(picture, "PNG")) == LINK


async def test_a_photograph_is_read_in_half_its_size() -> None:
    """A JPEG of more pixels than are scanned is decoded to fewer, and its code is found."""
    large = poster(WIDTH // 2, scale=3)
    assert pictures.MAX_SCANNED < large.width * large.height <= pictures.MAX_PIXELS
    assert await read_code(encoded(large, "JPEG", quality=60)) == LINK


async def test_a_long_screenshot() -> None:
    """A picture that cannot be decoded to fewer pixels is halved after it, and its code is found."""
    picture = Image.new("L", (1080, 8000), 255)
    assert pictures.MAX_SCANNED < picture.width * picture.height <= pictures.MAX_WHOLE
    picture.paste(code(LINK, 200), (500, 7500))
    assert await read_code(encoded(picture, "PNG")) == LINK


@pytest.mark.parametrize("data", [b"", encoded(poster(0), "JPEG"), encoded(Image.new("L", (1, 1)), "PNG")])
async def test_no_code(data: bytes) -> None:
    """A picture without a code has no text, as no picture."""
    assert await read_code(data) == ""


async def test_another_barcode_is_none() -> None:
    """Goods have bar codes, which lead nowhere."""
    drawn = memoryview(zxingcpp.create_barcode("6901234567892", zxingcpp.BarcodeFormat.EAN13).to_image(scale=4))
    height, width = drawn.shape or (0, 0)
    assert await read_code(encoded(Image.frombytes("L", (width, height), bytes(drawn.cast("B"))), "PNG")) == ""


async def test_text_is_cut_and_harmless() -> None:
    """What stands in a code is one line without what a terminal obeys, at most 500 characters long."""
    assert await read_code(encoded(code("a\x1b[2J\r\nb\u202e图 ", 400), "PNG")) == "a [2J  b图"
    assert await read_code(encoded(code("x" * 900, 900), "PNG")) == "x" * 500


def bomb(width: int, height: int) -> bytes:
    """A PNG that says that it has so many pixels, and has none."""
    empty = encoded(Image.new("L", (1, 1)), "PNG")
    size = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + empty[24:29]
    return empty[:12] + size + zlib.crc32(size).to_bytes(4, "big") + empty[33:]


@pytest.mark.parametrize(
    ("width", "height"), [(4000, 4000), (10_001, 1000), (11_000, 11_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)]
)
async def test_too_many_pixels(width: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that says that it has too many pixels is refused before it is decoded."""
    monkeypatch.setattr(pictures, "_grey", None)
    with pytest.raises(LookupFailed, match=r"too large|exceeds limit"):
        await read_code(bomb(width, height))


async def test_too_many_pixels_in_a_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JPEG may have more, as it is decoded to fewer, but not any number; a progressive one may not."""
    plain, progressive = (encoded(poster(0, scale=3), "JPEG", quality=10, progressive=one) for one in (False, True))
    with pytest.raises(LookupFailed, match="too large"):
        await read_code(progressive)
    monkeypatch.setattr(pictures, "MAX_PIXELS", 9 * WIDTH * HEIGHT - 1)
    with pytest.raises(LookupFailed, match="too large"):
        await read_code(plain)


async def test_too_many_scans() -> None:
    """A progressive JPEG in which one scan stands again and again, each work for all pixels, is refused."""
    data = encoded(poster(0), "JPEG", progressive=True)
    last = data.rindex(pictures.SCAN)
    assert await read_code(data) == ""
    with pytest.raises(LookupFailed, match="scans"):
        await read_code(data[:-2] + data[last:-2] * 60 + data[-2:])


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
async def test_damaged_pictures(form: str) -> None:
    """A picture that ends anywhere, or has wrong bytes anywhere, is read or fails as a look-up does."""
    whole = encoded(poster(0).resize((60, 90)).convert("P" if form == "GIF" else "RGB"), form)
    for number in range(60):
        damaged = bytearray(whole)
        damaged[number * 37 % min(len(whole), 400)] ^= 1 << number % 8
        for data in (whole[: len(whole) * number // 60], bytes(damaged)):
            with contextlib.suppress(LookupFailed):
                assert await read_code(data) == ""


@pytest.mark.parametrize("data", [b"x", b"<svg/>", b"%PDF-1.4", b"\xff\xd8\xff", b"GIF89a", bytes(1000)])
async def test_what_is_no_picture(data: bytes) -> None:
    """Bytes that are no picture of a known kind are a look-up that failed."""
    with pytest.raises(LookupFailed):
        await read_code(data)


async def test_a_picture_that_moves() -> None:
    """Of a picture that moves, the first frame is looked at, however many there are."""
    frames = [Image.new("L", (300, 300), shade) for shade in range(60)]
    first = encoded(code(LINK, 300), "GIF", save_all=True, append_images=frames)
    later = encoded(frames[0], "GIF", save_all=True, append_images=[*frames[1:], code(LINK, 300)])
    assert [await read_code(first), await read_code(later)] == [LINK, ""]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Pictures named `slow` are not read before this is set."""
    gate, real = threading.Event(), pictures.text_of_code

    def text_of_code(data: bytes) -> str:
        return str(gate.wait(30)) if data == b"slow" else real(data)

    monkeypatch.setattr(pictures, "text_of_code", text_of_code)
    yield gate
    gate.set()


async def until_idle() -> None:
    """Wait until no thread of the reader is left."""
    while any(one.name == "qr codes" for one in threading.enumerate()):
        await asyncio.sleep(0.001)


async def test_a_slow_picture_fails_and_those_after_it_at_once(
    slow: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that takes too long fails, so do those that come while it is read, and then all is well again."""
    await until_idle()  # what a test before left to the thread
    monkeypatch.setattr(qr, "READ_TIMEOUT", 0.01)
    with pytest.raises(LookupFailed, match="not read within"):
        await read_code(b"slow")
    await asyncio.sleep(0.01)
    with pytest.raises(LookupFailed, match="earlier picture"):
        await read_code(encoded(code(LINK, 300), "PNG"))
    assert not qr._reader._waiting
    monkeypatch.setattr(qr, "READ_TIMEOUT", 30.0)
    slow.set()
    await until_idle()
    assert await read_code(encoded(code(LINK, 300), "PNG")) == LINK


async def test_pictures_wait_for_each_other(slow: threading.Event) -> None:
    """Pictures that come at the same time are read one after the other, by one thread, which then ends."""
    readings = [asyncio.create_task(read_code(data)) for data in (b"slow", *[encoded(code(LINK, 300), "PNG")] * 3)]
    await asyncio.sleep(0)
    assert sum(one.name == "qr codes" for one in threading.enumerate()) == 1
    slow.set()
    assert await asyncio.gather(*readings) == ["True", LINK, LINK, LINK]
    await until_idle()


async def test_nobody_waits_any_more(slow: threading.Event) -> None:
    """A picture whose reader gave up is not read, and the next one is."""
    first = asyncio.create_task(read_code(b"slow"))
    second = asyncio.create_task(read_code(b"slow"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert not qr._reader._waiting or qr._reader._waiting[0].data == b"slow"
    assert len(qr._reader._waiting) <= 1
    slow.set()
    assert await first == "True"


async def test_what_nobody_thought_of_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the reader's own is in the log, fails one look-up, and does not end the thread."""

    def text_of_code(data: bytes) -> str:
        raise RuntimeError("not thought of")

    monkeypatch.setattr(pictures, "text_of_code", text_of_code)
    with pytest.raises(LookupFailed):
        await read_code(b"a")
    assert "not thought of" in caplog.text


@pytest.fixture
def without_a_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One of the two packages is not installed."""
    monkeypatch.setattr(qr, "find_spec", lambda name: None if name == "zxingcpp" else object())
    is_available.cache_clear()
    yield
    is_available.cache_clear()


async def test_not_installed(without_a_package: None) -> None:
    """Without its packages no picture has a text, and nothing fails."""
    assert not is_available()
    assert await read_code(encoded(code(LINK, 300), "PNG")) == ""


SCRIPT = """
import asyncio, sys, time
from roomsync.moderation import qr
assert qr.is_available() and not {"PIL", "zxingcpp"} & sys.modules.keys()
qr.READ_TIMEOUT = 30
try:
    asyncio.run(qr.read_code(bytes.fromhex(sys.argv[1])))
except qr.LookupFailed as error:
    print(error)
from roomsync.moderation import pictures
pictures.text_of_code = lambda data: time.sleep(600)
qr.READ_TIMEOUT = 0.01
try:
    asyncio.run(qr.read_code(b"a"))
except qr.LookupFailed:
    print("ended")
"""


def test_a_process_of_its_own() -> None:
    """Nothing is imported for a picture that did not come, Pillow does not warn, and no picture keeps a process."""
    command = [sys.executable, "-c", SCRIPT, bomb(11_000, 11_000).hex()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["a picture of 11000 x 11000 pixels is too large", "ended"]
