"""Mails by SMTP: a link, and never a word of what was lost or found."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

from matching_spark.errors import MatchingError, UsageError
from matching_spark.score.components import Language
from matching_spark.service.pages.words import say
from matching_spark.service.people.addresses import ADDRESS
from matching_spark.setting_groups import Service

Kind = Literal["confirm", "news"]
_PATHS: dict[Kind, str] = {"confirm": "/confirm", "news": "/mine"}
_WORDS: dict[tuple[Kind, Language], tuple[str, str]] = {
    ("confirm", "ko"): (
        "메일 주소를 확인해 주세요",
        "이 주소로 분실물 소식을 받겠다는 신청이 있었습니다. 신청하셨다면 아래 링크를 열고 "
        "단추를 눌러 주세요. 링크는 3일 동안 쓸 수 있습니다.\n\n{link}\n\n"
        "신청하지 않으셨다면 아무것도 하지 않으셔도 됩니다. 다른 메일은 보내지 않습니다.\n",
    ),
    ("confirm", "en"): (
        "Please confirm your address",
        "Somebody asked for news of a lost thing to be sent to this address. If it was you, open "
        "this link and press the button. The link works for 3 days.\n\n{link}\n\n"
        "If it was not you, there is nothing to do. No other mail will be sent.\n",
    ),
    ("news", "ko"): (
        "분실 신고에 새 소식이 있습니다",
        "찾으시는 물건일 수 있는 것이 새로 들어왔습니다. 아래 링크에서 확인해 주세요.\n\n"
        "{link}\n\n이 링크를 가진 사람은 누구나 신고를 볼 수 있으니 다른 사람에게 보내지 마세요. "
        "메일을 그만 받으려면 같은 곳에서 주소를 지우면 됩니다.\n",
    ),
    ("news", "en"): (
        "News about your lost property report",
        "Something that may be yours was handed in. See it by this link.\n\n{link}\n\n"
        "Whoever has this link can see your report: do not pass it on. To get no more mails, "
        "remove your address there.\n",
    ),
}


class NotNowError(MatchingError):
    """The server did not take a mail, and may later."""


class AwayError(NotNowError):
    """The server did not take a mail, whoever it was for: it will not take another one now."""


class RefusedError(MatchingError):
    """The server will never take this mail."""


class Mailer:
    """By the settings' server. context: of its certificate; by default the system's."""

    def __init__(
        self, settings: Service, context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    ) -> None:
        """Raises UsageError where a setting is missing or no address."""
        host, sender, url = settings.smtp_host, settings.smtp_from, settings.url
        if host is None or sender is None or url is None:
            raise UsageError(
                "mail needs service.smtp_host, service.smtp_from and service.url: set all three",
                argument="service.smtp_host",
            )
        if not ADDRESS.fullmatch(sender):
            raise UsageError(
                "service.smtp_from is no mail address: write it as found@example.com",
                argument="service.smtp_from",
            )
        for name in ("smtp_user", "smtp_password"):
            if not (getattr(settings, name) or "").isascii():
                raise UsageError(
                    f"service.{name} has letters that are not ASCII, which cannot be sent to the "
                    "mail server: set one without them there and here",
                    argument=f"service.{name}",
                )
        self._settings, self._context = settings, context
        self._host, self._sender, self._url = host, sender, url.rstrip("/")

    def send(self, kind: Kind, address: str, language: Language, token: str) -> None:
        """Raises NotNowError, or RefusedError where trying again is of no use; neither says more of
        the address than its server does by a number."""
        mail = self.message(kind, address, language, token)
        try:
            with self._connected() as server:
                server.send_message(mail, self._sender, [address])
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            listed = ", ".join(map(str, sorted(codes)))
            kinds = RefusedError if all(500 <= code < 600 for code in codes) else NotNowError
            raise kinds(f"its address was refused by {self._host} ({listed})") from None
        except smtplib.SMTPResponseException as error:
            raise AwayError(f"{self._host} answered {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError, UnicodeError) as error:  # of a host's name
            raise AwayError(f"{self._host}: {type(error).__name__}") from None

    def message(self, kind: Kind, address: str, language: Language, token: str) -> EmailMessage:
        """Raises ValueError for an address with a line of its own."""
        subject, text = _WORDS[kind, language]
        mail = EmailMessage()
        mail["From"] = Address(say("name", language), addr_spec=self._sender)
        mail["To"], mail["Subject"] = address, subject
        mail["Date"] = formatdate(localtime=False)
        mail["Message-ID"] = make_msgid(domain=self._sender.partition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nothing answers it by itself
        mail["Content-Language"] = language
        words = text.format(link=f"{self._url}{_PATHS[kind]}#{token}")
        mail.set_content(words, cte="base64")  # which every server passes on as it is
        return mail

    def _connected(self) -> smtplib.SMTP:
        """Signed in, and by TLS unless the settings say none."""
        of = self._settings
        if of.smtp_tls == "tls":
            server: smtplib.SMTP = _ByTls(
                self._host, of.smtp_port, timeout=of.smtp_timeout_s, context=self._context()
            )
        else:
            server = _InTime(self._host, of.smtp_port, timeout=of.smtp_timeout_s)
        try:
            if of.smtp_tls == "starttls":
                server.starttls(context=self._context())
            if of.smtp_user is not None:
                server.login(of.smtp_user, of.smtp_password or "")
        except BaseException:
            server.close()
            raise
        return server


class _InTime(smtplib.SMTP):
    """Whose answer comes within the time, to its last line: Python counts it anew for each piece,
    and reads lines without an end."""

    def getreply(self) -> tuple[int, bytes]:
        late = threading.Timer(self.timeout, _end, (self.sock,))
        late.start()
        try:
            return super().getreply()
        finally:
            late.cancel()


class _ByTls(_InTime, smtplib.SMTP_SSL):
    pass


def _end(of: socket.socket) -> None:
    with suppress(OSError):  # it has ended
        socket.socket.shutdown(of, socket.SHUT_RDWR)  # below TLS, which another thread reads
