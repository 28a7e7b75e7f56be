"""Define the block that configures the artifact store in Prefect's UI (*Blocks*, "Artifact Store")."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field


class ArtifactStore(Block):
    """The store for outputs and manifests of translated pipelines.

    Flows use the block called ``default``, or the one that the environment variable ``TRANSLATOR_STORE`` names
    (``artifact-store/NAME``).
    """

    _block_type_name = "Artifact Store"
    _block_type_slug = "artifact-store"
    _description = "The store for outputs and manifests of translated pipelines."

    uri: str = Field(
        title="URI",
        description="A directory, or any URI of fsspec, such as s3://bucket/prefix; credentials come from the "
        "environment of the worker.",
        examples=["/srv/artifacts", "s3://bucket/prefix"],
    )
