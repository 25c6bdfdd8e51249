"""A real Asterisk with the files of `asterisk_conf/`: only folders, ports and passwords are this test run's own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import wave
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.servers import Server, free_port, free_udp_port

CONFIGURATION = Path(__file__).parents[2] / "asterisk_conf"
LABORATORY = Path(__file__).parent / "lab"
HOME = Path(os.environ.get("CALLCARD_E2E_DIR", "/opt/callcard-e2e"))
AGENTS_HOST = "127.0.0.1"
TRUNK_HOST = "127.0.0.2"  # another loopback address: the trunk is known by it
EXTENSIONS = tuple(str(number) for number in range(2001, 2009))

DIRECTORIES = """[directories]
astetcdir => {home}/etc
astmoddir => {modules}
astvarlibdir => /var/lib/asterisk
astdbdir => {home}/db
astkeydir => {home}/db
astdatadir => /usr/share/asterisk
astagidir => /usr/share/asterisk/agi-bin
astspooldir => {home}/spool
astrundir => {home}/run
astlogdir => {home}/log
#include "{home}/etc/asterisk.conf"
"""

LOCAL_MANAGER = """[general](+)
port = {ami_port}
tlsenable = yes
tlsbindaddr = 127.0.0.1:{tls_port}
tlscertfile = {home}/etc/local/ami.pem
tlsprivatekey = {home}/etc/local/ami.key
[callcard](+)
secret = {secret}
[lab]
secret = {secret}
read = all
write = all
"""

LOCAL_PJSIP = """[transport-udp]
type = transport
protocol = udp
bind = {host}:{sip_port}
[trunk-identify]
type = identify
endpoint = trunk
match = {trunk_host}
[trunk]
type = aor
contact = sip:{trunk_host}:{trunk_port}
"""

LOCAL_PHONE = """[{extension}-auth]
type = auth
auth_type = digest
username = {extension}
password = {password}
"""


CEL_PGSQL = """[global]
hostname = {host}
port = {port}
dbname = {name}
user = {user}
password = unused
table = cel
"""


def phone_password(extension: str) -> str:
    """Return the SIP password of one phone of the test company."""
    return f"phone-{extension}"


def _record_silence(path: Path) -> None:
    """Record a greeting of 0.1 s, so that no test listens to the long one."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))


def _sign_certificate(certificate: Path, key: Path) -> None:
    """Write a self-signed certificate of 127.0.0.1."""
    subject = ["-subj", "/CN=Callcard e2e", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *curve, *subject, *files], check=True, capture_output=True)


class Asterisk:
    """One Asterisk instance in the installation that `install.sh` made."""

    secret = "e2e-ami-secret"

    def __init__(self, host: str = AGENTS_HOST) -> None:
        self.host = host
        self.root = HOME / "asterisk-root"
        (self.root / "srv").mkdir(exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="callcard-", dir=self.root / "srv"))
        self._local = self._folder / "etc" / "local"
        self.ami_port = free_port()
        self.tls_port = free_port()
        self.sip_port = free_udp_port(host)
        self.trunk_port = free_udp_port(TRUNK_HOST)
        self._configure()
        self._server: Server | None = None

    @property
    def home(self) -> Path:
        """The instance's folder as Asterisk sees it."""
        return Path("/") / self._folder.relative_to(self.root)

    @property
    def ami_url(self) -> str:
        """What CALLCARD_AMI_URL is set to."""
        return f"ami://callcard:{self.secret}@127.0.0.1:{self.ami_port}"

    @property
    def amis_url(self) -> str:
        """The same over TLS, with the certificate that it must show."""
        return f"amis://callcard:{self.secret}@127.0.0.1:{self.tls_port}?ca={self._local / 'ami.pem'}"

    def _configure(self) -> None:
        for name in ("run", "log", "log/cdr-csv", "log/cel-custom", "spool", "db"):
            (self._folder / name).mkdir()
        etc, local = self._folder / "etc", self._local
        shutil.copytree(
            CONFIGURATION, etc, ignore=shutil.ignore_patterns("local", "local.example", "*ocker*", "README.md")
        )
        shutil.copytree(LABORATORY, local)
        shutil.move(local / "followme.conf", etc)
        _sign_certificate(local / "ami.pem", local / "ami.key")
        modules = next(self.root.glob("usr/lib/*/asterisk/modules"))
        (self._folder / "asterisk.conf").write_text(
            DIRECTORIES.format(home=self.home, modules=Path("/") / modules.relative_to(self.root))
        )
        manager = LOCAL_MANAGER.format(
            ami_port=self.ami_port, tls_port=self.tls_port, home=self.home, secret=self.secret
        )
        (local / "manager.conf").write_text(manager)
        sip = LOCAL_PJSIP.format(
            host=self.host, sip_port=self.sip_port, trunk_host=TRUNK_HOST, trunk_port=self.trunk_port
        )
        phones = [LOCAL_PHONE.format(extension=name, password=phone_password(name)) for name in EXTENSIONS]
        (local / "pjsip.conf").write_text(sip + "".join(phones))
        boxes = range(2000, 2004)
        (local / "voicemail.conf").write_text("".join(f"{box} => 4711,Box {box}\n" for box in boxes))
        for box in boxes:
            greeting = self._folder / "spool" / "voicemail" / "default" / str(box)
            greeting.mkdir(parents=True)
            _record_silence(greeting / "unavail.wav")

    def add(self, file: str, text: str) -> None:
        """Append to one of its own files, before the start."""
        with (self._local / file).open("a") as opened:
            opened.write(text)

    def start(self) -> None:
        """Start it and return when it has booted completely."""
        # Asterisk looks its own host up, and a root name server when that fails: nothing leaves this machine.
        names = f"127.0.0.1 localhost {socket.gethostname()} A.ROOT-SERVERS.NET\n"
        (self.root / "etc" / "hosts").write_text(names)
        command = ["chroot", str(self.root), "/usr/sbin/asterisk", "-f", "-C", str(self.home / "asterisk.conf")]
        self._server = Server(command, self._folder / "log" / "console")
        self._server.wait_until(self._booted)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Hang up everything and end it; SIGKILL: as in a power cut."""
        if self._server is not None:
            self._server.stop(how)
            self._server = None

    def remove(self) -> None:
        """Stop it and forget its folder."""
        self.stop()
        if not os.environ.get("CALLCARD_E2E_KEEP"):
            shutil.rmtree(self._folder)

    def log(self) -> str:
        """Return what Asterisk logged (notices, warnings, errors)."""
        path = self._folder / "log" / "messages.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_idle(self) -> None:
        """Hang up whatever an earlier test left behind."""
        assert self._server is not None
        self._cli("channel request hangup all")
        self._server.wait_until(lambda: self._cli("core show channels count").startswith("0 active channels"))

    def wait_bridged(self) -> None:
        """Wait until two parties are connected."""
        assert self._server is not None
        self._server.wait_until(lambda: "basic" in self._cli("bridge show all"))

    def _cli(self, command: str) -> str:
        program = ["chroot", str(self.root), "/usr/sbin/asterisk", "-C", str(self.home / "asterisk.conf")]
        return subprocess.run([*program, "-rx", command], capture_output=True, text=True, check=True).stdout

    def load(self, module: str) -> None:
        """Load a module that no file of `asterisk_conf/` needs."""
        self._cli(f"module load {module}.so")
        assert "Running" in self._cli(f"module show like {module}"), self.log()

    def keep_cel_in(self, url: str) -> None:
        """Keep the channel event log in a PostgreSQL table as well."""
        parts = urlsplit(url)
        text = CEL_PGSQL.format(host=parts.hostname, port=parts.port, name=parts.path.strip("/"), user=parts.username)
        (self._folder / "etc" / "cel_pgsql.conf").write_text(text)
        self._cli("module load cel_pgsql.so")
        assert "CEL PGSQL" in self._cli("cel show status"), self.log()

    @property
    def cel_file(self) -> Path:
        """The channel event log, one JSON object per line."""
        return self._folder / "log" / "cel-custom" / "callcard_cel.json"

    @property
    def cdr_file(self) -> Path:
        """The call detail records of cdr_csv."""
        return self._folder / "log" / "cdr-csv" / "Master.csv"

    @property
    def queue_log(self) -> Path:
        """The log of queues."""
        return self._folder / "log" / "queue_log"

    def _booted(self) -> bool:
        login = f"Action: Login\r\nUsername: callcard\r\nSecret: {self.secret}\r\n\r\n"
        received = b""
        try:
            with socket.create_connection(("127.0.0.1", self.ami_port), timeout=1) as connection:
                connection.sendall(login.encode())
                while b"Event: FullyBooted" not in received:
                    chunk = connection.recv(4096)
                    if not chunk:
                        return False
                    received += chunk
        except OSError:
            return False
        return True
