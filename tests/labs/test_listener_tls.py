"""The listener's lock: TLS, client certificates, and whose results a certificate may bring."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labs.crl_dates import read_crl_dates
from labs.formats.mllp_frames import framed
from labs.mllp_tls import TlsDoor, TlsFiles, UnsafeDoor, names_in
from labs.models import LabMessage, MessageOutcome
from tests.builders_labs import make_sender, message, msh, obr, obx, pid
from tests.certificates import Authority, Certificate, client_context
from tests.running_listener import MANAGE, acks, connect, listening

OTHER = {"f3": "OTHERLIS", "f4": "OTHERLAB"}


def from_other(control_id: str, **fields: str) -> bytes:
    return message(msh(control_id, **OTHER, **fields), pid(), obr(), obx())


class Keys:
    """An authority with two laboratories, one partner without a laboratory, and a stranger's authority."""

    def __init__(self, place: Path) -> None:
        self.ours, self.strangers = Authority(place / "ours"), Authority(place / "theirs", "stranger")
        self.server = self.ours.issue("mllp.clinic.example", "DNS:mllp.clinic.example")
        self.central = self.ours.issue("central", "DNS:LIS.central-lab.example")
        self.other = self.ours.issue("other.example")
        self.partner = self.ours.issue("partner.example")
        self.forged = self.strangers.issue("central", "DNS:lis.central-lab.example")
        self.settings = {
            "MLLP_TLS_CERT": str(self.server.certificate),
            "MLLP_TLS_KEY": str(self.server.key),
            "MLLP_TLS_CLIENT_CA": str(self.ours.certificate),
        }

    @contextmanager
    def speaking(self, port: int, who: Certificate | None) -> Iterator[ssl.SSLSocket]:
        context = client_context(self.ours, who)
        with connect(port) as plain, context.wrap_socket(plain) as line:
            yield line

    def answers(self, port: int, who: Certificate | None, body: bytes, count: int = 1) -> list[str]:
        """What comes back for one message; nothing where the connection is refused."""
        try:
            with self.speaking(port, who) as line:
                line.sendall(framed(body))
                return acks(line, count)
        except (ssl.SSLError, ConnectionError):
            return []


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.openssl
def test_a_certificate_speaks_for_its_own_sender_and_for_no_other(real_commits: str, keys: Keys) -> None:
    make_sender(certificate="lis.central-lab.example")
    make_sender(name="other-lab", msh3="OTHERLIS", msh4="OTHERLAB", certificate="other.example")
    make_sender(name="free-lab", msh3="FREELIS", msh4="FREELAB")
    free = message(msh("F1", f3="FREELIS", f4="FREELAB"), pid(), obr(), obx())
    with listening(real_commits, **keys.settings) as (port, _process):
        # A stranger's message in the name of the laboratory, first; then the laboratory's own same bytes.
        assert keys.answers(port, keys.other, message(control_id="C1")) == ["AR C1"]
        assert keys.answers(port, keys.central, message(control_id="C1")) == ["AA C1"]
        assert keys.answers(port, keys.other, message(control_id="C1")) == ["AR C1"]
        assert keys.answers(port, keys.central, from_other("O1", f15="AL", f16="AL")) == ["CR O1"]
        assert keys.answers(port, keys.other, from_other("O1", f15="AL", f16="AL"), 2) == ["CA O1", "AA O1"]
        assert keys.answers(port, keys.partner, message(control_id="C2")) == ["AR C2"]
        # A sender without a certificate of its own: from anybody the authority knows, except a bound one.
        assert keys.answers(port, keys.partner, free) == ["AA F1"]
        assert keys.answers(port, keys.central, free.replace(b"|F1|", b"|F2|")) == ["AR F2"]
        # A bound certificate speaks for nobody unknown either.
        unknown = message(msh("U1", f3="NOBODY", f4=""), pid(), obr(), obx())
        assert keys.answers(port, keys.central, unknown) == ["AR U1"]
        assert keys.answers(port, keys.partner, unknown) == ["AA U1"]
    accepted = (
        LabMessage.objects.filter(ack_code__in=["AA"]).order_by("id").values_list("control_id", flat=True)
    )
    assert list(accepted) == ["C1", "O1", "F1", "U1"]
    incidents = MessageOutcome.objects.filter(reason_code="wrong-certificate", state="rejected")
    assert sorted(incidents.values_list("message__control_id", flat=True)) == ["C1", "C2", "F2", "O1", "U1"]
    assert not MessageOutcome.objects.exclude(reason_code="wrong-certificate").exists()


@pytest.mark.openssl
def test_without_a_certificate_of_our_authority_nothing_is_read(
    real_commits: str, keys: Keys, tmp_path: Path
) -> None:
    make_sender(certificate="lis.central-lab.example")
    old = client_context(keys.ours, keys.central)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with listening(real_commits, **keys.settings) as (port, _process):
        assert keys.answers(port, None, message(control_id="N1")) == []
        assert keys.answers(port, keys.forged, message(control_id="N2")) == []
        with connect(port) as plain:
            plain.sendall(framed(message(control_id="N3")))
            assert b"MSA" not in until_closed(plain)
        with connect(port) as plain, old.wrap_socket(plain) as line:
            assert line.version() == "TLSv1.2"
            line.sendall(framed(message(control_id="T12")))
            assert acks(line, 1) == ["AA T12"]
        with keys.speaking(port, keys.central) as line:
            assert line.version() == "TLSv1.3"
            line.sendall(b"".join(framed(message(control_id=f"P{n}")) for n in range(40)))
            assert acks(line, 40) == [f"AA P{n}" for n in range(40)]
            large = message(obr(), obx(), "OBX|2|ED|P^R^L||^AP^^Base64^" + "QUJD" * 900_000, control_id="BIG")
            line.sendall(framed(large))
            assert acks(line, 1) == ["AA BIG"]
    assert not MessageOutcome.objects.exists()
    assert LabMessage.objects.count() == 42


def until_closed(line: socket.socket) -> bytes:
    """Everything that comes before the other side closes: a TLS alert at most."""
    found = b""
    try:
        while data := line.recv(1000):
            found += data
    except ConnectionError:
        pass
    return found


def test_a_sender_with_a_certificate_is_not_believed_without_it(real_commits: str) -> None:
    make_sender(certificate="lis.central-lab.example")
    with listening(real_commits) as (port, _process), connect(port) as line:
        line.sendall(framed(message()))
        assert acks(line, 1) == ["AR M1"]
        line.sendall(framed(from_other("M2")))
        assert acks(line, 1) == ["AA M2"]


def refused(*arguments: str, **environment: str) -> str:
    """What the listener says when it will not start."""
    done = subprocess.run(
        [sys.executable, MANAGE, "listen_mllp", "--port", "0", *arguments],
        env=os.environ | {"DATABASE_URL": "sqlite:////nowhere/at-all.sqlite3"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_a_door_that_is_open_to_all_is_not_opened(tmp_path: Path) -> None:
    said = refused("--host", "0.0.0.0")
    assert "MLLP_TLS_CLIENT_CA" in said
    assert "MLLP_ALLOW" in said
    assert "every address" in refused("--host", "::", "--allow", "10.0.0.0/8", "--allow", "0.0.0.0/0")
    assert "belong together" in refused(MLLP_TLS_CERT="x.crt")
    assert "MLLP_TLS_CERT" in refused(MLLP_TLS_CLIENT_CA="x.crt")
    nowhere = str(tmp_path / "none.crt")
    assert "MLLP_TLS_CERT" in refused(MLLP_TLS_CERT=nowhere, MLLP_TLS_KEY=nowhere)
    (tmp_path / "bad.crt").write_text("not a certificate")
    bad = str(tmp_path / "bad.crt")
    assert "MLLP_FRAME_SECONDS is 0; set a whole number from 5 to 600" in refused(MLLP_FRAME_SECONDS="0")
    assert "does not hold" in refused(MLLP_TLS_CERT=bad, MLLP_TLS_KEY=bad)


@pytest.mark.openssl
def test_encryption_alone_keeps_nobody_out(keys: Keys) -> None:
    without_ca = {name: text for name, text in keys.settings.items() if name != "MLLP_TLS_CLIENT_CA"}
    assert "MLLP_TLS_CLIENT_CA" in refused("--host", "0.0.0.0", **without_ca)


def test_an_allow_list_or_certificates_open_the_door_beyond_this_machine(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    guarded = listening(url, "--host", "0.0.0.0", "--allow", "127.0.0.0/8")
    with guarded as (port, _process), connect(port) as line:
        line.sendall(framed(message()))
        assert acks(line, 1) == ["AE M1"]


@pytest.mark.openssl
def test_a_revoked_certificate_is_refused_and_the_others_are_not(real_commits: str, keys: Keys) -> None:
    make_sender()
    crl = keys.ours.revocation_list(keys.other, name="revoked.crl")
    with listening(real_commits, **keys.settings, MLLP_TLS_CRL=str(crl)) as (port, _process):
        assert keys.answers(port, keys.central, message(control_id="C1")) == ["AA C1"]
        assert keys.answers(port, keys.other, message(control_id="O1")) == []
        old = client_context(keys.ours, keys.other)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with connect(port) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(plain).recv(1)
    assert list(LabMessage.objects.values_list("control_id", flat=True)) == ["C1"]


@pytest.mark.openssl
def test_a_list_that_changes_is_loaded_and_ends_the_connection_of_who_stands_on_it(
    real_commits: str, keys: Keys
) -> None:
    make_sender()
    crl = keys.ours.revocation_list(name="changing.crl")
    with listening(real_commits, **keys.settings, MLLP_TLS_CRL=str(crl)) as (port, _process):
        with keys.speaking(port, keys.other) as line:
            line.sendall(framed(message(control_id="O1")))
            assert acks(line, 1) == ["AA O1"]
            replaced(crl, keys.ours.revocation_list(keys.other, name="next.crl"))
            assert line.recv(100) == b""  # noticed while nobody else connected
        assert keys.answers(port, keys.other, message(control_id="O2")) == []
        assert keys.answers(port, keys.central, message(control_id="C1")) == ["AA C1"]
        # A damaged list changes nothing: who was revoked stays so, the others are heard.
        damaged = crl.with_name("damaged.crl")
        damaged.write_text("no list")
        replaced(crl, damaged)
        assert keys.answers(port, keys.other, message(control_id="O3")) == []
        assert keys.answers(port, keys.central, message(control_id="C2")) == ["AA C2"]
    assert set(LabMessage.objects.values_list("control_id", flat=True)) == {"O1", "C1", "C2"}


@pytest.mark.openssl
def test_a_list_that_runs_out_meanwhile_lets_nobody_in_until_a_new_one_comes(keys: Keys) -> None:
    crl, door = short_list(keys)
    ends = read_crl_dates(crl.read_bytes())[0].next_due
    assert ends is not None
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 1.5)
    assert not door.refresh()  # nothing changed but the time
    assert shaken_hands(door, keys) == "CRL has expired"
    replaced(crl, keys.ours.revocation_list(name="fresh.crl"))
    assert door.refresh()
    assert shaken_hands(door, keys) == ""
    replaced(crl, keys.ours.revocation_list(keys.central, name="fresh.crl"))
    assert door.refresh()
    assert shaken_hands(door, keys) == "certificate revoked"


def short_list(keys: Keys) -> tuple[Path, TlsDoor]:
    """A list that runs out in seconds, loaded in time; on a slow machine a longer one."""
    for seconds in (4, 16, 64):
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        crl = keys.ours.revocation_list(name="short.crl", until=f"{until:%Y%m%d%H%M%SZ}")
        names = {name.removeprefix("MLLP_TLS_").lower(): path for name, path in keys.settings.items()}
        try:
            return crl, TlsDoor(TlsFiles(**names, crl=str(crl)))
        except UnsafeDoor:
            continue
    raise AssertionError("the list ran out each time before it was loaded")


def shaken_hands(door: TlsDoor, keys: Keys) -> str:
    """Why the door refuses the laboratory, by a handshake in memory; nothing where it does not."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = door.context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context(keys.ours, keys.central).wrap_bio(to_client, to_server)
    waiting = {client, server}
    while waiting:
        for side in (client, server):
            try:
                side.do_handshake()
                waiting.discard(side)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return str(error.verify_message)
    return ""


def replaced(path: Path, by: Path) -> None:
    """Another file under the same name, in one step, as a careful script does it."""
    by.replace(path)


@pytest.mark.openssl
def test_a_list_that_is_missing_damaged_or_out_of_date_keeps_the_door_shut(
    keys: Keys, tmp_path: Path
) -> None:
    def said(crl: Path) -> str:
        return refused(**keys.settings, MLLP_TLS_CRL=str(crl))

    assert "cannot be read: No such file" in said(tmp_path / "none.crl")
    no_list = "holds no revocation list. Fetch the present list of every authority in MLLP_TLS_CLIENT_CA"
    assert no_list in said(keys.ours.certificate)
    stale = keys.ours.revocation_list(name="stale.crl", until="20260301000000Z")
    assert "a list holds from 2026-01-01 00:00 to 2026-03-01 00:00 UTC, not now. Fetch" in said(stale)
    both = tmp_path / "both.crl"
    both.write_bytes(keys.ours.revocation_list(name="good.crl").read_bytes() + stale.read_bytes())
    assert "to 2026-03-01 00:00 UTC, not now" in said(both)
    damaged = tmp_path / "damaged.crl"
    damaged.write_bytes(both.read_bytes().replace(b"MII", b"AAA", 1))
    assert "MLLP_TLS_CRL is" in said(damaged)
    assert "MLLP_TLS_CLIENT_CA must be set" in refused(MLLP_TLS_CRL=str(stale))


@pytest.mark.openssl
def test_an_authority_without_a_list_of_its_own_has_nobody_let_in(real_commits: str, keys: Keys) -> None:
    make_sender()
    crl = keys.strangers.revocation_list(name="theirs.crl")
    with listening(real_commits, **keys.settings, MLLP_TLS_CRL=str(crl)) as (port, _process):
        assert keys.answers(port, keys.central, message(control_id="C1")) == []


def test_the_names_of_a_certificate() -> None:
    certificate = {
        "subject": ((("countryName", "DE"),), (("commonName", "LIS"), ("organizationName", "Lab"))),
        "subjectAltName": (("DNS", "Lis.Example"), ("IP Address", "10.1.2.3"), ("DirName", (("x", "y"),))),
    }
    assert names_in(certificate) == {"lis", "lis.example", "10.1.2.3"}
    assert names_in(None) == names_in({}) == frozenset()
