"""Define the block that configures the artifact store in Prefect's UI (*Blocks*, "Artifact Store"), and load blocks."""

from __future__ import annotations

from typing import TypeVar, cast

from prefect.blocks.core import Block
from prefect.blocks.fields import SecretDict  # noqa: TC002 - pydantic reads the annotation
from prefect.exceptions import ObjectNotFound
from pydantic import Field

from prefect_plugin.exceptions import BlockError

B = TypeVar("B", bound=Block)


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


def load(block_type: type[B], name: str) -> B | None:
    """Return the block with that type and name; None if it does not exist.

    Raises:
        BlockError: its fields are not those of the type.
    """
    try:
        return cast("B", block_type.load(name))
    except ValueError as error:
        if isinstance(error.__cause__, ObjectNotFound):
            return None
        raise _unreadable(block_type, name, error) from error
    except RuntimeError as error:  # its fields are those of another version of the type
        raise _unreadable(block_type, name, error) from error


def title(block_type: type[Block], name: str) -> str:
    """Return how messages call a block: its type as Prefect's UI shows it, and its name."""
    return f"the {block_type.get_block_type_slug().replace('-', ' ').title()} block {name!r}"


def _unreadable(block_type: type[Block], name: str, error: Exception) -> BlockError:
    reason = str(error).splitlines()[0]
    return BlockError(f"{title(block_type, name)} cannot be read: {reason}", "open it in Prefect and save it again")
