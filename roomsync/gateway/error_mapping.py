"""What can go wrong with a call to the gateway, as the `GatewayError` that says what to do about it."""

import os
import socket
import ssl
from collections.abc import Awaitable
from typing import TypeVar

from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import H2Error

from roomsync import errors
from roomsync.language import _
from roomsync.text.characters import MAX_SAID, first_line, harmless

T = TypeVar("T")
REJECTED = (Status.UNAUTHENTICATED, Status.PERMISSION_DENIED)
UNSENDABLE = (Status.RESOURCE_EXHAUSTED, Status.INVALID_ARGUMENT, Status.OUT_OF_RANGE)


async def map_errors(call: Awaitable[T], endpoint: str, token: str) -> T:
    """Return what a call answers. Raises `GatewayError` for its failure.

    Its text is one line that a terminal can show, the first of what the gateway says; the token is never in it.
    """
    try:
        return await call
    except (errors.GatewayError, StopAsyncIteration):
        raise
    except GRPCError as error:
        raise _error_of(error, endpoint, token) from error
    except OSError as error:
        raise _error_of_connection(error, endpoint) from error
    except (StreamTerminatedError, H2Error) as error:
        raise errors.AnswerLost(
            _("the connection to {endpoint} broke off ({error})").format(endpoint=endpoint, error=harmless(str(error)))
        ) from error
    except UnicodeDecodeError as error:
        raise errors.GatewayRefused(_("{endpoint} answered with what is no UTF-8").format(endpoint=endpoint)) from error
    except UnicodeEncodeError as error:
        raise errors.Unsendable(_("it has a character that UTF-8 cannot write")) from error
    except Exception as error:
        # Bytes that are no protobuf make betterproto raise whatever it stumbles over.
        raise errors.GatewayRefused(
            _("{endpoint} answered with what cannot be read ({error!r:.200})").format(endpoint=endpoint, error=error)
        ) from error


def _error_of_connection(error: OSError, endpoint: str) -> errors.GatewayError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return errors.GatewayRejected(
            _("the gateway's certificate does not fit: {problem}").format(problem=harmless(error.verify_message))
        )
    if isinstance(error, ssl.SSLError):
        return errors.GatewayRejected(
            _(
                "{endpoint} does not answer in TLS ({reason}); if it is a plain gateway, set "
                "WECHATY_PUPPET_SERVICE_NO_TLS_INSECURE_CLIENT=true"
            ).format(endpoint=endpoint, reason=error.reason)
        )
    if isinstance(error, TimeoutError):
        return errors.AnswerLate(_("{endpoint} did not answer in time").format(endpoint=endpoint))
    return errors.GatewayLost(
        _("{endpoint} cannot be reached ({reason})").format(endpoint=endpoint, reason=_reason(error))
    )


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return _("no host of that name is found")
    reason = _(os.strerror(error.errno)) if error.errno else harmless(str(error)) or type(error).__name__
    hint = _(": is the gateway running, and on that port?")
    return reason + (hint if isinstance(error, ConnectionRefusedError) else "")


def _error_of(error: GRPCError, endpoint: str, token: str) -> errors.GatewayError:
    # A gateway quotes a wrong token in its answer. Below its first line stands a JS stack.
    said = (error.message or "").replace(token, "***")[:MAX_SAID]
    text = first_line(said) or error.status.name
    if error.status in REJECTED:
        return errors.GatewayRejected(
            _("{endpoint} refuses the token; check WECHATY_PUPPET_SERVICE_TOKEN").format(endpoint=endpoint)
        )
    if error.status is Status.ALREADY_EXISTS:
        return errors.GatewayBusy(_("another bot is connected to {endpoint}").format(endpoint=endpoint))
    if error.status in UNSENDABLE:
        return errors.Unsendable(text, said)
    if error.status is Status.DEADLINE_EXCEEDED:
        return errors.AnswerLate(text, said)
    return errors.GatewayRefused(text, said)
