"""What may go wrong in the stores: few named errors, one clear line each, translated at each border."""


class CrmError(Exception):
    """Root of everything the stores raise on purpose."""


class DatabaseUnavailable(CrmError):
    """The database cannot be reached, or the URL is wrong. The message never holds the password."""


class NotFound(CrmError):
    """No such row, or it was deleted."""

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"{what} {key} does not exist")
        self.what = what
        self.key = key


class Conflict(CrmError):
    """Someone else changed the row since the caller read it."""


class InvalidField(CrmError):
    """One field cannot be stored; `field` names it as the API does."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class DuplicateName(InvalidField):
    """A user of that name exists already."""

    def __init__(self, name: str) -> None:
        super().__init__("name", f"a user named {name} exists already")


class BadExtension(InvalidField):
    """An extension is malformed, or belongs to someone else."""

    def __init__(self, message: str) -> None:
        super().__init__("extensions", message)


class LockedOut(CrmError):
    """Too many failed sign-ins for this name from this address; `until` is epoch seconds."""

    def __init__(self, until: float) -> None:
        super().__init__("too many failed sign-ins: try again later")
        self.until = until
