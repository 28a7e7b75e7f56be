"""Find a run's artifact store, project and name."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.common.compat.sdk import conf

SECTION = "pipeline_translator"
RUN = "TRANSLATOR_RUN"
"""Environment variable with the run's name in the store, if a command chose it before Airflow started."""


def store_uri() -> str:
    """Return the store: ``TRANSLATOR_STORE``, else ``[pipeline_translator] store``, else one in AIRFLOW_HOME."""
    configured = os.environ.get("TRANSLATOR_STORE") or conf.get(SECTION, "store", fallback="")
    return configured or str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "artifacts")


def project_folder(folder: str | Path) -> Path:
    """Return the source file's directory: ``TRANSLATOR_PROJECT``, else that of the DAG file."""
    return Path(os.environ.get("TRANSLATOR_PROJECT") or folder)
