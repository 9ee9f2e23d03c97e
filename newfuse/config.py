"""Settings from the environment and `.env`: read here alone, when asked for, never at import."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from newfuse.errors import ConfigurationError

STORE_FOLDER = ".newfuse"


class Settings(BaseSettings):
    """What may be set from outside; constructor arguments always win over these.

    Attributes:
        store: Folder of the store, or None for `.newfuse/` beside the app.
        model: Model name such as `openai:gpt-5`, or None to choose by the keys present.
        model_base_url: Address of an OpenAI-compatible server for the model, or None.
    """

    model_config = SettingsConfigDict(
        env_prefix="NEWFUSE_", env_file=".env", extra="ignore", protected_namespaces=()
    )

    store: str | None = None
    model: str | None = None
    model_base_url: str | None = None


def store_folder(root: Path | None = None) -> Path:
    """Return the folder of the store: `NEWFUSE_STORE`, or `.newfuse/` under the app's root.

    Args:
        root: The app's root folder; the current folder when not given.

    Raises:
        ConfigurationError: `NEWFUSE_STORE` is a database URL, which this version cannot use.
    """
    chosen = Settings().store
    if chosen is None:
        return (root or Path.cwd()) / STORE_FOLDER
    if "://" in chosen:
        raise ConfigurationError("NEWFUSE_STORE must be the path of a folder: database URLs are not supported yet.")
    return Path(chosen)


def secret_from_environment(names: list[str]) -> SecretStr | None:
    """Return the first of these environment variables that is set and not blank (`.env` included)."""
    in_file = _dotenv()
    for name in names:
        value = os.environ.get(name) or in_file.get(name)
        if value and value.strip():
            return SecretStr(value.strip())
    return None


def _dotenv() -> dict[str, str | None]:
    from dotenv import dotenv_values  # a dependency of pydantic-settings; only needed when a credential is sought

    return dict(dotenv_values(".env")) if Path(".env").is_file() else {}
