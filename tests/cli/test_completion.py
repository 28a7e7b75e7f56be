"""Test completions by asking the shells for them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.installed import require
from translator.cli import main
from translator.cli.commands import COMMANDS

CASES = [
    # the words so far, what is offered, what is not
    (["ch"], {"check"}, {"compare"}),
    (["run", "--targ"], {"--target"}, {"--to", "--force"}),
    (["run", "--target", ""], {"airflow", "prefect"}, set()),
    (["check", "--format", "s"], {"sarif"}, {"json"}),
    (["x.yaml", "--fo"], {"--force"}, {"--format"}),
    (["init", "m"], {"magnus"}, {"loom"}),
    (["rule", "missing-s"], {"missing-script"}, {"missing-key"}),
    (["check", "--ignore", "missing-s"], {"missing-script"}, {"missing-key"}),
    (["docs", "con"], {"configuration"}, {"store"}),
    (["schema", "translator"], {"translator.toml"}, {"loom"}),
    (["show", "l"], {"latest"}, {"logs"}),
    (["compare", "latest", "l"], {"latest"}, {"logs"}),
    (["completion", ""], {"bash", "zsh", "fish"}, set()),
    (["check", "pip"], {"pipe.yaml"}, {"other.yaml"}),
]
SCRIPT = """\
source ./script
COMP_WORDS=(translate %s)
COMP_CWORD=%d
_translate
printf '%%s\\n' "${COMPREPLY[@]}"
"""
OURS = f'translate() {{ "{sys.executable}" -m translator.cli "$@"; }}\n'
ZSH = """\
autoload -U compinit && compinit -u -d dump
source ./script
"""


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("pipe.yaml").touch()
    Path("other.yaml").touch()

    def written(shell: str) -> str:
        assert main(["completion", shell]) == 0
        text = capsys.readouterr().out
        Path("script").write_text(text)
        return text

    return written


@pytest.mark.parametrize(("words", "offered", "others"), CASES)
def test_bash_offers_commands_options_values_and_files(script, words, offered, others):
    script("bash")
    typed = SCRIPT % (" ".join(f"'{word}'" for word in words), len(words))
    shown = set(subprocess.check_output(["bash", "-c", typed], text=True).split())
    assert offered <= shown
    assert not others & shown


@pytest.fixture
def hostile_store():
    """Make a store with two runs; the name of one is a command for a shell, as anyone who shares a store may choose."""
    for run in (HOSTILE, "2026-11-28_usual"):
        folder = Path("artifacts", "p", run)
        folder.mkdir(parents=True)
        (folder / "run.json").write_text("{}")  # unreadable records are listed as well


HOSTILE = "$(touch${IFS}PWNED)"
COMPLETE = {
    "bash": OURS + SCRIPT % ("show ''", 2),
    # Words are counted from 0 as in bash, and glob qualifiers are on, as while zsh completes.
    "zsh": f"""\
{OURS}autoload -U compinit && compinit -u -d dump
source ./script
compgen() {{ :; }}
emulate sh; setopt kshglob noshglob braceexpand
COMP_WORDS=(translate show ''); COMP_CWORD=2
_translate
printf '%s\\n' "${{COMPREPLY[@]}}"
""",
    "fish": f"""\
function translate; "{sys.executable}" -m translator.cli $argv; end
source ./script
complete -C 'translate show '
""",
}


@pytest.mark.parametrize("shell", COMPLETE)
def test_names_of_runs_are_not_executed(script, hostile_store, capsys, shell):
    require(shell)
    assert main(["runs", "--format", "json"]) == 0
    assert f'"run": "{HOSTILE}",' in capsys.readouterr().out
    script(shell)
    done = subprocess.run([shell, "-c", COMPLETE[shell]], capture_output=True, text=True, check=True)
    shown = {line.split("\t")[0] for line in done.stdout.splitlines()}
    assert {"latest", "2026-11-28_usual"} <= shown
    assert not [word for word in shown if "touch" in word]
    assert not Path("PWNED").exists()


def test_bash_offers_names_of_files_as_they_are(script):
    script("bash")
    names = {HOSTILE, "two words.yaml", "*"}
    for name in names:
        Path(name).touch()
    done = subprocess.run(["bash", "-c", SCRIPT % ("check ''", 2)], capture_output=True, text=True, check=True)
    assert set(done.stdout.splitlines()) == {*names, "pipe.yaml", "other.yaml", "script"}
    assert not Path("PWNED").exists()


def test_zsh_loads_them(script):
    require("zsh")
    script("zsh")
    done = subprocess.run(
        ["zsh", "-f", "-c", f"{ZSH}print -r -- ${{_comps[translate]}}"], capture_output=True, text=True, check=True
    )
    assert (done.stderr, "_translate" in done.stdout) == ("", True)


def test_fish_gets_every_command_and_option(script):
    text = script("fish")
    for name in COMMANDS:
        assert f" -a {name} -d " in text
    assert "-n '__fish_seen_subcommand_from run' -l target -x -a 'airflow prefect' " in text


def test_an_unknown_shell_is_an_error(capsys):
    assert main(["completion", "csh"]) == 2
    assert "choose from" in capsys.readouterr().err


def test_completions_load_no_engine():
    code = "import sys; from translator.cli import main; main(['completion', 'bash'])\n"
    code += "assert not {'airflow', 'prefect'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
