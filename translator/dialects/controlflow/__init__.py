"""Read what Magnus and runnable have in common: a ``dag`` of steps that run one after another.

The two differ in which kinds of steps there are, which keys these have and what is implicit; those differences are data
(``translator.dialects.controlflow.language``). What comes out are control-flow graphs of the IR.
"""
