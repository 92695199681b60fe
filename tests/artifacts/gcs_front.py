"""In front of fake-gcs-server: the XML uploads of GCS, which that server does not speak.

Plain PUTs are passed on as the signed ones that it does take; the parts of a multi-part upload are
kept here until it is complete.
"""

import http.client
import itertools
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BACKEND = ("127.0.0.1", int(sys.argv[2]))
uploads = {}
numbers = itertools.count(1)


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        body = self.body()
        upload = query.get("uploadId", [None])[0]
        if "uploads" in query:
            upload = str(next(numbers))
            uploads[upload] = {}
            xml = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>"
            self.answer(200, xml.encode() + b"</InitiateMultipartUploadResult>")
        elif upload is not None and self.command == "PUT":
            uploads[upload][int(query["partNumber"][0])] = body
            self.answer(200, b"", ETag=f'"{upload}-{query["partNumber"][0]}"')
        elif upload is not None and self.command == "POST":
            kept = uploads.pop(upload)
            order = [int(n) for n in re.findall(rb"<PartNumber>(\d+)<", body)]
            self.pass_on("PUT", parts.path + "?X-Goog-Algorithm=x", b"".join(map(kept.get, order)))
        elif upload is not None and self.command == "DELETE":
            uploads.pop(upload, None)
            self.answer(204, b"")
        elif self.command == "PUT" and not parts.query:
            self.pass_on("PUT", parts.path + "?X-Goog-Algorithm=x", body)
        else:
            self.pass_on(self.command, self.path, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def pass_on(self, method, path, body):
        connection = http.client.HTTPConnection(*BACKEND)
        skip = ("content-length", "connection", "authorization")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skip}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        own = ("content-length", "transfer-encoding", "date")
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in own}
        length = answer.getheader("Content-Length")
        content = answer.read()
        if method == "PUT" and answer.status == 200:
            content = b"<CompleteMultipartUploadResult><ETag>&quot;x&quot;</ETag>"
            content += b"</CompleteMultipartUploadResult>"
            kept = {"ETag": kept.get("Etag") or '"x"', "x-goog-generation": "1"}
        self.answer(answer.status, content, length if method == "HEAD" else None, **kept)
        connection.close()

    def answer(self, status, content, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Front).serve_forever()
