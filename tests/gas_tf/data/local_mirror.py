"""A mirror on this machine that serves, or fails to serve, one body in a given way."""

import contextlib
import hashlib
import http.server
import threading
import time

from gas_tf.data.sources import OfficialFile

BODY = bytes(range(256)) * 4096  # 1 MiB
FILE = OfficialFile('train-labels-idx1-ubyte.gz', len(BODY), hashlib.md5(BODY).hexdigest())


class _Handler(http.server.BaseHTTPRequestHandler):
    """The first folder of the path says how to behave: /whole/, /truncated/, /stalled/, ..."""

    def do_GET(self):
        behaviour = self.path.split('/')[1]
        self.server.requests.append(behaviour)
        if behaviour == 'missing':
            self.send_error(404)
            return
        body = self.server.bodies.get(self.path.rsplit('/', 1)[1], BODY)
        if behaviour == 'wrong':
            body = body[:-1] + b'?'
        if behaviour == 'page':
            body = b'<html>please log in</html>'
        self.send_response(200)
        if behaviour != 'unannounced':
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            if behaviour in ('truncated', 'unannounced'):
                self.wfile.write(body[:len(body) // 2])
            elif behaviour == 'stalled':
                self.wfile.write(body[:len(body) // 2])
                self.server.stop.wait(10)
            elif behaviour == 'dripping':
                for byte in body[:150]:
                    self.wfile.write(bytes([byte]))
                    if self.server.stop.wait(0.02):
                        break
            elif behaviour == 'slow':
                for start in range(0, len(body), len(body) // 8):
                    self.wfile.write(body[start:start + len(body) // 8])
                    time.sleep(0.05)
            else:
                self.wfile.write(body)

    def log_message(self, *_):
        pass


class LocalMirror(http.server.ThreadingHTTPServer):
    """`requests` lists the behaviours asked for; `bodies` maps file names to other bodies."""

    def __init__(self):
        super().__init__(('127.0.0.1', 0), _Handler)
        self.requests, self.bodies, self.stop = [], {}, threading.Event()

    def url(self, behaviour):
        return f'http://127.0.0.1:{self.server_port}/{behaviour}/'


@contextlib.contextmanager
def local_mirror():
    with LocalMirror() as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.stop.set()
            server.shutdown()
            thread.join()
