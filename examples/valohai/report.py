"""Write what was tried and what was chosen, for people."""

import json
from pathlib import Path

import valohai

best_model = valohai.parameters("best_model").value
accuracy = valohai.parameters("accuracy").value
candidates = json.loads(Path(valohai.inputs("candidates").path()).read_text())

best_first = sorted(candidates, key=candidates.get, reverse=True)
table = "\n".join(f"| {name} | {candidates[name]:.4f} |" for name in best_first)
report = f"""# Handwritten digits

Chosen: **{best_model}**, which reads {accuracy:.1%} of the test images correctly.

| model | accuracy on the validation set |
|---|---|
{table}
"""
print(table)
Path(valohai.outputs().path("report.md")).write_text(report)
