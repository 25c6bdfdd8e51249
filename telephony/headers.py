"""One AMI block as header -> value. Never raises: a manager socket can carry any bytes (names in CP1251, cut lines)."""


def headers(block: bytes) -> dict[str, str]:
    """Split a block into its headers; later repetitions win, `ChanVariable: N=V` becomes `ChanVariable(N)`.

    Bytes that are not UTF-8 become U+FFFD; lines without a colon are passed over.
    """
    fields: dict[str, str] = {}
    for line in block.decode("utf-8", "replace").split("\n"):
        key, colon, value = line.partition(":")
        if not colon:
            continue
        value = value.strip()
        if key.endswith("ChanVariable"):
            name, _, value = value.partition("=")
            key = f"{key}({name})"
        fields[key] = value
    return fields
