"""`docker-compose.yml` exposes what it says, runs nothing as root and asks for nothing `.env.example` hides."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from web import settings

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")
SECRETS = {"POSTGRES_PASSWORD", "ASTERISK_AMI_SECRET", "CALLCARD_SECRET_KEY"}
ENTRYPOINT = ROOT / "asterisk_conf" / "docker-entrypoint.sh"


def text() -> str:
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def compose(values: Mapping[str, str]) -> dict[str, Any]:
    """Read the file as compose does with these values in `.env`."""

    def fill(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        value = values.get(name, "")
        assert value or kind == "-", f"{name} has no value"
        return value or rest

    read: dict[str, Any] = yaml.safe_load(VARIABLE.sub(fill, text()))
    return read


def example() -> dict[str, str]:
    """Return what `.env.example` sets."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def started() -> dict[str, Any]:
    """Read the file as somebody does who copied `.env.example` and filled in only the secrets."""
    return compose(example() | dict.fromkeys(SECRETS, "0123456789abcdef"))


def dockerfile(service: Mapping[str, Any]) -> str:
    return Path(ROOT, service["build"], "Dockerfile").read_text(encoding="utf-8")


def published(read: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, service in read["services"].items():
        for port in service.get("ports", []):
            yield name, port


def test_the_example_names_every_variable_and_no_other() -> None:
    assert set(example()) == {name for name, _, _ in VARIABLE.findall(text())}


def test_the_defaults_of_both_files_agree() -> None:
    for name, kind, default in VARIABLE.findall(text()):
        if kind == "-":
            assert (name, default) in {(name, ""), (name, example()[name])}


def test_secrets_have_no_default() -> None:
    assert {name for name, kind, _ in VARIABLE.findall(text()) if kind == "?"} == SECRETS
    assert {example()[name] for name in SECRETS} == {""}


def test_only_loopback_is_published_by_default() -> None:
    for read in (started(), compose(dict.fromkeys(SECRETS, "0123456789abcdef"))):
        ports = list(published(read))
        assert {name for name, _ in ports} == {"callcard", "asterisk"}
        assert all(port.startswith("127.0.0.1:") for _, port in ports)


def test_manager_interface_and_database_have_no_way_out() -> None:
    read = started()
    assert read["networks"]["link"]["internal"] is True
    assert set(read["services"]["postgres"]["networks"]) == {"link"}
    assert not [port for _, port in published(read) if port.partition("/")[0].endswith((":5038", ":5432"))]
    bind = read["services"]["asterisk"]["environment"]["ASTERISK_AMI_BIND"]
    assert bind == read["services"]["asterisk"]["networks"]["link"]["ipv4_address"]
    permit = read["services"]["asterisk"]["environment"]["ASTERISK_AMI_PERMIT"]
    assert permit == read["services"]["callcard"]["networks"]["link"]["ipv4_address"]


@pytest.mark.parametrize("name", ["callcard", "asterisk", "postgres"])
def test_a_service_is_watched_unprivileged_and_not_root(name: str) -> None:
    service = started()["services"][name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    user = service.get("user") or re.findall(r"^USER (\S+)$", dockerfile(service), re.MULTILINE)[-1]
    assert user not in {"root", "0"}


def test_the_image_checks_its_health_as_compose_does() -> None:
    for name in ("callcard", "asterisk"):
        service = started()["services"][name]
        check = re.search(r"^HEALTHCHECK .*\n +CMD (\[.*\])$", dockerfile(service), re.MULTILINE)
        assert check is not None
        assert yaml.safe_load(check[1]) == service["healthcheck"]["test"][1:]


def test_volumes_are_declared_and_hold_what_must_survive() -> None:
    read = started()
    used = {volume.split(":")[0] for service in read["services"].values() for volume in service.get("volumes", [])}
    assert used == set(read["volumes"])
    assert "callcard:/var/lib/callcard" in read["services"]["callcard"]["volumes"]
    assert read["services"]["callcard"]["environment"]["CALLCARD_VAR_DIR"] == "/var/lib/callcard"


def test_callcard_accepts_the_settings_it_gets() -> None:
    environment = started()["services"]["callcard"]["environment"]
    read = settings.load(environment, toml=Path("no such file"))
    assert read.database_url.startswith("postgresql+asyncpg://callcard:0123456789abcdef@postgres:5432/")
    assert [(link.name, link.host, link.port, link.user) for link in read.ami] == [
        ("main", "asterisk", 5038, "callcard")
    ]
    assert "74950000001" in read.own_numbers


def test_images_come_by_plain_names_and_packages_by_hash() -> None:
    for path in (ROOT / "Dockerfile", ROOT / "asterisk_conf" / "Dockerfile"):
        bases = re.findall(r"^FROM (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert all(re.fullmatch(r"[a-z]+:[a-z0-9.-]+", base) for base in bases), bases
    assert "--require-hashes --requirement requirements.lock" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "ASTERISK_AMI_SECRET is not set"),
        ({"ASTERISK_AMI_SECRET": "abc", "ASTERISK_TRUNK": "1.2.3.4:5060\n[general]"}, "ASTERISK_TRUNK: only letters"),
        ({"ASTERISK_AMI_SECRET": "abc;def"}, "ASTERISK_AMI_SECRET: only letters"),
    ],
)
def test_asterisk_refuses_values_that_would_change_its_configuration(environment: dict[str, str], said: str) -> None:
    done = subprocess.run(
        ["/bin/bash", str(ENTRYPOINT), "true"], env=environment, capture_output=True, text=True, check=False, timeout=10
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "abc" not in done.stderr
