"""The command line: what flags mean, what older ones have become, what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from modules.cli import CommandLine, is_local, parse, warn_of_unknown
from modules.cli.older import LATER, NO_EFFECT, REFUSED
from modules.cli.older_flags import older_flags
from modules.folders import PROGRAM
from modules.plugins.manager import SHIPPED, PluginManager

FLAGS = [
    "--data-dir",
    "--models-dir",
    "--ckpt",
    "--ckpt-dir",
    "--vae-dir",
    "--embeddings-dir",
    "--hypernetwork-dir",
    "--lora-dir",
    "--lyco-dir",
    "--esrgan-models-path",
    "--realesrgan-models-path",
    "--dat-models-path",
    "--gfpgan-models-path",
    "--codeformer-models-path",
    "--clip-models-path",
    "--textual-inversion-templates-dir",
    "--localizations-dir",
    "--styles-file",
    "--ui-settings-file",
    "--ui-config-file",
    "--a1111-home",
    "--listen",
    "--server-name",
    "--port",
    "--share",
    "--gradio-auth",
    "--gradio-auth-path",
    "--api",
    "--api-auth",
    "--api-log",
    "--nowebui",
    "--cors-allow-origins",
    "--cors-allow-origins-regex",
    "--tls-keyfile",
    "--tls-certfile",
    "--disable-tls-verify",
    "--subpath",
    "--gradio-allowed-path",
    "--add-stop-route",
    "--api-server-stop",
    "--timeout-keep-alive",
    "--autolaunch",
    "--theme",
    "--no-half",
    "--no-half-vae",
    "--precision",
    "--upcast-sampling",
    "--medvram",
    "--medvram-sdxl",
    "--lowvram",
    "--use-cpu",
    "--device-id",
    "--opt-channelslast",
    "--disable-nan-check",
    "--xformers",
    "--opt-sdp-attention",
    "--opt-sub-quad-attention",
    "--opt-split-attention",
    "--skip-install",
    "--skip-prepare-environment",
    "--skip-python-version-check",
    "--skip-torch-cuda-test",
    "--reinstall-torch",
    "--update-check",
    "--loglevel",
    "--log-startup",
    "--dump-sysinfo",
    "--no-hashing",
    "--no-download-sd-model",
    "--skip-load-model-at-start",
    "--ui-debug-mode",
    "--test-server",
    "--disable-all-extensions",
    "--disable-extra-extensions",
    "--enable-insecure-extension-access",
    "--freeze-settings",
    "--freeze-settings-in-sections",
    "--freeze-specific-settings",
    "--hide-ui-dir-config",
    "--unix-filenames-sanitization",
    "--filenames-max-length",
    "--no-prompt-history",
]

VALUES = {
    "--port": "7001", "--gradio-auth": "a:b", "--api-auth": "a:b", "--theme": "dark", "--loglevel": "debug",
    "--timeout-keep-alive": "5", "--use-cpu": "all", "--device-id": "0", "--server-name": "127.0.0.1",
    "--cors-allow-origins": "https://a.example", "--cors-allow-origins-regex": "x", "--subpath": "easel",
    "--precision": "full",
    "--freeze-settings-in-sections": "upscaling", "--freeze-specific-settings": "sd_vae",
    "--filenames-max-length": "128", "--styles-file": "x.csv", "--lora-dir": "x",
}  # fmt: skip


def line_with(flag: str, folder: Path) -> list[str]:
    """A line with the flag and a value that suits it."""
    file = folder / "file"
    file.write_text("anna:secret")
    if flag in ("--ckpt", "--vae-path", "--gradio-auth-path"):
        return [flag, str(file)]
    if flag in ("--data-dir", "--models-dir", "--ckpt-dir", "--gradio-allowed-path", "--a1111-home"):
        return [flag, str(folder)]
    if flag in ("--tls-keyfile", "--tls-certfile"):
        return ["--tls-keyfile", str(file), "--tls-certfile", str(file)]
    if flag in ("--listen", "--share"):
        return [flag, "--gradio-auth", "a:b"]
    if flag.endswith(("-dir", "-models-path")) and flag not in LATER and flag not in NO_EFFECT:
        return [flag, "x"]
    return [flag, *([VALUES[flag]] if flag in VALUES else [])]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


@pytest.mark.parametrize("flag", FLAGS)
def test_every_older_flag_is_taken(flag: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parse([*line_with(flag, tmp_path), "--port", "7002"])
    told = capsys.readouterr().err
    assert "no such flag" not in told and "ignored" not in told
    if flag in LATER or flag in NO_EFFECT:
        assert told.startswith(f"{flag}: ") and told.count("\n") == 1


def test_the_flag_of_the_extension_custom_code_reaches_it(capsys: pytest.CaptureFixture[str]) -> None:
    line = parse(["--allow-code"], warn=False)
    assert line.unknown == ("--allow-code",) and older_flags(line)["allow_code"] is True
    assert older_flags(parse([]))["allow_code"] is False
    for words in (line.unknown, ()):
        manager = PluginManager(SHIPPED, arguments=words)
        offered = "Custom code" in [title for title, _ in manager.scripts.menu()]
        assert offered == bool(words) and manager.unknown_words == []
        assert not [extension.failures for extension in manager.extensions() if extension.failures]
    warn_of_unknown(manager.unknown_words)
    assert capsys.readouterr().err == ""


def test_no_flag_is_in_two_tables() -> None:
    assert not set(LATER) & set(NO_EFFECT) and not set(REFUSED) & set(LATER | NO_EFFECT)


def test_defaults() -> None:
    line = parse([])
    assert line == CommandLine()
    assert (line.host, line.port, line.listen, line.nowebui) == ("127.0.0.1", 7860, False, False)
    folders = line.folders()
    assert folders.data == PROGRAM and folders.models == PROGRAM / "models"


def test_meanings(tmp_path: Path) -> None:
    checkpoint = tmp_path / "lab.safetensors"
    checkpoint.write_bytes(b"x")
    line = parse([
        "--port=7001", "--nowebui", "--api", "--ckpt", str(checkpoint), "--ckpt-dir", str(tmp_path),
        "--ckpt-dir", str(tmp_path / ".."), "--data-dir", str(tmp_path / "data"),
        "--api-auth", "anna:secret,bert:a:b", "--theme", "dark", "--loglevel", "debug", "--autolaunch",
        "--cors-allow-origins", "https://a.example/, https://b.example", "--no-autolaunch",
        "--use-cpu", "all", "--skip-load-model-at-start", "--subpath", "/easel/",
    ])  # fmt: skip
    assert (line.port, line.nowebui, line.checkpoint_files) == (7001, True, (checkpoint,))
    assert len(line.checkpoint_dirs) == 2 and line.api_auth == (("anna", "secret"), ("bert", "a:b"))
    assert line.cors_origins == ("https://a.example", "https://b.example")
    assert (line.theme, line.log_level, line.autolaunch, line.use_cpu) == ("dark", "DEBUG", False, ("all",))
    assert line.quick_start and line.subpath == "/easel"
    folders = line.folders()
    assert folders.data == tmp_path / "data" and folders.models == tmp_path / "data" / "models"


def test_the_servers_options(tmp_path: Path) -> None:
    line = parse(
        ["--listen", "--gradio-auth", "anna:secret", "--data-dir", str(tmp_path), "--api-server-stop"]
    )
    options = line.server_options()
    assert options.listen and options.allow_stop and options.gradio_folders == (tmp_path / "outputs",)
    assert options.api_users == options.page_users == (("anna", "secret"),)
    assert "secret" not in json.dumps(options.flags)


def test_passwords_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text("anna:secret\r\nbert:other, carl:third\n")
    users = parse(["--gradio-auth-path", str(file)]).gradio_auth
    assert users == (("anna", "secret"), ("bert", "other"), ("carl", "third"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen"], "password"),
        (["--server-name", "0.0.0.0"], "password"),
        (["--server-name", "studio.example"], "password"),
        (["--share"], "password"),
        (["--disable-safe-unpickle"], "pickle"),
        (["--port", "99999"], "65535"),
        (["--port", "web"], "port"),
        (["--ckpt", "/nowhere/a.safetensors"], "/nowhere/a.safetensors doesn't exist"),
        (["--ckpt", "/"], "is a folder"),
        (["--ckpt-dir", "/nowhere"], "doesn't exist"),
        (["--data-dir", __file__], "is a file"),
        (["--gradio-auth", "anna"], "name:password"),
        (["--api-auth", "anna:"], "name:password"),
        (["--api-auth", ":secret"], "name:password"),
        (["--gradio-auth-path", "/nowhere"], "can't be read"),
        (["--theme", "pink"], "pink"),
        (["--loglevel", "loud"], "loud"),
        (["--cors-allow-origins-regex", "("], "regular expression"),
        (["--timeout-keep-alive", "soon"], "seconds"),
        (["--tls-keyfile", __file__], "--tls-certfile"),
        (["--port"], "--port"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: Any, words: Any
) -> None:
    assert words in refused(capsys, *arguments)


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_addresses_of_this_machine_need_no_password(address: Any) -> None:
    line = parse(["--server-name", address])
    assert not line.listen and line.host == address and is_local(address)


def test_listening_with_a_password() -> None:
    assert parse(["--listen", "--api-auth", "anna:secret"]).host == "0.0.0.0"
    assert parse(["--listen", "--server-name", "10.0.0.5", "--gradio-auth", "anna:secret"]).host == "10.0.0.5"


def test_unknown_flags_are_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    line = parse(["--prot", "7001", "--controlnet-dir", "x", "--nowebui"])
    told = capsys.readouterr().err
    assert line.nowebui and line.port == 7860
    assert "--prot: there is no such flag; it is ignored. Did you mean --port?" in told
    assert re.search(r"--controlnet-dir: there is no such flag; it is ignored\.$", told, re.MULTILINE)


def test_flags_are_not_guessed_from_their_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    assert not parse(["--list"]).listen
    assert "Did you mean --listen?" in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0 and "--port" in told and "--xformers" not in told
