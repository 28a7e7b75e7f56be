"""Define the block that configures the artifact store in Prefect's UI (*Blocks*, "Artifact Store")."""

from __future__ import annotations

from prefect.blocks.core import Block
from prefect.blocks.fields import SecretDict  # noqa: TC002 - pydantic reads the annotation
from pydantic import Field


class ArtifactStore(Block):
    """The store for outputs and manifests of translated pipelines.

    Flows use the block that they name, else the one called ``default``. The environment variable ``TRANSLATOR_STORE``
    can name another (``artifact-store/NAME``).
    """

    _block_type_name = "Artifact Store"
    _block_type_slug = "artifact-store"
    _description = "The store for outputs and manifests of translated pipelines."

    uri: str = Field(
        title="URI",
        description="A directory, or any URI of fsspec, such as s3://bucket/prefix.",
        examples=["/srv/artifacts", "s3://bucket/prefix"],
    )
    storage_options: SecretDict | None = Field(
        default=None,
        title="Storage options",
        description="Options of fsspec for this kind of URI, such as key and secret for S3; without them, credentials "
        "come from the environment of the worker.",
    )
