"""Derive the state of every node and of the run from how executions end. This is the specification.

The engines' runs are compared with it, the documentation prints its tables, and ``translate explain`` prints its
predictions. It shares no code with the implementation (``translator.shim.outcome.run_record``). Only the vocabulary of
states, the typing of parameter values and the expansion of a grid come from the shim, because they define values, not
states.

When nodes start
    1.  A node starts when every node with an edge into it is *open*. A complete node is open. So is a failed node with
        ``on-error: continue``, if it is an execution node or its ``on-child-error`` ends in ``-error``.
    2.  A node that does not start is *skipped* if a node with an edge into it is skipped, or failed without being open
        and without stopping the run (``stop-next``; ``continue`` with no execution complete). Otherwise it is
        *stopped*. It has no executions.
    3.  A parameter takes the last of these values: default of the step (with the node's override, and the task
        blueprint's axis), value set for this run, pipeline parameter, edge. In a task node each of these is an axis: a
        list holds its values, a scalar is the only value. A search has a value of each axis in each execution; those of
        the next batch of a Bayesian search follow from the parameters and metrics of all complete executions so far.
    4.  A metadata key or parameter that no complete execution of the source has passes nothing. From a task node, all
        values pass in grid order into an axis or a ``multiple`` parameter, else that of the highest complete index.
        An environment variable takes the value of its edge as text, else that of the step.
    5.  A task node fails without executions if its grid has no points or a value that its parameter rejects. An
        execution fails on every attempt, before its command starts, if its parameter rejects a value, if a required
        input has no file, or if a default is missing (or its wildcard has no match). So it does if the system cannot
        hold the text of an environment variable.
    6.  Only the outputs of complete executions pass along edges. The files that a run gives to an input when it starts
        replace its default. With ``edge-merge-mode: replace`` an input with edges uses neither, even if the edges pass
        nothing. A run that does not give a required input without an edge and a default does not start.
    7.  An execution has up to ``tries`` attempts; it fails if the last one fails.

From executions to nodes
    8.  An execution node has the state of its execution.
    9.  A task node with ``on-child-error``: ``continue-and-complete`` is complete with at least one complete
        execution, else in error; ``continue-and-error`` and ``stop-all-and-error`` fail if any execution
        fails. Without it, ``on-error: continue`` acts as ``continue-and-complete``, and others act as
        ``continue-and-error``.
    10. With ``stop-all-and-error`` a failed execution stops the running and waiting executions of its node. So does
        ``on-error: stop-all`` (or ``retry``) without ``on-child-error``, because it stops everything. Once a task's
        ``stop-condition`` holds for the metadata of a complete execution, its executions that have not started are
        skipped, and a search chooses no further batch; those that run finish.
    11. A node with a stopped execution is stopped, unless it fails by rule 9. If a stop prevents the next
        attempt of an execution, it is stopped, or stays in error: engines differ in whether they return to it.

From nodes to the run
    12. A failed node with ``stop-all`` (or ``retry``) stops the run: running executions are stopped, and others never
        start. It does so when its first execution fails (rule 10), or with another ``on-child-error`` when it ends.
    13. The run fails if a node fails, unless that node is open (rule 1). Nodes that are skipped or stopped because of
        another do not count. Otherwise the run is complete.

Additions for Loom
    14. A node with an unmet gate that ``excludes`` (an optional step) is not part of the run: it is skipped, and
        downstream nodes run as if it did not exist. This precedes rule 1.
    15. A node that may start but has another unmet gate, because of a condition's result or a parameter's value, is
        skipped, and so are downstream nodes by rule 2.
    16. The end of a ``multi_pass`` may start although nodes with edges into it are skipped, if none of its ancestors
        failed and one of those nodes is complete.
    17. A loop has an execution per file in its directory when it starts: those of the complete executions that edges
        come from, and those of the project. Without files it is complete; without the directory it fails. In a
        sequential loop, executions after a failed one are skipped.

Actions (Valohai)
    18. The actions of a node are evaluated in the order of the file: those with ``node-starting`` when it may start
        (rule 1), before its first execution; those with ``node-complete`` or ``node-error`` when it is complete or has
        failed finally, before downstream nodes start. A node that is skipped or stopped has no such event.
    19. An action takes effect if all its conditions hold for at least one execution. At ``node-starting`` conditions
        see the parameters of each execution, at ``node-complete`` parameters and metadata of each complete one, at
        ``node-error`` of each failed one. Without executions they see no values. A condition that cannot be evaluated
        does not hold.
    20. Effects are taken in order, until one ends the run: ``stop-pipeline`` and ``error-pipeline`` stop it as in rule
        12, and later actions of the node are not evaluated. At ``node-starting`` the node itself never starts, and is
        stopped; else it keeps its state, and downstream nodes are stopped, or skipped by rule 2. The run fails by
        rule 13 or because of ``error-pipeline``; otherwise ``stop-pipeline`` leaves it stopped. ``noop`` has no effect.
    21. ``require-approval`` waits for a person's decision about the node, while other branches continue. If the person
        approves, evaluation continues with the next effect. If the person rejects, the run ends as with
        ``stop-pipeline``. If something else stops the run meanwhile, the node is stopped, or keeps its state if it has
        ended.

Distributed tasks (Valohai)
    22. The executions of a distributed task are the members of one group. All have the same parameters: a list is the
        value of a ``multiple`` parameter, not an axis. No command starts before all could start, and no member is
        complete before the commands of all have succeeded. If one fails, the others end and fail in the same attempt;
        each further attempt is one of all members. If one is stopped, the others are stopped.
    23. So the task is complete if all members are, else in error: ``on-error: continue`` acts as ``stop-next``, and
        ``on-child-error`` has no effect. A failure in the group does not stop other members by rule 10.

Timing decides which executions had ended when a stop came. If the states depend on it, a prediction holds a set of
states; if the order of events is forced, exactly one. With a stop by node T: the ancestors of T had ended, so they keep
their states; T failed, or its action stopped the run; nodes downstream of T never start. Any other node may have
finished, may be interrupted, or may never have started, and a node downstream of an interrupted one never starts. If
several nodes could stop the run, any may be the first, and the prediction is the union. Likewise, a prediction follows
every choice of executions that a failure in a ``stop-all-and-error`` node may have stopped, if downstream nodes can
tell the difference.
"""

from translator.semantics.comparison import disagreements
from translator.semantics.oracle import Attempt, Ending, Failure, Oracle, all_complete, failing
from translator.semantics.prediction import ExecutionPrediction, NodePrediction, Prediction, predict
from translator.semantics.rules import Rules
from translator.semantics.tables import ACTIONS, ON_CHILD_ERROR, ON_ERROR, Row, row, table

__all__ = [
    "ACTIONS",
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
