"""Define the pipeline on which both engines' tests of policies try every key of translator.toml."""

from pathlib import Path

PACKAGES = Path(__file__).parent / "goldens" / "packages"
"""Where the functions are that the policies name."""
TEXT = """
- step: {name: work, image: none, command: "true", parameters: [{name: n, type: integer, default: 1}]}
- pipeline:
    name: Policies
    nodes:
      - {name: one, type: execution, step: work}
      - {name: many, type: task, step: work}
      - {name: again, type: execution, step: work, on-error: retry}
      - {name: asked, type: execution, step: work, actions: [{when: node-starting, then: require-approval}]}
    edges: []
"""
