"""Sentences for the steps of a trace: what is stored are codes and facts, the words are the reader's."""

from collections.abc import Callable

from crm_core.calls.rules import TraceEntry

Gettext = Callable[[str], str]


def sentence(step: TraceEntry, _: Gettext = str) -> str:
    """Say one step in the reader's language (English by default); a code we do not know is told as it stands."""
    pattern = _event(step, _) or _caller(step, _) or _card(step, _)
    facts = {name: "" if fact is None else fact for name, fact in step.facts.items()}
    said = pattern % facts if pattern else " ".join([step.what, *map(str, facts.values())])
    evidence = " ".join(str(facts[name]) for name in ("event", "channel", "uniqueid") if facts.get(name))
    return f"{said} ({evidence})" if evidence else said


def _event(step: TraceEntry, _: Gettext) -> str:
    if "text" in step.facts:
        return ""  # from before facts were kept
    extension = step.facts.get("extension")
    words = {
        "started": _("The call began"),
        "ringing": _("Phone %(extension)s rings"),
        "dialing": _("Phone %(extension)s dials"),
        "answered": _("Phone %(extension)s talks") if extension else _("The call is answered"),
        "stopped": _("Phone %(extension)s stopped ringing"),
        "left": _("Phone %(extension)s left the call"),
        "transferred": _("The call is being moved"),
        "updated": _("Something about the call changed"),
        "absorbed": _("Two telephone systems told of the same call")
        if step.facts.get("event") == "link"
        else _("A consultation became part of the call"),
        "ended": _("The call ended"),
    }
    return words.get(step.what, "")


def _caller(step: TraceEntry, _: Gettext) -> str:
    facts = step.facts
    if step.what == "number":
        phone = _("%(raw)s is a phone or number of our own")
        words = {
            "withheld": _("The number is withheld"),
            "internal": _("%(raw)s is a number of our own (%(e164)s)") if facts.get("own") else phone,
            "invalid": _("%(raw)s is no number that could be looked up"),
        }
        external = _("%(raw)s is read as %(e164)s") if facts.get("e164") else _("%(raw)s is an outside number as it is")
        return words.get(str(facts.get("kind")), external)
    if step.what == "match":
        return _match(step, _)
    if step.what == "agent":
        if facts.get("user") is None:
            return _("Nobody sits at %(extension)s")
        if facts.get("online"):
            return _("%(user)s sits at %(extension)s")
        return _("%(user)s sits at %(extension)s and has no browser open")
    return ""


def _match(step: TraceEntry, _: Gettext) -> str:
    facts = step.facts
    if facts.get("chosen"):
        return _("The number means client %(contact_id)s, chosen by hand among %(candidates)s")
    not_asked = _("No client was looked up: such numbers never mean one")
    words = {
        "client": _("The number belongs to client %(contact_id)s"),
        "several": _("%(candidates)s clients share the number (%(ids)s): the agent chooses"),
        "nobody": _("No client has this number"),
        "not_asked": _("The client base could not be asked") if facts.get("why") == "unavailable" else not_asked,
    }
    return words.get(str(facts.get("found")), "")


def _card(step: TraceEntry, _: Gettext) -> str:
    if step.what == "pop.none":
        words = {
            "no_agent": _("No card: nobody sits at %(extension)s"),
            "up_already": _("No new card: %(user)s has the card of this call already"),
            "dismissed": _("No card: %(user)s has put the card of this call away"),
            "never_rang": _("No card: phone %(extension)s was called and never rang"),
            "no_phone": _("No card: no phone was called"),
        }
        return words.get(str(step.facts.get("why")), "")
    if step.what == "pop.close" and step.facts.get("reason") == "dismissed":
        return _("%(user)s has put the card away")
    timed = "ms" in step.facts
    pattern = {
        "pop.show": _("The card travels from phone %(from)s to %(user)s (%(moved)s)")
        if step.facts.get("from")
        else _("The card comes up for %(user)s (%(reason)s)"),
        "pop.update": _("The card of %(user)s changes: %(status)s")
        if step.facts.get("status")
        else _("The card of %(user)s changes"),
        "pop.close": _("The card of %(user)s is closed (%(reason)s)"),
        "pop.sent": _("Sent to a browser of %(user)s (tab %(tab)s, socket %(socket)s)"),
        "pop.shown": _("On the screen of %(user)s (tab %(tab)s, socket %(socket)s)"),
    }.get(step.what, "")
    return pattern + _(", %(ms)s ms after the event") if pattern and timed else pattern
