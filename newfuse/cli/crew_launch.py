"""Runs a crew from the command line: finds it, shows the run, prints what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newfuse.cli.app_root import DEFAULT_DATA, default_data, find_root, load_crew, say_what_is_left_out
from newfuse.cli.interruption import Interrupted, run_interruptibly
from newfuse.cli.key_values import read_pairs
from newfuse.cli.run_view import RunView
from newfuse.cli.screen import Screen, standard_error, standard_output
from newfuse.cli.world import check_choice, chosen_world
from newfuse.config import store_folder
from newfuse.crew.data import make_datasets, read_data
from newfuse.report.console import closing_text, files_text, results_text, setup_text

if TYPE_CHECKING:
    from newfuse.cli.fault_log import FaultLog
    from newfuse.crew import Crew
    from newfuse.report import RunOutput

SETTLING = "Interrupted: settling the writes that were begun. Once more ends the program at once."


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewLaunch:
    """What `newfuse run` was asked for; see its options."""

    crew: str
    root: Path | None
    data: Path | None
    out: Path
    model: str | None
    sandbox: str | None
    live: bool
    base_urls: Sequence[str]
    repeat: bool
    repeat_anew: bool
    store: Path | None
    json: bool
    inputs: Sequence[str]


def launch(asked: CrewLaunch, log: FaultLog) -> int:
    """Run the crew and return the exit code.

    Raises:
        ConfigurationError: Something is wrong with the crew, the data, an option or a setting; nothing was started.
    """
    check_choice(asked.sandbox, asked.live)
    inputs = read_pairs(asked.inputs, what="--input")
    base_urls = read_pairs(asked.base_urls, what="--base-url")
    root = find_root(asked.root)
    crew = load_crew(root, asked.crew)
    store = asked.store or store_folder(root)
    log.lie_in(store)
    rows, place = _data(asked, root, crew)
    say_what_is_left_out(standard_error())
    screen = standard_error() if asked.json else standard_output(endures=True)  # a run outlives its console
    with _view(screen, crew, plain=asked.json) as view:
        if crew.datasets:
            counts = {name: len(rows.get(name, [])) for name in crew.datasets}
            is_sample = asked.data is None and Path(place) == root / DEFAULT_DATA
            view.say(setup_text(crew.words, counts, None if is_sample else str(_from_here(Path(place)))))
        output = _run(asked, crew, rows, place, store, inputs, base_urls, view)
    _show(output, screen)
    screen.check()
    if asked.json:
        from newfuse.report.writer import results_json

        standard_output().say_json(results_json(output.result))  # the file itself may have been impossible to write
    return output.exit_code


def _data(asked: CrewLaunch, root: Path, crew: Crew) -> tuple[dict[str, list[Any]], str]:
    if asked.data is None and not crew.datasets:
        return {}, "data"
    path = asked.data or default_data(root, asked.crew)
    rows = read_data(path)
    make_datasets(rows, crew.datasets, place=str(path))  # refused before the console says that it is prepared
    return rows, str(path)


def _view(screen: Screen, crew: Crew, *, plain: bool) -> RunView:
    verbose = {agent.name for agent in crew.agents.values() if agent.verbose}
    if screen.is_terminal and not plain:
        from newfuse.cli.live_view import LiveView  # rich, for terminals alone

        return LiveView(screen, verbose=verbose)
    from newfuse.cli.plain_view import PlainView

    return PlainView(screen, verbose=verbose)


def _run(
    asked: CrewLaunch,
    crew: Crew,
    rows: dict[str, list[Any]],
    place: str,
    store: Path,
    inputs: dict[str, str],
    base_urls: dict[str, str],
    view: RunView,
) -> RunOutput:
    async def work() -> RunOutput:
        environment = await chosen_world(asked.sandbox, asked.live)
        return await crew.arun(
            rows,
            environment=environment,
            model=asked.model,
            out=asked.out,
            store=store,
            repeat=asked.repeat,
            repeat_anew=asked.repeat_anew,
            inputs=inputs,
            watcher=view,
            data_place=place,
            base_urls=base_urls,
        )

    try:
        return run_interruptibly(work(), interrupted=lambda: view.say(SETTLING), leaving=view.restore)
    except Interrupted:
        if view.run_id is not None:
            view.say(f"What was done is recorded: newfuse runs show {view.run_id}")
        raise


def _show(output: RunOutput, screen: Screen) -> None:
    for text in _texts(output, _from_here(output.folder.resolve())):
        screen.say()
        screen.say(text)


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _texts(output: RunOutput, folder: Path) -> Iterator[str]:
    """Make the closing texts one by one, so that a fault in one hides none before it."""
    yield results_text(output.record)
    yield files_text(output.record.words, output.files, output.result.obstacles)
    yield closing_text(output.record, folder)
