"""One AMI block as header -> value. Never raises: a manager socket can carry any bytes (names in CP1251, cut lines)."""


def headers(block: bytes) -> dict[str, str]:
    """Split a block into its headers; later repetitions win, `ChanVariable: N=V` becomes `ChanVariable(N)`.

    Bytes that are not UTF-8 become U+FFFD; lines without a colon are passed over.
    """
    text = block.decode("utf-8", "replace")
    lines = [line.partition(":") for line in text.split("\n")]
    if "ChanVariable" not in text:
        return {key: value.strip() for key, colon, value in lines if colon}
    return dict(_field(key, value.strip()) for key, colon, value in lines if colon)


def _field(key: str, value: str) -> tuple[str, str]:
    if not key.endswith("ChanVariable"):
        return key, value
    name, _, content = value.partition("=")
    return f"{key}({name})", content
