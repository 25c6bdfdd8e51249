from pathlib import Path

import pytest

from web.settings import Settings, SettingsError, load, signing_key

NOWHERE = Path("/nonexistent/callcard.toml")


def test_defaults_are_those_of_the_contract() -> None:
    settings = load({}, NOWHERE)
    assert settings.database_url == "sqlite+aiosqlite:///var/callcard.db"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert settings.ami == ()
    assert settings.extensions.pattern == "[0-9]{2,5}"
    assert settings.own_numbers == ()
    assert settings.region is None
    assert settings.bus_url is None
    assert settings.var_dir == Path("var")
    assert (settings.log_level, settings.log_format) == ("info", "text")


def test_every_setting_is_read() -> None:
    settings = load(
        {
            "CALLCARD_DATABASE_URL": "postgresql+asyncpg://crm:pw@db/callcard",
            "CALLCARD_HTTP": "[::1]:9000",
            "CALLCARD_AMI_URL": "ami://crm:secret@10.0.0.1 amis://crm:secret@10.0.0.2#branch",
            "CALLCARD_EXTENSIONS": "[a-z]+",
            "CALLCARD_OWN_NUMBERS": "+74951234567, 8(495)123-45-68\t74951234569",
            "CALLCARD_REGION": "br",
            "CALLCARD_BUS_URL": "nats://bus:4222",
            "CALLCARD_VAR_DIR": "/srv/callcard",
            "CALLCARD_LOG": "DEBUG",
            "CALLCARD_LOG_FORMAT": "json",
        },
        NOWHERE,
    )
    assert settings.database_file is None
    assert (settings.http_host, settings.http_port) == ("::1", 9000)
    assert [(address.name, address.tls) for address in settings.ami] == [("main", False), ("branch", True)]
    assert settings.extensions.fullmatch("ana")
    assert settings.own_numbers == ("+74951234567", "8(495)123-45-68", "74951234569")
    assert settings.region == "BR"
    assert settings.bus_url == "nats://bus:4222"
    assert (settings.log_level, settings.log_format) == ("debug", "json")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "callcard.toml"
    file.write_text('callcard_http = "127.0.0.1:1000"\ncallcard_own_numbers = ["+74951234567", "+74951234568"]\n')
    settings = load({"CALLCARD_HTTP": "127.0.0.1:2000", "CALLCARD_REGION": ""}, file)
    assert settings.http_port == 2000
    assert settings.own_numbers == ("+74951234567", "+74951234568")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CALLCARD_DATABASE_URL", "mysql://root:hunter2@db/x"),
        ("CALLCARD_HTTP", "8080"),
        ("CALLCARD_HTTP", "localhost:99999"),
        ("CALLCARD_AMI_URL", "http://crm:hunter2@10.0.0.1"),
        ("CALLCARD_AMI_URL", "ami://crm:hunter2@10.0.0.1:port"),
        ("CALLCARD_EXTENSIONS", "["),
        ("CALLCARD_OWN_NUMBERS", "call me"),
        ("CALLCARD_REGION", "Brazil"),
        ("CALLCARD_REGION", "XX"),
        ("CALLCARD_BUS_URL", "http://user:hunter2@bus"),
        ("CALLCARD_LOG", "loud"),
        ("CALLCARD_LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_key_and_no_secret(key: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({key: value}, NOWHERE)
    text = str(caught.value)
    assert text.startswith(f"{key}: ")
    assert "\n" not in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    "content", ['callcard_htpp = "127.0.0.1:1"', "callcard_http = 8080", "callcard_http", 'CALLCARD_HTTP = "x:1"']
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "callcard.toml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=r"callcard\.toml"):
        load({}, file)


def test_secrets_are_not_in_the_settings_text() -> None:
    settings = load(
        {
            "CALLCARD_DATABASE_URL": "postgresql+asyncpg://crm:hunter2@db/callcard",
            "CALLCARD_AMI_URL": "ami://crm:hunter2@10.0.0.1",
            "CALLCARD_SECRET_KEY": "hunter2",
            "CALLCARD_BUS_URL": "nats://u:hunter2@bus:4222",
        },
        NOWHERE,
    )
    assert "hunter2" not in repr(settings)


def test_the_signing_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = Settings(database_url="sqlite+aiosqlite:///x.db", var_dir=tmp_path / "var")
    key = signing_key(settings)
    assert len(key) >= 32
    assert signing_key(settings) == key
    assert (tmp_path / "var" / "secret.key").stat().st_mode & 0o077 == 0


def test_an_empty_key_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("\n")
    with pytest.raises(SettingsError, match=r"secret\.key is empty"):
        signing_key(Settings(database_url="sqlite+aiosqlite:///x.db", var_dir=tmp_path))


def test_a_var_directory_that_cannot_be_written_names_the_key(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(SettingsError, match="CALLCARD_VAR_DIR"):
        signing_key(Settings(database_url="sqlite+aiosqlite:///x.db", var_dir=tmp_path / "var"))


def test_a_log_names_a_pbx_that_is_set(tmp_path: Path) -> None:
    ami = {"CALLCARD_AMI_URL": "ami://u:s@127.0.0.1:5038#north"}
    north = load(ami | {"CALLCARD_CEL_URL": "file:///var/log/cel.json#north"}, tmp_path / "callcard.toml").cel_of(
        "north"
    )
    assert north is not None
    assert north.path == "/var/log/cel.json"
    with pytest.raises(SettingsError, match="CALLCARD_CEL_URL: no PBX is named 'main'"):
        load(ami | {"CALLCARD_CEL_URL": "file:///var/log/cel.json"}, tmp_path / "callcard.toml")
