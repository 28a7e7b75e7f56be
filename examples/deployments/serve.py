"""Serve the model: GET /?petal=1.4 answers which kind of flower that is."""

import json
from pathlib import Path
from urllib.parse import parse_qs

THRESHOLD = json.loads(Path("model.json").read_text())["threshold"]


def app(environ, start_response):
    try:
        petal = float(parse_qs(environ["QUERY_STRING"])["petal"][0])
    except (KeyError, ValueError):
        start_response("400 Bad Request", [("Content-Type", "text/plain")])
        return [b"give the length of a petal: ?petal=1.4\n"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"kind": "versicolor" if petal > THRESHOLD else "setosa"}).encode()]
