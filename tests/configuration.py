"""Settings as an operator writes them, and what the operator is told about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tux_http.config import ConfigError, Settings, load

if TYPE_CHECKING:
    from collections.abc import Mapping

SHIPPED = Path(__file__).parents[1] / "config.toml"
GITHUB = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"


def written(file: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load(file, environ or {})


def problems(
    text: str | bytes | None, file: Path | None, environ: Mapping[str, str] | None = None
) -> list[str]:
    if file is not None and text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(file, environ or {})
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert all("\n" not in problem for problem in caught.value.problems)
    return list(caught.value.problems)
