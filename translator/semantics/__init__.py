"""The meaning of a pipeline as code: from how its executions end to the state of every node and of the run.

This is the specification. The engines' runs are compared with it, the documentation prints its table, and
``translate explain`` asks it. It shares no code with what decides states at run time (``translator.shim.outcome``);
only the vocabulary of states, the typing of parameter values and the expansion of a grid are the shim's, because
those say what values are, not what states mean.

How a node fares
    1.  A node starts when every node with an edge into it is *open*: it is complete; or it is in error, its on-error
        is ``continue``, and it is an execution node or its ``on-child-error`` is one of those that end in ``-error``.
    2.  A node that does not start is *skipped* if a node with an edge into it is skipped, or is in error without being
        open and without stopping the run (``stop-next``; ``continue`` with no execution complete); otherwise it is
        *stopped*. It has no executions.
    3.  A parameter's value: default of the step (with the node's override, and the task blueprint's axis), then the
        value given for this run, then the pipeline parameter's value if it has one, then what an edge brings, if it
        brings anything. In a task node each of these is an axis: a list is its values, a scalar its only one.
    4.  A metadata key or parameter that no complete execution of the source has brings nothing. From a task node: all
        values in grid order into an axis or a ``multiple`` parameter, else that of the highest complete index.
    5.  A grid without points, or with a value its parameter refuses: the node is in error without executions. A value
        that an execution node's parameter refuses, an input that is not optional and that no file reaches, a default
        that is not there (or a wildcard that matches nothing): the execution errs, on every try, before its command
        starts.
    6.  Only the outputs of complete executions flow along edges. With ``edge-merge-mode: replace`` an input that has
        edges does not use its default, even when the edges bring nothing.
    7.  An execution is tried up to ``tries`` times; it is in error when its last try errs.

What its executions make of a node
    8.  An execution node is what its execution is.
    9.  A task node with ``on-child-error``: ``continue-and-complete`` is complete with at least one complete
        execution, else in error; ``continue-and-error`` and ``stop-all-and-error`` are in error with any execution in
        error. Without it: ``on-error: continue`` acts as ``continue-and-complete``, every other as
        ``continue-and-error``.
    10. ``stop-all-and-error`` stops the executions of the same node that have not ended when one errs. So does
        ``on-error: stop-all`` (or ``retry``) without ``on-child-error``, because it stops everything.
    11. A node of which an execution was stopped is stopped, unless it is in error by rule 9. An execution that a stop
        keeps from its next try is stopped, or stays in error: engines differ in whether they come back to it.

What a node makes of the run
    12. A node in error with ``stop-all`` (or ``retry``) stops the run: what runs is stopped, what has not started
        never starts. It does so when its first execution errs (rule 10), with another ``on-child-error`` when it ends.
    13. The run is in error if a node is in error, unless that node is open (rule 1). A node that is skipped or stopped
        because of another does not count. Otherwise the run is complete.

What Loom adds
    14. A node with a gate that ``excludes`` (an optional step) and that is not met is not part of the run: it is
        skipped, and the nodes after it run as if it were not there. This comes before rule 1.
    15. A node that may start and has another gate that is not met, because a condition came to the other verdict or
        a parameter has the other value, is skipped, and so by rule 2 are the nodes after it.
    16. The end of a ``multi_pass`` may start although nodes with edges into it are skipped: if none of its ancestors
        is in error and one of those nodes is complete.
    17. A loop has an execution per file that is in its folder when it starts: those of the complete executions that
        edges come from, and those of the project. Without files it is complete, without the folder in error. One
        after another, those after one in error are skipped.

Which executions had ended when a stop came is a matter of timing. Where that decides, a prediction holds a set of
states; where the order of events is forced, exactly one. With a stop by node T: the ancestors of T had ended, so they
keep their states; T is in error; nodes after T never start; any other node may have come to its own end, may be cut
off, or may never have started, and a node after one that was cut never starts. With several nodes that could stop the
run, any may be the first, and the prediction is the union over them. In the same way every choice of executions that
an error in a ``stop-all-and-error`` node may have stopped is followed where the nodes after it can see the difference.
"""

from translator.semantics.comparison import disagreements
from translator.semantics.oracle import Attempt, Ending, Failure, Oracle, all_complete, failing
from translator.semantics.prediction import ExecutionPrediction, NodePrediction, Prediction, predict
from translator.semantics.rules import Rules
from translator.semantics.tables import ON_CHILD_ERROR, ON_ERROR, Row, row, table

__all__ = [
    "ON_CHILD_ERROR",
    "ON_ERROR",
    "Attempt",
    "Ending",
    "ExecutionPrediction",
    "Failure",
    "NodePrediction",
    "Oracle",
    "Prediction",
    "Row",
    "Rules",
    "all_complete",
    "disagreements",
    "failing",
    "predict",
    "row",
    "table",
]
