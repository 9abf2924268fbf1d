"""An object store to bake to: s3s-fs, whose objects are files."""

import contextlib
import os
import shutil
import socket
import subprocess
import time

VARIABLE = "AZULEJO_TEST_S3S_FS"
BUCKET = "maps"
KEY, SECRET = "AKIATESTTESTTEST", "nobody/may/see+this"


def program():
    """s3s-fs, or nothing."""
    return os.environ.get(VARIABLE) or shutil.which("s3s-fs")


@contextlib.contextmanager
def opened(root):
    """A store with an empty bucket in the folder `root`, while this lasts: its address as variables, and the bucket's folder."""
    bucket = os.path.join(root, BUCKET)
    os.makedirs(bucket)
    port = _free_port()
    asked = [program(), "--access-key", KEY, "--secret-key", SECRET, root, "--host", "127.0.0.1", "--port", str(port)]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(asked, stdin=quiet, stdout=quiet, stderr=quiet, cwd=root)
    try:
        _wait_for(port, server)
        variables = {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        yield variables, bucket
    finally:
        server.kill()
        server.wait()


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_for(port, server):
    for _ in range(200):
        if server.poll() is not None:
            raise SystemExit(f"error: s3s-fs ended with {server.returncode}; expected it to serve")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit("error: s3s-fs does not answer within 10 s")
