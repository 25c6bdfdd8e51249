"""SIP messages as text: the little a scripted phone needs of RFC 3261."""

import hashlib
import re
from dataclasses import dataclass

_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^",\s]+))')
_ADDRESS = re.compile(r'^\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^<"]*?))\s*<(?P<uri>[^>]+)>(?P<rest>.*)$')


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    def header(self, name: str) -> str:
        """Return the first header of that name, or ''."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return every header of that name, in order."""
        return tuple((key, value) for key, value in self.headers if key.lower() == name.lower())

    @property
    def method(self) -> str:
        """The request's method, or '' of a response."""
        return "" if self.start.startswith("SIP/") else self.start.split(" ", 1)[0]

    @property
    def status(self) -> int:
        """The response's code, or 0 of a request."""
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/") else 0

    @property
    def branch(self) -> str:
        """What a response and its request have in common."""
        return self.header("Via").partition("branch=")[2].partition(";")[0]

    @property
    def sequence(self) -> tuple[int, str]:
        """Number and method of the CSeq header."""
        number, method = self.header("CSeq").split()
        return int(number), method

    def encode(self) -> bytes:
        """Return the bytes on the wire."""
        body = self.body.encode()
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def parse(data: bytes) -> Message:
    """Read one datagram."""
    head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.strip(), value.strip()) for name, _, value in pairs)
    return Message(start, tuple(pair for pair in headers if pair[0].lower() != "content-length"), body)


def response(request: Message, code: int, reason: str, *, tag: str = "", contact: str = "", sdp: str = "") -> Message:
    """Answer a request; `tag` makes our side of the dialog known."""
    to = request.header("To")
    headers = [*request.all("Via"), *request.all("Record-Route"), ("From", request.header("From"))]
    headers.append(("To", f"{to};tag={tag}" if tag and "tag=" not in to else to))
    headers += [("Call-ID", request.header("Call-ID")), ("CSeq", request.header("CSeq"))]
    if contact:
        headers.append(("Contact", contact))
    if sdp:
        headers.append(("Content-Type", "application/sdp"))
    return Message(f"SIP/2.0 {code} {reason}", tuple(headers), sdp)


def uri_of(address: str) -> str:
    """Return the URI of a From, To or Contact header."""
    found = _ADDRESS.match(address)
    return found["uri"] if found else address.partition(";")[0].strip()


def user_of(address: str) -> str:
    """Return the user part of its URI, the caller's number."""
    return uri_of(address).partition(":")[2].partition("@")[0] if "@" in uri_of(address) else ""


def display_name_of(address: str) -> str:
    """Return the name shown with the number, or ''."""
    found = _ADDRESS.match(address)
    return (found["quoted"] or found["plain"] or "").strip() if found else ""


def tag_of(address: str) -> str:
    """Return the dialog tag of a From or To header, or ''."""
    return address.partition(";tag=")[2].partition(";")[0]


def credentials(challenge: str, method: str, uri: str, username: str, password: str) -> str:
    """Answer a digest challenge (RFC 2617, MD5 with qop=auth)."""
    asked = {name: quoted or plain for name, quoted, plain in _PARAMETER.findall(challenge)}
    realm, nonce, count, own = asked["realm"], asked["nonce"], "00000001", "5f1c6e02"
    first = _md5(f"{username}:{realm}:{password}")
    second = _md5(f"{method}:{uri}")
    answer = _md5(f"{first}:{nonce}:{count}:{own}:auth:{second}")
    fields = f'username="{username}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{answer}"'
    opaque = f', opaque="{asked["opaque"]}"' if "opaque" in asked else ""
    return f'Digest {fields}, algorithm=MD5, qop=auth, nc={count}, cnonce="{own}"{opaque}'


def session(host: str, port: int, direction: str = "sendrecv") -> str:
    """Describe the media of one side; `sendonly` is how a phone says hold."""
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    lines += [f"m=audio {port} RTP/AVP 8", "a=rtpmap:8 PCMA/8000", f"a={direction}", ""]
    return "\r\n".join(lines)


def media_address(description: str) -> tuple[str, int]:
    """Return where the writer of a session description wants to hear."""
    lines = description.split("\r\n")
    host = next(line.split(" ")[2] for line in lines if line.startswith("c="))
    return host, int(next(line.split(" ")[1] for line in lines if line.startswith("m=audio")))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
