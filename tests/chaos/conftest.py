"""These tests stand at the real gateway too, and are left out, or fail, where it cannot run: one rule for both."""

from tests.interop.conftest import real_gateway_is_there

__all__ = ["real_gateway_is_there"]
