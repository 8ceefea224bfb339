import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from sottovoce import __version__
from sottovoce.cli import COMMANDS
from sottovoce.cli.kafka_options import with_kafka
from sottovoce.cli.program import program
from sottovoce.kafka import KafkaSettings


def run(*arguments, env=None):
    return CliRunner(env=env).invoke(program, list(arguments))


def test_help_names_every_command_with_its_line():
    told = run("--help").output
    for name, (_, line) in COMMANDS.items():
        assert name in told
        assert line[:40] in told


def test_help_imports_neither_kafka_nor_grpc_nor_numpy():
    code = (
        "import sys; from typer.testing import CliRunner;"
        "from sottovoce.cli.program import program;"
        "CliRunner().invoke(program, ['--help']);"
        "print([m for m in ('confluent_kafka', 'grpc', 'numpy', 'pyarrow', 'pydantic') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_has_help(name):
    module, _, attribute = COMMANDS[name][0].partition(":")
    assert hasattr(importlib.import_module(module), attribute)
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


def readme_commands():
    text = (Path(__file__).parents[3] / "README.md").read_text()
    found = re.findall(r"^(?:\.venv/bin/)?sottovoce ([^#\n]+)", text, re.MULTILINE)
    return [line.strip() for line in found]


@pytest.mark.parametrize("line", readme_commands())
def test_a_command_of_the_readme_is_one_with_those_options(line):
    command, arguments = get_command(program), shlex.split(line)
    context = command.make_context("sottovoce", list(arguments))
    while hasattr(command, "get_command"):
        name = arguments.pop(0)
        command = command.get_command(context, name)
        assert command is not None, name
        if "--help" in arguments:
            return
    command.make_context(name, arguments)


def test_version():
    assert run("--version").stdout.strip() == __version__


def test_a_command_that_does_not_exist_is_said_to_be_none():
    result = run("sing")
    assert result.exit_code == 2
    assert "No such command 'sing'" in result.stderr


def test_an_unreachable_broker_is_one_sentence_and_exit_code_1():
    result = run("topics", "create", "--kafka-bootstrap", "127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: no Kafka broker answers at 127.0.0.1:1")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("--kafka-security-protocol", "SMOKE"), ("--kafka-topic-prefix", "a b")],
)
def test_a_wrong_kafka_setting_names_its_option(option, value):
    result = run("topics", "list", option, value)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {option}: ")
    assert value in result.stderr


def test_kafka_settings_come_from_flags_then_from_the_environment():
    seen = []

    @with_kafka
    def command(kafka: KafkaSettings) -> None:
        seen.append(kafka)

    import typer

    app = typer.Typer()
    app.command()(command)
    env = {
        "SOTTOVOCE_KAFKA_BOOTSTRAP": "variable:1",
        "SOTTOVOCE_KAFKA_TOPIC_PREFIX": "v.",
        "SOTTOVOCE_KAFKA_SASL_PASSWORD": "secret",
    }
    result = CliRunner(env=env).invoke(app, ["--kafka-bootstrap", "flag:1"])
    assert result.exit_code == 0, result.output
    assert seen[0].kafka_bootstrap == "flag:1"
    assert seen[0].kafka_topic_prefix == "v."
    assert seen[0].kafka_sasl_password.get_secret_value() == "secret"


def test_every_kafka_setting_is_an_option_but_the_password():
    told = run("topics", "list", "--help").output.replace("\n", "")
    for name in KafkaSettings.model_fields:
        flag = f"--{name.replace('_', '-')}"
        assert (flag in told) is (name != "kafka_sasl_password")
