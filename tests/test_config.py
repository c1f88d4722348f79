"""The configuration: what the file says, what the environment says, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.config import ENVIRONMENT, Config, load_config
from bot.errors import ConfigError
from bot.problems import FileProblems

PHONES = "phones:\n  - {name: desk, extension: '101'}\n"
ACCOUNT = """\
account: ringcentral
ringcentral:
  server: https://file.example
  client_id: id-of-the-file
  client_secret: secret-of-the-file
  jwt: jwt-of-the-file
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "bot.yaml"
    path.write_text(text)
    return path


def load(folder: Path, text: str, **environment: str) -> Config:
    return load_config(write(folder, text), environment)


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    config = load(tmp_path, PHONES)
    assert config.account == "sandbox"
    assert config.media.codecs == ("PCMU", "opus")
    assert config.log.level == "warning"
    assert config.phones[0].extension == "101"


def test_relative_paths_are_relative_to_the_files_folder(tmp_path: Path) -> None:
    config = load(tmp_path, PHONES + "flows: my/flows\nplugins: /opt/plugins\n")
    assert config.flows == tmp_path / "my/flows"
    assert config.campaigns == tmp_path / "flows/campaigns"
    assert config.state == tmp_path / ".bot"
    assert config.plugins == Path("/opt/plugins")


def test_the_database_is_in_the_state_folder_unless_it_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, PHONES).database_url() == f"sqlite+aiosqlite:///{tmp_path / '.bot/bot.sqlite3'}"
    assert load(tmp_path, PHONES + "database: sqlite+aiosqlite:////tmp/x\n").database_url().endswith("/tmp/x")


def test_the_environment_wins_over_the_file_value_by_value(tmp_path: Path) -> None:
    found = load(tmp_path, ACCOUNT + PHONES, RINGCENTRAL_CLIENT_ID="id-of-env", RINGCENTRAL_JWT_TOKEN="jwt-of-env")
    account = found.ringcentral
    assert (account.server, account.client_id) == ("https://file.example", "id-of-env")
    assert account.jwt.get_secret_value() == "jwt-of-env"
    assert account.client_secret.get_secret_value() == "secret-of-the-file"


def test_an_empty_variable_is_none_at_all(tmp_path: Path) -> None:
    assert load(tmp_path, ACCOUNT + PHONES, RINGCENTRAL_CLIENT_ID="").ringcentral.client_id == "id-of-the-file"


def test_without_an_environment_given_it_is_that_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGCENTRAL_SERVER_URL", "https://process.example")
    assert load_config(write(tmp_path, PHONES)).ringcentral.server == "https://process.example"


@pytest.mark.parametrize("missing", ["RINGCENTRAL_CLIENT_ID", "RINGCENTRAL_CLIENT_SECRET", "RINGCENTRAL_JWT_TOKEN"])
def test_an_account_without_one_credential_says_which(tmp_path: Path, missing: str) -> None:
    environment = {name: "there" for name in ENVIRONMENT if name != missing}
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, "account: ringcentral\n" + PHONES, **environment)
    assert missing in raised.value.message
    assert not any(name in raised.value.message for name in environment)


def test_phones_with_a_jwt_each_need_none_of_the_accounts(tmp_path: Path) -> None:
    own = "account: ringcentral\nphones:\n  - {name: desk, jwt: one}\n  - {name: sales, jwt: two}\n"
    environment = {"RINGCENTRAL_CLIENT_ID": "id", "RINGCENTRAL_CLIENT_SECRET": "secret"}
    assert load(tmp_path, own, **environment).phones[1].jwt.get_secret_value() == "two"
    with pytest.raises(ConfigError, match="RINGCENTRAL_JWT_TOKEN"):
        load(tmp_path, own.replace(", jwt: two", ""), **environment)


def test_the_sandbox_needs_no_credentials(tmp_path: Path) -> None:
    assert load(tmp_path, PHONES).ringcentral.client_id == ""


def test_secrets_are_in_no_text_of_the_configuration(tmp_path: Path) -> None:
    config = load(tmp_path, ACCOUNT + PHONES)
    for text in (repr(config), str(config), config.model_dump_json()):
        assert "secret-of-the-file" not in text
        assert "jwt-of-the-file" not in text


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (PHONES + "flow: flows\n", "bot.yaml:3:1", 'unknown key "flow"'),
        ("phones:\n  - {name: desk, extention: '101'}\n", "bot.yaml:2:18", 'did you mean "extension"?'),
        (PHONES + "media: {codecs: [PCMU, G729]}\n", "bot.yaml:3:24", '"G729" is not possible here'),
        (PHONES + "log: {level: loud}\n", "bot.yaml:3:14", '"loud" is not possible here'),
        (PHONES + "speech: {rate: fast}\n", "bot.yaml:3:16", "whole number"),
        ("account: sandbox\n", "bot.yaml:1:1", '"phones" is missing'),
        (PHONES + "account: sandbox\naccount: sandbox\n", "bot.yaml:4:1", "account"),
        ("phones:\n  - {name: desk}\n  - {name: desk}\n", "bot.yaml:2:3", "two phones are called desk"),
        ("phones: []\n", "bot.yaml:1:9", ""),
        ("phones: {\n", "bot.yaml:", ""),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_caret(tmp_path: Path, text: str, place: str, says: str) -> None:
    with pytest.raises(FileProblems) as raised:
        load(tmp_path, text)
    told = str(raised.value)
    assert place in told
    assert says in told
    assert "^" in told


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileProblems) as raised:
        load(tmp_path, PHONES + "flow: x\nlog: {level: loud}\nspeech: {rate: fast}\n")
    assert len(raised.value.problems) == 3


def test_extensions_keep_the_characters_that_were_typed(tmp_path: Path) -> None:
    config = load(tmp_path, 'phones:\n  - {name: desk, extension: "0101"}\nvars: {on: yes, open: "09:00"}\n')
    assert config.phones[0].extension == "0101"
    assert config.vars == {"on": "yes", "open": "09:00"}


def test_the_example_works_as_it_is() -> None:
    config = load_config(Path("config.example.yaml"), {})
    assert config.account == "sandbox"
    assert config.flows.is_dir()
    assert config.campaigns.is_dir()


def test_no_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "nowhere.yaml", "no configuration file"), (tmp_path, "is a folder")):
        with pytest.raises(ConfigError, match=said):
            load_config(path, {})


LINES = st.lists(
    st.sampled_from(
        [
            *PHONES.splitlines(),
            "account: sandbox",
            "agents: ['102'",
            "vars: {a: [1, {b: ~}]}",
            "  - x",
            "log: !!python/object:os.system {}",
            "*a: &a b",
            "\t",
            "queues: {Sales: {}}",
        ]
    )
    | st.text(max_size=20),
    max_size=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(LINES)
def test_whatever_the_file_says_ends_as_a_configuration_or_a_documented_error(
    tmp_path: Path, lines: list[str]
) -> None:
    path = tmp_path / "bot.yaml"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    try:
        config = load_config(path, {})
    except (ConfigError, FileProblems):
        return
    assert config.phones
