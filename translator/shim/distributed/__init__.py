"""Let the executions of a distributed task start together and end together.

They meet in the artifact store, the one place that all of them reach (``translator.shim.distributed.group``). Each says
how to reach it (``translator.shim.distributed.addresses``), and waits for the others before its command starts.
"""
