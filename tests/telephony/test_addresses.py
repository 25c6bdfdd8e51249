"""`CALLCARD_AMI_URL`: what it may say, and that its errors never tell the secret."""

import pytest

from telephony.addresses import AmiAddress, BadAddress, parse_ami_urls


def test_a_plain_address_is_the_pbx_main_on_5038() -> None:
    assert parse_ami_urls("ami://crm:pass@10.0.0.1") == (AmiAddress("main", "10.0.0.1", 5038, "crm", "pass"),)


def test_nothing_is_no_pbx() -> None:
    assert parse_ami_urls("  ") == ()


def test_several_pbxs_with_names_tls_and_escapes() -> None:
    one, two = parse_ami_urls(
        "ami://crm:p%40ss%23@[::1]:15038#head amis://crm:x@pbx.example?verify=no&ca=/etc/ca.pem#branch"
    )
    assert one == AmiAddress("head", "::1", 15038, "crm", "p@ss#")
    assert two == AmiAddress("branch", "pbx.example", 5039, "crm", "x", tls=True, verify=False, ca="/etc/ca.pem")


def test_the_secret_is_not_in_the_representation() -> None:
    assert "hunter2" not in repr(parse_ami_urls("ami://crm:hunter2@host"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("http://crm:hunter2@host", "ami://"),
        ("crm:hunter2@host", "ami://"),
        ("ami://crm:hunter2@", "host"),
        ("ami://crm:hunter2@host:99999", "port"),
        ("ami://crm:hunter2@host:0", "port"),
        ("ami://crm:hunter2@host:abc", "port"),
        ("ami://host", "user:secret"),
        ("ami://:hunter2@host", "user:secret"),
        ("ami://crm@host", "user:secret"),
        ("ami://crm:hunter2%0d%0aAction@host", "line break"),
        ("ami://crm:hunter2@host/path", "nothing may follow"),
        ("ami://crm:hunter2@host#a%20b", "name"),
        ("ami://crm:hunter2@host ami://crm:hunter2@other", "two PBXs"),
        ("amis://crm:hunter2@host?verify=maybe", "verify"),
        ("amis://crm:hunter2@host?ca=", "ca needs"),
        ("amis://crm:hunter2@host?color=red", "color"),
        ("ami://crm:hunter2@host?verify=no", "amis://"),
    ],
)
def test_a_bad_address_is_refused_in_words_without_the_secret(text: str, fault: str) -> None:
    with pytest.raises(BadAddress, match=fault) as refusal:
        parse_ami_urls(text)
    assert "hunter2" not in str(refusal.value)
