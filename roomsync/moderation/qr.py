"""QR codes in pictures, read by the optional package `zxing-cpp`."""


async def read_code(data: bytes) -> str:
    """Return what stands in the QR code of a picture; empty when it has none. Raises `LookupFailed`."""
    raise NotImplementedError
