"""The commands as a person runs them; those that go on are processes of their own, on real time."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from bot import __main__ as entry
from bot.cli import main
from bot.config import ENVIRONMENT

pytestmark = pytest.mark.real_time

ROOT = Path(__file__).parents[2]
BOT = (sys.executable, "-W", "error", "-m", "bot")
PLAIN = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
MISTAKES = "tests/flows/bad"


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def bot(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Run a command in this process, which spares its start; for those that end by themselves."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(ROOT)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bot", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    yield run
    structlog.reset_defaults()


def another(*arguments: str) -> Done:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [*BOT, *arguments], cwd=ROOT, env=PLAIN, capture_output=True, text=True, timeout=60, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*BOT, *arguments], cwd=ROOT, env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def told(process: subprocess.Popen[str], number: signal.Signals) -> tuple[float, str, str]:
    """Send a signal; the seconds until the process has ended, and the rest of what it wrote."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return time.monotonic() - began, out, err


def listening(process: subprocess.Popen[str]) -> set[int]:
    """The TCP ports on which a process listens."""
    inodes = set()
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
        if found:
            inodes.add(found.group(1))
    ports = set()
    for line in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_help_names_every_command(bot: Command) -> None:
    done = bot("--help")
    assert done.returncode == 0
    for command in ("run", "demo", "sandbox", "check", "campaign"):
        assert re.search(rf"\b{command}\b", done.stdout), command


def test_the_files_that_ship_have_no_mistakes(bot: Command) -> None:
    done = bot("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"No mistakes in \d+ files\.", done.stdout.strip())


def test_ten_mistakes_are_told_at_once_each_with_its_place(bot: Command) -> None:
    done = bot("check", MISTAKES)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(re.findall(r"^ +\| +\^+", done.stderr, re.M)) == 10
    assert len(re.findall(r"ten-mistakes\.yaml:\d+:\d+  ", done.stderr)) == 10
    assert "10 errors in 1 of 1 file" in done.stderr


def test_one_scenario_of_the_demonstration_prints_its_table() -> None:
    done = another("demo", "--once", "--only", "auto-answer")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ an order call is answered" in done.stdout
    assert "Scenarios" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("word", ["auto-anser", "[/red]", "[bold]x", ":smile:"])
def test_a_scenario_that_there_is_not_is_told_as_it_was_written(bot: Command, word: str) -> None:
    done = bot("demo", "--once", "--only", word)
    assert_one_error(done, f"there is no scenario {word}")


def test_ctrl_c_ends_the_demonstration_in_good_order() -> None:
    with running("demo") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("answered" in line for line in lines), "no call was answered"
        ports = listening(process)
        assert len(ports) >= 2
        assert all(is_open(port) for port in ports)
        seconds, _, err = told(process, signal.SIGINT)
        assert process.returncode == 0, err
    assert seconds < 2
    assert err == ""
    assert not any(is_open(port) for port in ports)


def test_a_demonstration_that_was_cut_short_has_not_passed() -> None:
    with running("demo", "--once", "--only", "auto-answer") as process:
        assert process.stdout is not None
        assert any("answered" in line for line in iter(process.stdout.readline, "")), "no call was answered"
        seconds, _, err = told(process, signal.SIGHUP)
        assert process.returncode == 130, err
    assert seconds < 2


def test_run_goes_on_until_it_is_told_to_stop(config: Path) -> None:
    with running("run", "--config", str(config)) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("registered: front-desk (101)" in line for line in lines), "the phones did not register"
        seconds, _, err = told(process, signal.SIGTERM)
        assert process.returncode == 0, err
    assert seconds < 2
    assert "Traceback" not in err


def test_the_sandbox_describes_itself_in_one_line_and_ends_when_told() -> None:
    with running("sandbox", "--json") as process:
        assert process.stdout is not None
        described = json.loads(process.stdout.readline())
        port = int(described["sip"].rpartition(":")[2])
        assert is_open(port)
        assert len(described["extensions"]) == 10
        seconds, out, err = told(process, signal.SIGTERM)
        assert (process.returncode, out, err) == (0, "", "")
    assert seconds < 2
    assert not is_open(port)


def test_a_port_that_there_cannot_be_is_refused() -> None:
    done = another("sandbox", "--sip-port", "65536")
    assert done.returncode == 2
    assert "65535" in done.stderr


def test_a_terminal_that_knows_ascii_alone_is_no_reason_to_fail(config: Path) -> None:
    config.write_text(re.sub(r"(?m)^flows: .*$", "flows: flöws/nope", config.read_text()))
    done = subprocess.run(
        [*BOT, "check", "--config", str(config)],
        cwd=ROOT,
        env={**PLAIN, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "fl?ws/nope  there is no such folder" in done.stderr


def test_the_sandbox_runs_without_streams() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*BOT, "sandbox", "--json", "--sip-port", str(port)]
    process = subprocess.Popen(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], cwd=ROOT, env=PLAIN)
    try:
        deadline = time.monotonic() + 30
        while not is_open(port) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert is_open(port), process.returncode
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def assert_one_error(done: Done, text: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error") == 1, done.stderr


@pytest.mark.parametrize("command", [("run",), ("check",), ("campaign", "show", "spring-offer"), ("demo", "--once")])
def test_a_configuration_that_is_not_there_is_one_clear_error(
    bot: Command, command: tuple[str, ...], tmp_path: Path
) -> None:
    done = bot(*command, "--config", str(tmp_path / "nowhere.yaml"))
    assert_one_error(done, "there is no configuration file")


def test_a_broken_configuration_is_told_with_its_place(bot: Command, tmp_path: Path) -> None:
    broken = tmp_path / "bot.yaml"
    broken.write_text("account: sandbox\nphones:\n  - {name: front-desk, extention: '101'}\n")
    done = bot("run", "--config", str(broken))
    assert_one_error(done, "bot.yaml:3:24")
    assert 'did you mean "extension"?' in done.stderr


def test_an_account_without_credentials_says_which_are_missing(bot: Command, tmp_path: Path) -> None:
    config = tmp_path / "bot.yaml"
    config.write_text("account: ringcentral\nphones:\n  - {name: front-desk}\n")
    done = bot("run", "--config", str(config))
    assert_one_error(done, "RINGCENTRAL_CLIENT_ID, RINGCENTRAL_CLIENT_SECRET, RINGCENTRAL_JWT_TOKEN")


def test_a_folder_that_cannot_be_made_is_one_clear_error(bot: Command, config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config.write_text(config.read_text() + "state: file/state\n")
    done = bot("run", "--config", str(config))
    assert_one_error(done, "file/state cannot be made: Not a directory")
    assert "set `state`" in done.stderr


def test_no_traceback_reaches_a_person() -> None:
    done = another("run", "--config", "nowhere.yaml")
    assert_one_error(done, "there is no configuration file nowhere.yaml")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example configuration, with a state folder of its own."""
    text = (ROOT / "config.example.yaml").read_text()
    for folder in ("flows", "flows/campaigns", "plugins"):
        text = re.sub(rf"(?m): {folder}$", f": {ROOT / folder}", text)
    path = tmp_path / "bot.yaml"
    path.write_text(text)
    return path


def test_a_campaign_that_never_ran_can_be_shown(bot: Command, config: Path) -> None:
    done = bot("campaign", "show", "spring-offer", "--config", str(config))
    assert done.returncode == 0, done.stderr
    for text in ("Ines Ortega", "Priya Nair", "+16505550191", "911"):
        assert text in done.stdout


def test_a_campaigns_list_is_shown_as_it_was_written(bot: Command, config: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    columns = "list: {file: x.csv, columns: {number: n, name: who}}"
    (lists / "x.yaml").write_text(f"campaign: x\nflow: spring-offer\nspeaks: false\n{columns}\n")
    (lists / "x.csv").write_text("n,who\n+16505550191,[/red] Ann\n911,[/bold] Bob\n")
    config.write_text(re.sub(r"(?m)^campaigns: .*$", f"campaigns: {lists}", config.read_text()))
    done = bot("campaign", "show", "x", "--config", str(config))
    assert done.returncode == 0, done.stderr
    assert "[/red] Ann" in done.stdout
    assert "[/bold] Bob" in done.stdout


def test_a_campaign_that_there_is_not_is_told(bot: Command, config: Path) -> None:
    done = bot("campaign", "show", "spring-ofer", "--config", str(config))
    assert_one_error(done, 'there is no campaign "spring-ofer"')
    assert 'did you mean "spring-offer"?' in done.stderr


def test_ctrl_c_before_the_command_has_begun_ends_it_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bot.cli.main", interrupted)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 130


def test_the_entry_point_loads_nothing_that_takes_time() -> None:
    code = "import sys, bot.__main__; print(sorted({'asyncio', 'numpy', 'bot.cli'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_the_version_is_said(bot: Command) -> None:
    done = bot("--version")
    assert (done.returncode, done.stdout.startswith("callbot ")) == (0, True)
