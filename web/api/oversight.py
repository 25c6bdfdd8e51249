"""Who joined whose call, for administrators."""

from aiohttp import web
from msgspec import Struct

from crm_core.oversight.rules import Spying
from screenpop.messages import optional_timestamp, timestamp
from web.api.reading import PageQuery, read_query
from web.api.routes import Route
from web.api.writing import answer
from web.auth import ADMINISTER
from web.services import services


class SpyingEntry(Struct, frozen=True):
    """A supervisor (`user`, at `phone`) joined a call of `agent`; `began_at` is None when it came to nothing."""

    id: int
    at: str
    user: str
    phone: str
    mode: str
    call_id: str
    pbx: str
    agent: str | None
    extension: str | None
    began_at: str | None
    ended_at: str | None


class SpyingList(Struct, frozen=True):
    """One page, the latest first."""

    items: tuple[SpyingEntry, ...]
    next: str | None


async def list_spyings(request: web.Request) -> web.StreamResponse:
    """List who listened to, whispered into or joined whose call."""
    query = read_query(request, PageQuery)
    page = await services(request).oversight.spyings(query.limit, query.cursor)
    return answer(SpyingList(tuple(entry(one) for one in page.items), page.next))


def entry(one: Spying) -> SpyingEntry:
    """Write a row as the API and the page do."""
    asked = one.asked
    return SpyingEntry(
        id=one.id,
        at=timestamp(one.at),
        user=asked.user,
        phone=asked.phone,
        mode=asked.mode,
        call_id=asked.call_id,
        pbx=asked.pbx,
        agent=asked.agent,
        extension=asked.agent_phone,
        began_at=optional_timestamp(one.began_at),
        ended_at=optional_timestamp(one.ended_at),
    )


routes = [
    Route(
        method="GET",
        path="/spyings",
        handler=list_spyings,
        access=ADMINISTER,
        tag="live",
        summary="Who listened to, whispered into or joined whose call",
        query=PageQuery,
        returns=SpyingList,
    ),
]
