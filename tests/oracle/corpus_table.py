"""The files of the corpus that end differently here, on purpose: each with the reason, and with what differs."""

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


_GIVES_UP = "gives up half-way"
_NESTED = f"{_GIVES_UP}: it does not find the log of a composite step that is in a map"
_GET = f"{_GIVES_UP}: nothing matches what a step gets from the catalog"
_PUT = f"{_GIVES_UP}: nothing matches what a step puts into the catalog"
_CASE = f"{_GIVES_UP}: the parameter has the value of no case"
_LIST = f"{_GIVES_UP}: what is mapped over is no list"
_STEP = "the step errs, and its `on_failure` is followed"
_STEP_FAILS = "the step errs, and so does the run"
_LENIENT = "the value is given as it is"

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
                "a branch reads a parameter that a branch before it has just written",
                "branches run side by side and see what there was before them: a step errs for want of the parameter",
                ("p.c",),
            ),
            "probes/py_lst_annot.yaml": OnPurpose(
                "SUCCESS", "a function with an argument of type `List[int]` cannot be called", _LENIENT, ("t",)
            ),
            "probes/py_unannot.yaml": OnPurpose(
                "SUCCESS", "a function with an argument without a type cannot be called", _LENIENT, ("t",)
            ),
            "probes/secret.yaml": OnPurpose(
                "FAIL", 'a secret that nobody has set is `""`', "it is an error: nothing goes on without it", ("a",)
            ),
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
                "SUCCESS", f"{_GIVES_UP}: there is no such parameter", _STEP, ("c", "h")
            ),
            "probes/cond_nomatch.yaml": OnPurpose("SUCCESS", _CASE, _STEP, ("c", "h")),
            "probes/map_cond.yaml": OnPurpose("SUCCESS", _NESTED, "it runs", ("m",)),
            "probes/map_nested.yaml": OnPurpose("SUCCESS", _NESTED, "it runs", ("m", "parameter oo")),
            "probes/map_par.yaml": OnPurpose("SUCCESS", _NESTED, "it runs", ("m", "parameter oo")),
            "probes/map_str.yaml": OnPurpose("SUCCESS", _LIST, _STEP, ("m", "h")),
            "probes/map_strs.yaml": OnPurpose(
                "SUCCESS",
                f"{_GIVES_UP}: an item has a dot in it",
                "the map errs before its first branch, and its `on_failure` is followed",
                ("m", "h"),
            ),
            "probes/nb_twice.yaml": OnPurpose(
                "FAIL",
                "a notebook runs twice, and leaves in the folder that all steps share how often it did",
                "it runs once; what a step does not put into the catalog is not there for others",
                ("b",),
            ),
            "probes/reducer_sum.yaml": OnPurpose("SUCCESS", f"{_GIVES_UP}: the reducer raises", _STEP, ("m",)),
            "probes/sh_multiline.yaml": OnPurpose(
                "FAIL",
                "a shell step fails at a value of several lines, but the first of them is returned",
                "the step errs as well; what a step in error wrote is lost, here as elsewhere",
                ("parameter q",),
            ),
            "probes/stub_cat.yaml": OnPurpose("SUCCESS", _PUT, _STEP, ("a",)),
        },
    }
)
