"""A gateway that takes a submit and loses its answer."""

import json


class Losing:
    """Loses the answer to a POST of `path` `losses` times, then answers `answer`; knows every blob."""

    def __init__(self, losses, path="/executions", **answer):
        self.losses, self.path, self.keys, self.bodies = losses, path, [], []
        self.answer = {"id": "exec_1", "created": True, "missing": {}, **answer}

    def __call__(self, handler):
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if handler.path.endswith(self.path):
            self.keys.append(handler.headers["Idempotency-Key"])
            self.bodies.append(body)
            self.losses -= 1
            if self.losses >= 0:
                handler.close_connection = True
                return
        answer = json.dumps(self.answer).encode()
        handler.send_response(201)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)
