"""Settings from the environment and from `.env` beside the app: read here alone, when asked for, never at import.

Nothing heavy is imported here: the command line asks for the app's root before it knows what it has to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from newfuse.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import SecretStr

STORE_FOLDER = ".newfuse"
DOTENV = ".env"
CREWS = "crews"
"""The folder by which an app's root is known."""
ENVIRONMENT = "the environment"

_YES = frozenset({"1", "true", "t", "yes", "y", "on"})
_NO = frozenset({"0", "false", "f", "no", "n", "off"})

_app: ContextVar[Path | None] = ContextVar("newfuse_app", default=None)
KEEP_DAYS = 90  # a quarter: until its books are closed, what was sent and answered can be looked into
LONGEST_KEEP_DAYS = 36_500  # a hundred years, for those who want to keep all


# --- where the app is -------------------------------------------------------------------------------------------------


@contextmanager
def app_at(root: Path | None) -> Iterator[None]:
    """Say where the app is for the length of a `with` block, in this context and the tasks it starts.

    Args:
        root: The app's folder, or None to leave it to `app_root`.
    """
    before = _app.set(root)
    try:
        yield
    finally:
        _app.reset(before)


def app_root() -> Path | None:
    """Return the app's folder, or None where there is none: then no `.env` is read.

    It is the one that `app_at` named. Otherwise it is the current folder, if that holds `crews/` and this program takes
    code from it anyway: a folder that somebody merely works in may come from anybody.
    """
    told = _app.get()
    if told is not None:
        return told
    here = app_here()
    return here if here is not None and not {"", str(here)}.isdisjoint(sys.path) else None


def app_here() -> Path | None:
    """Return the current folder if it is the root of an app."""
    try:
        here = Path.cwd()
    except OSError:  # it was deleted
        return None
    return here if is_app(here) else None


def is_app(folder: Path) -> bool:
    """Say whether a folder is the root of an app."""
    return (folder / CREWS).is_dir()


# --- what is set ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """One place that settings stand in.

    Attributes:
        name: The environment or `.env`, for people.
        folder: What a relative path in it starts from.
        values: What is set there.
    """

    name: str
    folder: Path
    values: Mapping[str, str | None] = field(repr=False)

    def find(self, names: Iterable[str]) -> Setting | None:
        """Return the first of these settings that is set here and not blank.

        Raises:
            ConfigurationError: It refers to another variable, in `.env`.
        """
        for name in names:
            value = (self.values.get(name) or "").strip()
            if value:
                if self.name == DOTENV and "${" in value:  # or a key of the environment could get into an address
                    raise ConfigurationError(
                        f"{name} in {DOTENV} refers to another variable with ${{…}}. Write the value itself."
                    )
                return Setting(name, value, self)
        return None


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that was found, and where."""

    name: str
    value: str = field(repr=False)
    place: Place

    def __str__(self) -> str:
        """Name it and its place, never its value."""
        return f"{self.name} in {self.place.name}"

    @property
    def secret(self) -> SecretStr:
        """The value of a setting that must not be shown."""
        from pydantic import SecretStr

        return SecretStr(self.value)


def places(root: Path | None = None) -> tuple[Place, ...]:
    """Return the places that settings may stand in, the one that wins first: the environment, then `.env`.

    Args:
        root: The app's folder; `app_root()` when not given.

    Raises:
        ConfigurationError: `.env` is there and cannot be read.
    """
    environment = Place(ENVIRONMENT, Path(), os.environ)
    folder = root or app_root()
    if folder is None or not (folder / DOTENV).is_file():
        return (environment,)
    return environment, Place(DOTENV, folder, _read(folder / DOTENV))


def find_setting(names: Iterable[str], root: Path | None = None) -> Setting | None:
    """Return the first of these settings that is set anywhere and not blank.

    Raises:
        ConfigurationError: `.env` is there and cannot be read.
    """
    found = places(root)
    return next((setting for name in names for place in found if (setting := place.find([name]))), None)


def secret_from_environment(names: Iterable[str]) -> SecretStr | None:
    """Return the value of the first of these settings that is set anywhere, for one that must not be shown.

    Raises:
        ConfigurationError: `.env` is there and cannot be read.
    """
    found = find_setting(names)
    return found.secret if found is not None else None


def _read(path: Path) -> dict[str, str | None]:
    from dotenv import dotenv_values  # only needed where there is such a file

    try:
        return dict(dotenv_values(path, interpolate=False))
    except (OSError, UnicodeDecodeError) as exc:  # the codec's own text would repeat what stands in the file
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"The file {DOTENV} cannot be read: {reason}. Correct it or move it away.") from None


# --- settings of the engine -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What may be set from outside; arguments always win over these. The model's own settings: `newfuse.crew.models`.

    Attributes:
        store: Folder of the store, or None for `.newfuse/` beside the app.
        model_streaming: Whether the model's answers come piece by piece: a slow server of one's own then shows life
            within the timeout. Off by default: some vendors stream only to verified organizations.
        keep_days: Days after which the contents of a settled write (what was sent, what was answered) are removed from
            the store; that it was done stays known.
    """

    store: Path | None = None
    model_streaming: bool = False
    keep_days: int = KEEP_DAYS


def load_settings(root: Path | None = None) -> Settings:
    """Read the settings now.

    Args:
        root: The app's folder; `app_root()` when not given.

    Raises:
        ConfigurationError: `.env` is there and cannot be read, or a setting is of the wrong kind.
    """
    store = find_setting(["NEWFUSE_STORE"], root)
    streaming = find_setting(["NEWFUSE_MODEL_STREAMING"], root)
    keep_days = find_setting(["NEWFUSE_KEEP_DAYS"], root)
    return Settings(
        store=None if store is None else _store_path(store),
        model_streaming=streaming is not None and _is_yes(streaming),
        keep_days=KEEP_DAYS if keep_days is None else _days(keep_days),
    )


def store_folder(root: Path | None = None) -> Path:
    """Return the folder of the store: `NEWFUSE_STORE`, or `.newfuse/` under the app's root.

    Args:
        root: The app's folder; `app_root()` when not given, or the current folder where there is none.

    Raises:
        ConfigurationError: `NEWFUSE_STORE` is a database URL, which this version cannot use.
    """
    return load_settings(root).store or (root or app_root() or Path.cwd()) / STORE_FOLDER


def _store_path(setting: Setting) -> Path:
    if "://" in setting.value:
        raise ConfigurationError("NEWFUSE_STORE must be the path of a folder: database URLs are not supported yet.")
    return setting.place.folder / Path(setting.value).expanduser()


def _days(setting: Setting) -> int:
    days = int(setting.value) if setting.value.isascii() and setting.value.isdecimal() else 0
    if not 1 <= days <= LONGEST_KEEP_DAYS:
        problem = f"is not a number of days from 1 to {LONGEST_KEEP_DAYS}"
        raise ConfigurationError(f"A setting cannot be used: {setting} {problem}.")
    return days


def _is_yes(setting: Setting) -> bool:
    word = setting.value.lower()
    if word not in _YES | _NO:
        raise ConfigurationError(f"A setting cannot be used: {setting} is neither true nor false.")
    return word in _YES
