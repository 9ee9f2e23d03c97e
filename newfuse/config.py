"""Settings from the environment and `.env`: read here alone, when asked for, never at import."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from newfuse.errors import ConfigurationError

STORE_FOLDER = ".newfuse"
DOTENV = ".env"
KEEP_DAYS = 90  # a quarter: until its books are closed, what was sent and answered can be looked into
LONGEST_KEEP_DAYS = 36_500  # a hundred years, for those who want to keep all


class Settings(BaseSettings):
    """What may be set from outside; constructor arguments always win over these.

    Attributes:
        store: Folder of the store, or None for `.newfuse/` beside the app.
        model: Model name such as `openai:gpt-5`, or None to choose by the keys present.
        model_base_url: Address of an OpenAI-compatible server for the model, or None.
        model_streaming: Whether the model's answers come piece by piece: a slow server of one's own then shows life
            within the timeout. Off by default: some vendors stream only to verified organizations.
        keep_days: Days after which the contents of a settled write (what was sent, what was answered) are removed from
            the store; that it was done stays known.
    """

    model_config = SettingsConfigDict(env_prefix="NEWFUSE_", env_file=DOTENV, extra="ignore", protected_namespaces=())

    store: str | None = None
    model: str | None = None
    model_base_url: str | None = None
    model_streaming: bool = False
    keep_days: Annotated[int, Field(ge=1, le=LONGEST_KEEP_DAYS)] = KEEP_DAYS


def load_settings() -> Settings:
    """Read the settings now.

    Raises:
        ConfigurationError: `.env` is there and cannot be read, or a setting is of the wrong kind.
    """
    with _readable_dotenv():
        try:
            return Settings()
        except ValidationError as exc:
            problems = [(f"NEWFUSE_{'_'.join(map(str, error['loc'])).upper()}", error["msg"]) for error in exc.errors()]
            listed = "; ".join(f"{name}: {problem}" for name, problem in problems)
            raise ConfigurationError(f"A setting cannot be used: {listed}.") from None


def store_folder(root: Path | None = None) -> Path:
    """Return the folder of the store: `NEWFUSE_STORE`, or `.newfuse/` under the app's root.

    Args:
        root: The app's root folder; the current folder when not given.

    Raises:
        ConfigurationError: `NEWFUSE_STORE` is a database URL, which this version cannot use.
    """
    chosen = (load_settings().store or "").strip()
    if not chosen:
        return (root or Path.cwd()) / STORE_FOLDER
    if "://" in chosen:
        raise ConfigurationError("NEWFUSE_STORE must be the path of a folder: database URLs are not supported yet.")
    return Path(chosen).expanduser()


def secret_from_environment(names: list[str]) -> SecretStr | None:
    """Return the first of these environment variables that is set and not blank (`.env` included).

    Raises:
        ConfigurationError: `.env` is there and cannot be read.
    """
    in_file = _dotenv()
    for name in names:
        for value in (os.environ.get(name), in_file.get(name)):
            if value and value.strip():
                return SecretStr(value.strip())
    return None


def _dotenv() -> dict[str, str | None]:
    from dotenv import dotenv_values  # a dependency of pydantic-settings; only needed when a credential is sought

    with _readable_dotenv():
        return dict(dotenv_values(DOTENV)) if Path(DOTENV).is_file() else {}


@contextmanager
def _readable_dotenv() -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as exc:  # the codec's own text would repeat what stands in the file
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"The file {DOTENV} cannot be read: {reason}. Correct it or move it away.") from None
