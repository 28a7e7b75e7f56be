"""The artifact store as a block, to be made and chosen in Prefect's UI (*Blocks*, "Artifact Store")."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field


class ArtifactStore(Block):
    """The store in which executions of translated pipelines keep outputs and manifests.

    Flows use the block called ``default``, or the one that the environment variable ``TRANSLATOR_STORE`` names
    (``artifact-store/NAME``).
    """

    _block_type_name = "Artifact Store"
    _block_type_slug = "artifact-store"
    _description = "Where the executions of translated pipelines keep their outputs and manifests."

    uri: str = Field(
        title="URI",
        description="A folder, or any URI that fsspec knows, such as s3://bucket/prefix; credentials come from the "
        "environment of the worker.",
        examples=["/srv/artifacts", "s3://bucket/prefix"],
    )
