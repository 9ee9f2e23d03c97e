"""`newfuse run` as a person starts it: in a process of its own, against a small app."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cli.conftest import Command
from newfuse.sandbox import SandboxServer


@pytest.fixture
def small(newfuse: Command) -> Command:
    """Runs the crew `small` on three people."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return newfuse("run", "small", "--data", "people.json", *arguments, **variables)

    return run


def results(app: Path, out: str = "reports") -> dict:
    [folder] = (app / out).iterdir()
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def test_a_run_says_what_it_does_as_plain_lines_and_exits_0(small: Command, app: Path):
    done = small()
    assert (0, "") == (done.returncode, done.stderr)
    order = [
        "📦 Setting Up Small",
        "  - 3 records of people",
        "🚀 Starting Small Workflow",
        "the tasks follow their runbooks (no model is configured)",
        "▶ Adding (clerk) started",
        "   clerk: add_people",
        "✅ Adding (clerk) completed, 4 calls, 3 of 3 records,",
        "✅ Closing (boss) completed, 0 calls,",
        "📊 SMALL RESULTS",
        "💾 GENERATING REPORTS",
        "  ✅ results.json",
        "🎉 SMALL COMPLETED!",
    ]
    places = [done.stdout.find(line) for line in order]
    assert -1 not in places
    assert places == sorted(places)
    assert "\x1b" not in done.stdout
    assert "boss: sum_up" not in done.stdout  # that agent is not verbose
    assert results(app)["tasks"][0]["calls"] == 4


def test_json_is_all_there_is_on_stdout(small: Command, app: Path):
    done = small("--json")
    assert 0 == done.returncode
    assert results(app) == json.loads(done.stdout)
    assert "▶ Adding (clerk) started" in done.stderr


def test_a_run_that_fails_exits_1_with_the_vendors_error(small: Command, served: SandboxServer):
    from newfuse.sandbox.faults import Fault

    fault = {"slug": "hubspot", "kind": "status", "status": 401, "count": 100}
    served.sandbox.faults.add(Fault.parse(fault, served.sandbox.vendors))
    done = small("--sandbox", served.url)
    assert 1 == done.returncode
    assert "❌ Adding (clerk) failed" in done.stdout
    assert "COMPLETED!" not in done.stdout
    assert "hubspot (HTTP 401)" in done.stdout


def test_a_second_run_on_the_same_sandbox_sends_no_write(small: Command, served: SandboxServer):
    first, second = small("--sandbox", served.url), small("--sandbox", served.url, "--json")
    assert (0, 0) == (first.returncode, second.returncode)
    [adding, _closing] = json.loads(second.stdout)["tasks"]
    assert {"planned": 3, "confirmed": 0, "failed": 0, "unknown": 0, "skipped": 3} == adding["effects"]
    assert 3 == sum(entry.method == "POST" for entry in served.sandbox.log)


def test_the_store_and_the_reports_lie_where_they_were_asked_for(small: Command, app: Path):
    assert 0 == small("--store", "elsewhere", "--out", "there").returncode
    assert (app / "elsewhere" / "newfuse.db").is_file()
    assert not (app / ".newfuse").exists()
    assert "small" == results(app, "there")["crew"]


def test_an_input_reaches_the_tasks(small: Command):
    assert 0 == small("--input", "company=Analytical Engines = 1").returncode


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "There is no crew 'nobody'. There are: slow, small."),
        (["../small"], "There is no crew '../small'. There are: slow, small."),
        (["small"], "integration_test_data.json: there is no such file"),
        (["small", "--data", "missing.json"], "missing.json: there is no such file"),
        (["small", "--data", "broken.json"], "broken.json, line 2 column 1: is not valid JSON"),
        (["small", "--data", "list.json"], "list.json: must be a JSON object with lists of records"),
        (["small", "--data", "types.json"], "types.json, key 'people': must be a list of records; it is a str"),
        (["small", "--data", "others.json"], "others.json: has none of people; it has customers."),
        (["small", "--data", "binary.json"], "binary.json: is not UTF-8 text (byte 0)"),
        (["small", "--data", "crews"], "crews: cannot be read"),
        (["small", "--data", "people.json", "--model", "parrot"], "The model 'parrot' is not understood"),
        (["small", "--data", "people.json", "--model", "openai:gpt-4.1"], "needs OPENAI_API_KEY"),
        (["small", "--data", "people.json", "--live"], "hubspot: no api_key was given"),
        (["small", "--data", "people.json", "--live", "--sandbox"], "exclude each other"),
        (["small", "--data", "people.json", "--sandbox", "http://127.0.0.1:9"], "No sandbox answers at"),
        (["small", "--data", "people.json", "--sandbox", "ftp://127.0.0.1"], "is not a URL such as"),
        (["small", "--data", "people.json", "--sandbox", "http://127.0.0.1:port"], "is not a URL such as"),
        (["small", "--data", "people.json", "--store", "people.json"], "people.json cannot be made"),
        (["small", "--data", "people.json", "--out", "people.json"], "Choose another with --out"),
        (["small", "--data", "people.json", "--input", "company"], "write it as name=value"),
        (["small", "--data", "people.json", "--input", "a=1", "--input", "a=2"], "is given twice"),
        (["small", "--plan"], "No such option: --plan"),
        (["small", "other"], "unexpected extra argument"),
        (["small", "--data"], "requires an argument"),
        (["unready"], "crews/unready.py has no `crew`"),
        (["wrong"], "crews/wrong.py, line 1: ModuleNotFoundError: No module named 'nothing_of_the_kind'"),
        (["unreadable"], "crews/unreadable.py, line 1: SyntaxError"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_rubbish_is_refused_in_a_line_or_two(newfuse: Command, app: Path, arguments: list[str], message: str):
    (app / "broken.json").write_text('{"people": [}\n'.replace("[", "[\n"))
    (app / "list.json").write_text("[]")
    (app / "types.json").write_text('{"people": "ada"}')
    (app / "others.json").write_text('{"customers": []}')
    (app / "binary.json").write_bytes(b"\xff\xfe\x00")
    if len(arguments) == 1 and arguments[0] in {"unready", "wrong", "unreadable"}:
        (app / "crews" / "unready.py").write_text("crew = 'none'\n")
        (app / "crews" / "wrong.py").write_text("import nothing_of_the_kind\n")
        (app / "crews" / "unreadable.py").write_text("crew = (\n")
    done = newfuse("run", *arguments)
    assert 2 == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert [] == list(app.glob("reports/*/*"))


def test_nothing_is_on_stdout_when_a_json_run_is_refused(newfuse: Command):
    done = newfuse("run", "nobody", "--json")
    assert (2, "") == (done.returncode, done.stdout)


def test_a_record_that_does_not_fit_is_rejected_and_the_rest_goes_on(newfuse: Command, app: Path):
    people = [{"email": "ada@example.com"}, "nonsense", {"email": 7}, None, {"email": "x" * 3_000_000}]
    (app / "rubbish.json").write_text(json.dumps({"people": people}))
    done = newfuse("run", "small", "--data", "rubbish.json", "--json")
    assert 0 == done.returncode
    assert 1 == json.loads(done.stdout)["tasks"][0]["effects"]["confirmed"]
    assert len(done.stderr) < 10_000


def test_words_of_a_vendor_cannot_act_on_the_terminal(newfuse: Command, app: Path):
    (app / "evil.json").write_text(json.dumps({"people": [{"email": "a@b.example"}], "\x1b[2J[bold]": [1]}))
    (app / "crews" / "evil.py").write_text(
        (app / "crews" / "small.py")
        .read_text()
        .replace('hubspot = await job.integration("hubspot")', 'raise ToolBroke("\\x1b[2J\\x9b31m\\u202e[red]gone")')
        .replace("from newfuse import", "from newfuse import NewFuseError as ToolBroke\nfrom newfuse import", 1)
        .replace('Crew("small"', 'Crew("evil"')
    )
    done = newfuse("run", "evil", "--data", "evil.json")
    assert 0 != done.returncode
    assert "[red]gone" in done.stdout
    assert not set("\x1b\x9b\u202e").intersection(done.stdout)


def test_output_that_cannot_be_encoded_is_replaced(small: Command):
    done = small(PYTHONIOENCODING="ascii")
    assert 0 == done.returncode
    assert "? Setting Up Small" in done.stdout


def test_the_app_next_to_run_py_is_run_from_any_folder(app: Path, tmp_path: Path):
    import sys

    from cli.conftest import LONGEST_S, ROOT, environment

    (app / "run.py").write_text((ROOT / "run.py").read_text(encoding="utf-8"), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, str(app / "run.py"), "small", "--data", str(app / "people.json")],
        cwd=elsewhere,
        env={**environment(), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST_S,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert (app / ".newfuse" / "newfuse.db").is_file()  # beside the app
    assert (elsewhere / "reports").is_dir()  # where it was started


def test_a_folder_without_crews_is_no_app(newfuse: Command, tmp_path: Path):
    done = newfuse("run", cwd=tmp_path)
    assert 2 == done.returncode
    assert "There is no crews/ folder in" in done.stderr


def test_another_package_that_is_called_agents_is_not_taken_for_the_apps(newfuse: Command, app: Path, tmp_path: Path):
    from cli.conftest import ROOT

    (app / "agents").mkdir()  # without an __init__.py, any package of that name wins
    other = tmp_path / "other" / "agents"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    done = newfuse("run", "small", "--data", "people.json", PYTHONPATH=f"{other.parent}:{ROOT}")
    assert 2 == done.returncode
    assert f"`agents` would be imported from {other}" in done.stderr
    assert f"Put an __init__.py into {app / 'agents'}." in done.stderr


def test_a_fault_of_the_program_is_logged_and_not_shown(newfuse: Command, app: Path):
    (app / "crews" / "broken.py").write_text(
        (app / "crews" / "small.py")
        .read_text()
        .replace('hubspot = await job.integration("hubspot")', 'raise KeyError("sk_test_12345678")')
        .replace('Crew("small"', 'Crew("broken"')
    )
    done = newfuse("run", "broken", "--data", "people.json")
    assert 1 == done.returncode
    assert "Traceback" not in done.stdout + done.stderr
    assert ".newfuse/newfuse.log" in done.stderr
    log = (app / ".newfuse" / "newfuse.log").read_text(encoding="utf-8")
    assert "Traceback" in log
    assert "sk_test_12345678" not in log


def test_a_reader_that_leaves_does_not_end_the_run(app: Path):
    import sys

    from cli.conftest import LONGEST_S, environment

    command = [sys.executable, "-m", "newfuse", "run", "small", "--data", "people.json"]
    with subprocess.Popen(
        command, cwd=app, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (0, "") == (process.wait(LONGEST_S), process.stderr.read())
    assert "SUCCESS" == results(app)["status"]


def test_on_a_terminal_the_tasks_are_a_table(app: Path):
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    import os
    import sys

    from cli.conftest import LONGEST_S, environment

    ours, its = pty.openpty()
    command = [sys.executable, "-m", "newfuse", "run", "small", "--data", "people.json"]
    with subprocess.Popen(command, cwd=app, env={**environment(), "TERM": "xterm"}, stdout=its, stderr=its) as process:
        os.close(its)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
        assert 0 == process.wait(LONGEST_S)
    os.close(ours)
    text = shown.decode()
    assert "▶ Adding (clerk) started" not in text
    assert "\x1b[?25l" in text  # the cursor is hidden while the table is drawn …
    assert "\x1b[?25h" in text  # … and shown again
    assert "3/3" in text
    assert "SMALL COMPLETED!" in text


def test_a_full_disk_under_stdout_is_said(app: Path):
    import sys

    from cli.conftest import LONGEST_S, environment

    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = [sys.executable, "-m", "newfuse", "run", "small", "--data", "people.json", "--json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command,
            cwd=app,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=LONGEST_S,
            check=False,
        )
    assert 1 == done.returncode
    assert "Error: Standard output or error cannot be written: No space left on device." in done.stderr
