"""A small real time-stamping authority on loopback: HTTP in front of `openssl ts -reply`."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
[stamping]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""


def openssl(folder: Path, *words: str, given: bytes | None = None) -> bytes:
    ran = subprocess.run(["openssl", *words], cwd=folder, input=given, capture_output=True, check=False, timeout=30)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


@dataclass
class SmallAuthority:
    """Answers requests as RFC 3161 says, or as a test wants it to misbehave."""

    folder: Path
    url: str = ""
    status: int = 200
    kind: str = "application/timestamp-reply"
    body: bytes | None = None
    """Sent instead of a stamp."""
    location: str = ""
    asked: list[bytes] = field(default_factory=list)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def make(self) -> None:
        """Make a root, and a signer certified for time stamping alone."""
        self.folder.mkdir(parents=True)
        (self.folder / "tsa.cnf").write_text(CONFIG.format(folder=self.folder))
        (self.folder / "serial").write_text("01\n")
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl(
            self.folder, "req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=Root"
        )
        openssl(self.folder, "req", *new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Small TSA")
        openssl(
            self.folder, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7",
            "-days", "30", "-extfile", "tsa.cnf", "-extensions", "stamping", "-out", "tsa.pem",
        )  # fmt: skip

    def answer(self, query: bytes) -> bytes:
        self.asked.append(query)
        (self.folder / "query.tsq").write_bytes(query)
        if self.body is not None:
            return self.body
        words = ("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", "answer.tsr")
        openssl(self.folder, *words)
        return (self.folder / "answer.tsr").read_bytes()


@contextmanager
def running(folder: Path) -> Iterator[SmallAuthority]:
    """Serve an authority on a free loopback port."""
    authority = SmallAuthority(folder)
    authority.make()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = authority.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(authority.status)
            self.send_header("Content-Type", authority.kind)
            if authority.location:
                self.send_header("Location", authority.location)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    authority.url = f"http://127.0.0.1:{server.server_port}/tsa"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
