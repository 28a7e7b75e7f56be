"""List the files of the corpus that deliberately end differently here, with the reason and the difference."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class OnPurpose:
    """How a file ends here: the run ``SUCCESS`` or ``FAIL``, or the file is ``refused``.

    ``where`` names all that differs beside the run: the paths of steps (with what is below them), ``parameter NAME``.
    """

    ends: str
    engine: str
    here: str
    where: tuple[str, ...] = ()


_GIVES_UP = "crashes"
_NESTED = f"{_GIVES_UP}: it cannot find the log of a composite step inside a map"
_GET = f"{_GIVES_UP}: no file in the catalog matches a `get`"
_PUT = f"{_GIVES_UP}: no file matches a `put` to the catalog"
_CASE = f"{_GIVES_UP}: the parameter's value does not name a branch"
_LIST = f"{_GIVES_UP}: the value to map over is not a list"
_STEP = "the step fails, and its `on_failure` is followed"
_STEP_FAILS = "the step and the run fail"
_LENIENT = "the value is passed unchanged"

TABLE: Mapping[str, Mapping[str, OnPurpose]] = MappingProxyType(
    {
        "magnus": {
            "probes/brdot.yaml": OnPurpose(
                "refused", f"{_GIVES_UP}: a branch has a dot in its name", "an error before the run"
            ),
            "probes/cat_missing_get.yaml": OnPurpose("SUCCESS", _GET, _STEP, ("a", "h")),
            "probes/map_str.yaml": OnPurpose("FAIL", _LIST, _STEP_FAILS, ("m",)),
            "probes/par_sib.yaml": OnPurpose(
                "SUCCESS",
                "a branch reads a parameter that an earlier branch wrote",
                "branches run in parallel and see the parameters from before; the step without its parameter fails",
                ("p.c",),
            ),
            "probes/py_lst_annot.yaml": OnPurpose(
                "SUCCESS", "a function with an argument of type `List[int]` cannot be called", _LENIENT, ("t",)
            ),
            "probes/py_unannot.yaml": OnPurpose(
                "SUCCESS", "a function with an argument without a type cannot be called", _LENIENT, ("t",)
            ),
            "probes/secret.yaml": OnPurpose("FAIL", 'an undefined secret is `""`', "it is an error", ("a",)),
            "probes/stub_cat.yaml": OnPurpose("SUCCESS", _PUT, _STEP, ("a",)),
        },
        "runnable": {
            "probes/ann_optint.yaml": OnPurpose(
                "SUCCESS", "a function with an argument of type `Optional[int]` cannot be called", _LENIENT, ("a",)
            ),
            "probes/async.yaml": OnPurpose(
                "refused", f"{_GIVES_UP}: `async-python` runs only from Python", "an error before the run"
            ),
            "probes/cat_get.yaml": OnPurpose("SUCCESS", _GET, _STEP, ("a", "h")),
            "probes/cat_put.yaml": OnPurpose("SUCCESS", _PUT, _STEP, ("a", "h")),
            "probes/cond_default.yaml": OnPurpose("FAIL", _CASE, _STEP_FAILS, ("c",)),
            "probes/cond_missing.yaml": OnPurpose(
                "SUCCESS", f"{_GIVES_UP}: the parameter does not exist", _STEP, ("c", "h")
            ),
            "probes/cond_nomatch.yaml": OnPurpose("SUCCESS", _CASE, _STEP, ("c", "h")),
            "probes/map_cond.yaml": OnPurpose("SUCCESS", _NESTED, "it runs", ("m",)),
            "probes/map_nested.yaml": OnPurpose("SUCCESS", _NESTED, "it runs", ("m", "parameter oo")),
            "probes/map_par.yaml": OnPurpose("SUCCESS", _NESTED, "it runs", ("m", "parameter oo")),
            "probes/map_str.yaml": OnPurpose("SUCCESS", _LIST, _STEP, ("m", "h")),
            "probes/map_strs.yaml": OnPurpose(
                "SUCCESS",
                f"{_GIVES_UP}: an item contains a dot",
                "the map fails before its first branch, and its `on_failure` is followed",
                ("m", "h"),
            ),
            "probes/nb_twice.yaml": OnPurpose(
                "FAIL",
                "a notebook runs twice, and counts its runs in the shared directory",
                "it runs once; steps share files only through the catalog",
                ("b",),
            ),
            "probes/reducer_sum.yaml": OnPurpose("SUCCESS", f"{_GIVES_UP}: the reducer raises", _STEP, ("m",)),
            "probes/sh_multiline.yaml": OnPurpose(
                "FAIL",
                "a shell step fails at a multi-line value, but its first line is returned",
                "the step fails, too; what a failed step wrote is discarded",
                ("parameter q",),
            ),
            "probes/stub_cat.yaml": OnPurpose("SUCCESS", _PUT, _STEP, ("a",)),
        },
    }
)
