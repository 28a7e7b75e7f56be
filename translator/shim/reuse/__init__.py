"""Reuse the results of an earlier execution that depends on the same things, on whichever engine it ran.

The *key* of an execution (``key``) is a digest of its command, image, runner, packages, environment variables, code,
parameters and inputs. The *index* in the store (``index``) has the complete executions by their keys.
"""
