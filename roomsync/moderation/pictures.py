"""The text of the QR code in a picture. Only `qr` imports this: it needs the packages of requirements-qr.txt.

Whoever posts a picture chooses its bytes: what it says of its size is looked at before anything of it is decoded.
"""

import io
import warnings

import zxingcpp

# By name, so that Pillow does not import the forty others when it is given what is none of these.
from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from roomsync.errors import LookupFailed
from roomsync.language import _
from roomsync.text.characters import plain

FORMATS = [
    one.format
    for one in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        GifImagePlugin.GifImageFile,
        WebPImagePlugin.WebPImageFile,
        BmpImagePlugin.BmpImageFile,
    )
]
MAX_PIXELS = 25_000_000  # of a picture
MAX_WHOLE = 10_000_000  # of one that has to be in memory as it is: only a plain JPEG can be decoded to half its size
# Pixels in which a code is looked for; what is halved for that still shows all that phones read.
MAX_SCANNED = 8_000_000
MAX_SCANS = 50  # of a progressive JPEG, which has ten: each is work for all of its pixels, and can be few bytes
MAX_CODE = 500  # characters
SCAN = b"\xff\xda"  # JPEG's marker "start of scan": ITU-T T.81, table B.1

# What Pillow finds odd in a stranger's picture is nothing for the terminal.
warnings.filterwarnings("ignore", module=r"PIL\.")


def text_of_code(data: bytes) -> str:
    """Return the text of the first QR code, cut and made harmless; empty for none. Raises `LookupFailed`."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _refuse_large(image, data)
            grey = _grey(image)
        code = zxingcpp.read_barcode(
            grey.reduce(2) if grey.width * grey.height > MAX_SCANNED else grey,
            formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
            try_rotate=False,  # a QR code is found whichever way it is turned
            text_mode=zxingcpp.TextMode.Plain,
        )
    except LookupFailed:
        raise
    except Exception as error:  # Pillow's readers raise whatever they stumble over
        raise LookupFailed(_("a picture cannot be read ({error!r:.200})").format(error=error)) from error
    return plain(code.text[:MAX_CODE], MAX_CODE).strip() if code else ""


def _refuse_large(image: ImageFile, data: bytes) -> None:
    """Raise `LookupFailed` for a picture that is too much work, by what it says of itself."""
    is_progressive = "progressive" in image.info
    is_plain_jpeg = image.format == JpegImagePlugin.JpegImageFile.format and not is_progressive
    if image.width * image.height > (MAX_PIXELS if is_plain_jpeg else MAX_WHOLE):
        raise LookupFailed(
            _("a picture of {width} x {height} pixels is too large").format(width=image.width, height=image.height)
        )
    if is_progressive and data.count(SCAN) > MAX_SCANS:
        raise LookupFailed(_("a progressive JPEG has too many scans"))


def _grey(image: ImageFile) -> Image.Image:
    """Return the first frame of a picture in shades of grey, on white paper; a large JPEG in half its size."""
    divisor = 2 if image.width * image.height > MAX_SCANNED else 1
    image.draft("L", (image.width // divisor, image.height // divisor))  # nothing but a JPEG heeds it
    if not image.has_transparency_data:
        return image.convert("L")
    layered = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
    paper = Image.new("L", layered.size, 255)
    paper.paste(layered.convert("L"), mask=layered.getchannel("A"))
    return paper
