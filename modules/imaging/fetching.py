"""Pictures from the web, for requests that name an address where a picture is wanted.

Whoever may send a request could otherwise have this machine ask its own network for them. So an address is looked
up once, every place that it leads to must be in the open net, the connection goes to that very place, and each
redirection is looked at in the same way.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modules.faults import InvalidField, NotSupported
from modules.imaging.reading import decode_base64

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 64 * 1024 * 1024
MAX_REDIRECTIONS = 5
_STEP_SECONDS = 15.0


@dataclass(frozen=True)
class FetchRules:
    """What may be fetched.

    Args:
        allowed: addresses may stand in requests at all.
        local: those of this machine and of the network around it may, too.
        user_agent: how Easel calls itself there; "" leaves that to the library.
        seconds: the longest that one picture may take.
    """

    allowed: bool = True
    local: bool = False
    user_agent: str = ""
    seconds: float = 30.0


def is_address(text: str) -> bool:
    """Whether a text is an http(s) address and no picture in base64."""
    return text[:8].lower().startswith(("http://", "https://"))


def picture_bytes(text: str, name: str, rules: FetchRules) -> bytes:
    """The picture file that a field of a request holds, or whose address it is.

    Args: text: base64, with or without `data:image/png;base64,` before it, or an http(s) address; name: the field.

    Raises: InvalidField: it is neither, or there is no file to be had; NotSupported: the rules don't allow it.
    """
    text = text.strip()
    return fetch(text, name, rules) if is_address(text) else decode_base64(text, name)


def fetch(address: str, name: str, rules: FetchRules) -> bytes:
    """The file at an address, of at most 64 MiB; whether it is a picture is not looked at.

    Args: name: the field of the request, for the message.

    Raises: InvalidField: there is no file to be had; NotSupported: the rules don't allow it.
    """
    import httpx

    if not rules.allowed:
        raise NotSupported(
            f"{name}: fetching pictures from addresses is switched off (the setting api_enable_requests). "
            "Send the picture itself, as base64.",
            name,
        )
    headers = {"Accept-Encoding": "identity"}  # pictures are small as they are
    if rules.user_agent:
        headers["User-Agent"] = rules.user_agent
    visit = _Visit(name, rules.local, time.monotonic() + rules.seconds)
    try:
        with httpx.Client(headers=headers, timeout=min(_STEP_SECONDS, rules.seconds)) as client:
            url = httpx.URL(address)
            for _ in range(MAX_REDIRECTIONS + 1):
                found = visit.get(client, url)
                if isinstance(found, bytes):
                    return found
                url = found
    except httpx.TimeoutException:
        raise visit.fault("it did not answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise visit.fault(str(error) or "it can't be reached") from error
    raise visit.fault("it leads on and on")


@dataclass
class _Visit:
    """One picture being fetched; `until` is a time of the monotonic clock."""

    name: str
    local: bool
    until: float
    host: str = field(default="the address", init=False)

    def fault(self, reason: str) -> InvalidField:
        return InvalidField(self.name, f"{self.name}: no picture came from {self.host}: {reason}.")

    def get(self, client: httpx.Client, url: httpx.URL) -> bytes | httpx.URL:
        """The file, or the address that it is at."""
        if url.scheme not in ("http", "https") or not url.host:
            raise self.fault("it is no http or https address")
        self.host = url.host[:200]
        target, headers, extensions = url, {}, {}
        if not self.local:
            target = url.copy_with(host=self._public_place(url))
            headers, extensions = {"Host": url.netloc.decode()}, {"sni_hostname": url.raw_host.decode()}
        with client.stream("GET", target, headers=headers, extensions=extensions) as answer:
            if answer.is_redirect:
                return url.join(answer.headers["location"])
            if answer.status_code != 200:
                raise self.fault(f"it answered {answer.status_code}")
            return self._read(answer)

    def _read(self, answer: httpx.Response) -> bytes:
        announced = answer.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > MAX_BYTES:
            raise self.fault("the file is too large")
        data = bytearray()
        for part in answer.iter_bytes():
            data += part
            if len(data) > MAX_BYTES:
                raise self.fault("the file is too large")
            if time.monotonic() > self.until:
                raise self.fault("it took too long")
        return bytes(data)

    def _public_place(self, url: httpx.URL) -> str:
        """The IP address that the host's name leads to."""
        try:
            found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise self.fault("there is no such host") from None
        places = [str(each[4][0]) for each in found]
        if not places or not all(is_public(place) for place in places):
            raise NotSupported(
                f"{self.name}: {self.host} is on this machine or in the network around it, and pictures from there "
                "are not fetched (the setting api_forbid_local_requests). Send the picture itself, as base64.",
                self.name,
            )
        return places[0]


def is_public(place: str) -> bool:
    """Whether an IP address is in the open net: none of this machine, of a local network or of a special purpose."""
    try:
        address = ipaddress.ip_address(place.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return address.is_global and not address.is_multicast and (inner is None or is_public(str(inner)))
