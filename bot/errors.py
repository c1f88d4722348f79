"""Every error that the bot raises on purpose, and whose fault each one is.

    BotError
    ├── UserError                 the user's file, argument or environment
    │   ├── ConfigError
    │   ├── FileProblems          a flow, campaign, people or config file: every mistake at once
    │   └── PluginError
    ├── PeerError                 what the other side of the wire sent or did
    │   ├── MalformedMessage      SIP, XML or JSON that cannot be read
    │   ├── MalformedSdp
    │   ├── CallFailed            a call that never came to be (carries the status)
    │   ├── CallEnded             the call is over, so the operation cannot be done
    │   └── OperationRefused      an operation that the phone system turned down
    │       └── CallTaken         somebody else of ours is dealing with the ringing call already
    ├── PlatformError             the network, the phone system or this machine
    │   ├── ConnectionFailed
    │   │   └── CertificateNotTrusted
    │   ├── RegistrationFailed    (carries the status)
    │   │   └── TooManyContacts   five instances are registered already
    │   ├── NotRegistered         the phone is down: outbound calls fail at once
    │   ├── NoReply               nothing came back within the time limit
    │   ├── RestError             (carries the status and the platform's code)
    │   ├── MediaFailed
    │   ├── SpeechFailed
    │   └── StoreFailed           the database cannot be opened, read or written
    └── InternalError             us
        └── IllegalTransition     a state machine was asked for a move that it does not have

A library's exception is translated into one of these where it crosses our boundary. The text of an
error says what happened; `hint` says what to do next.
"""

from __future__ import annotations

__all__ = [
    "BotError",
    "CallEnded",
    "CallFailed",
    "CallTaken",
    "CertificateNotTrusted",
    "ConfigError",
    "ConnectionFailed",
    "IllegalTransition",
    "InternalError",
    "MalformedMessage",
    "MalformedSdp",
    "MediaFailed",
    "NoReply",
    "NotRegistered",
    "OperationRefused",
    "PeerError",
    "PlatformError",
    "PluginError",
    "RegistrationFailed",
    "RestError",
    "SpeechFailed",
    "StoreFailed",
    "TooManyContacts",
    "UserError",
]


class BotError(Exception):
    """The root. `hint` is one sentence that says what to do next, or empty."""

    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint

    @property
    def message(self) -> str:
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UserError(BotError):
    """Something that the user wrote is wrong, and the user can mend it."""


class ConfigError(UserError):
    """A configuration file or environment variable is missing or wrong."""


class PluginError(UserError):
    """A plugin cannot be loaded, or broke a rule of the plugin interface."""


class PeerError(BotError):
    """The other side sent or did something that we cannot go on with."""


class MalformedMessage(PeerError):
    """A SIP message, XML command or JSON command that cannot be read."""


class MalformedSdp(PeerError):
    """A session description that cannot be read, or has no audio that we can use."""


class StatusError(BotError):
    """Mixed into errors that carry a SIP status line. `status` is 0 when there was none."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason


class CallFailed(StatusError, PeerError):
    """A call never came to be. `status` and `reason` are those of the final response."""


class CallEnded(PeerError):
    """The call is over, so what was asked of it cannot be done any more."""


class OperationRefused(StatusError, PeerError):
    """The phone system turned an operation down."""


class CallTaken(OperationRefused):
    """Somebody else of ours has answered a ringing call, or is answering it, or is sending it elsewhere."""


class PlatformError(BotError):
    """The network, the phone system or this machine failed; trying again may help."""


class ConnectionFailed(PlatformError):
    """No connection to the server, or it was lost."""


class CertificateNotTrusted(ConnectionFailed):
    """The server's TLS certificate is not one that we trust."""


class RegistrationFailed(StatusError, PlatformError):
    """The registrar refused us. `status` and `reason` are those of its response."""


class TooManyContacts(RegistrationFailed):
    """603: five instances of this extension are registered already."""


class NotRegistered(PlatformError):
    """The phone is not registered at the moment."""


class NoReply(PlatformError):
    """The server did not answer within the limit."""


class RestError(StatusError, PlatformError):
    """The REST interface refused a request. `code` is the platform's own, such as CMN-102."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", code: str = "", hint: str = "") -> None:
        super().__init__(message, status=status, reason=reason, hint=hint)
        self.code = code


class MediaFailed(PlatformError):
    """Audio could not be set up (ICE or DTLS), or was lost."""


class SpeechFailed(PlatformError):
    """The speech engine could not make the prompt."""


class StoreFailed(PlatformError):
    """The database cannot be opened, read or written."""


class InternalError(BotError):
    """A fault of ours."""

    hint = "this is a fault in the bot: please report it with the log"


class IllegalTransition(InternalError):
    """A state machine was asked for a move that its table does not have."""
