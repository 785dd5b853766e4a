"""nginx answering a constant: what this machine, its network stack and the load generator allow at most."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from benchmarks.load import Target
from benchmarks.peers import base
from tests.servers import free_port

CONFIGURATION = """
worker_processes {processes};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
daemon off;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{ default_type application/json; return 200 '{{"active":true}}'; }}
  }}
}}
"""


class Nginx:
    """Obeys benchmarks.peers.base.Server; knows one path."""

    name = "nginx, a constant"

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def start(self, folder: Path, *, connections: int, processes: int) -> None:
        base.end(self._process)
        self._port = self._port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        configuration, log = folder / "nginx.conf", folder / "error.log"
        configuration.write_text(CONFIGURATION.format(folder=folder, port=self._port, processes=processes))
        self._process = base.launch([program(), "-c", configuration], log=log, env={}, cwd=folder)
        base.wait_for(lambda: base.answers(f"http://127.0.0.1:{self._port}/"), self._process, log)

    def targets(self, count: int) -> dict[str, Target]:
        return {"constant": Target(f"http://127.0.0.1:{self._port}/", expected='"active":true')}

    @property
    def pids(self) -> tuple[int, ...]:
        return (self._process.pid,) if self._process else ()

    def stop(self) -> None:
        base.end(self._process)

    def versions(self) -> dict[str, str]:
        told = subprocess.run([program(), "-v"], capture_output=True, text=True).stderr
        found = re.search(r"nginx/(\S+)", told)
        return {"nginx": found[1] if found else "unknown"}


def program() -> str:
    """The program of nginx. Raises Missing."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise base.Missing("apt-get install nginx-light")
    return found


ALL = (Nginx(),)
