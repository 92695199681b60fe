"""What Azure runs for a deployment without an image of ours, as far as its documentation tells:
MLflow loads the folder, ``input_data`` holds the rows, the answer is the bare predictions."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import mlflow.pyfunc
import pandas

model = mlflow.pyfunc.load_model(sys.argv[1])


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "input_data" not in body:
            status, said = 400, {"message": "An 'input_data' key is required."}
        else:
            data = body["input_data"]
            rows = pandas.DataFrame(data["data"], columns=data["columns"])
            status, said = 200, model.predict(rows).tolist()
        answer = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


server = HTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
