"""From an address to a connection that is signed in: TLS, challenge, login."""

import asyncio
import hashlib
import ssl

from telephony.addresses import AmiAddress
from telephony.ami.connection import Connection
from telephony.links import ActionRefused, ActionTimeout, LoginRefused

LOGIN_SECONDS = 5.0
"""Asterisk takes a second to say no."""


async def connect(connection: Connection, address: AmiAddress) -> None:
    """Open the socket, and TLS on it where the address says so.

    Raises:
        OSError: nobody there, or a certificate that is not trusted.

    """
    context = await asyncio.to_thread(_tls, address) if address.tls else None
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: connection, address.host, address.port, ssl=context)


async def sign_in(connection: Connection, address: AmiAddress, challenge_seconds: float) -> None:
    """Sign in by challenge, or with the secret itself where the peer offers no challenge within its seconds.

    Raises:
        LoginRefused: the PBX does not take the account.
        AmiError: the connection broke, or there was no answer.

    """
    account = {"Username": address.user, "Events": "on"}
    challenge = await _challenge(connection, challenge_seconds)
    if challenge:
        # Asterisk knows MD5 and nothing better; it keeps the secret itself off the wire.
        key = hashlib.md5(f"{challenge}{address.secret}".encode(), usedforsecurity=False).hexdigest()
        account |= {"AuthType": "MD5", "Key": key}
    else:
        account |= {"Secret": address.secret}
    try:
        await connection.answer_to(connection.ask("Login", account, login=True), LOGIN_SECONDS)
    except ActionRefused as refusal:
        raise LoginRefused(str(refusal)) from refusal


async def _challenge(connection: Connection, seconds: float) -> str:
    """Ask for a challenge; nothing where there is none (disabled, or a peer that knows only Login)."""
    question = connection.ask("Challenge", {"AuthType": "MD5"}, login=True)
    try:
        answer = await connection.answer_to(question, seconds)
    except (ActionTimeout, ActionRefused):
        return ""
    return answer.fields.get("Challenge", "")


def _tls(address: AmiAddress) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=address.ca)
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
