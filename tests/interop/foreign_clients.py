"""Other people's HL7 clients against the running listener; run by `make interop`, which prints a table.

python-hl7 comes with the development tools; the Node clients are installed by npm into a temporary folder.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from labs.models import LabMessage, MessageOutcome
from labs.services import read_waiting_messages
from tests.builders_labs import make_local_code, make_patient, make_sender
from tests.interop.samples import ENHANCED, SAMPLES, numbered
from tests.running_listener import listening

HERE = Path(__file__).parent
NODE_CLIENTS = ("@medplum/hl7@4.5.2", "node-hl7-client@3.2.0")
rows: list[tuple[str, str, str, str]] = []


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two Node clients."""
    folder = tmp_path_factory.mktemp("node")
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--silent",
        "--prefix",
        str(folder),
        *NODE_CLIENTS,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print what every client got, at the end."""
    yield
    found = Table(title="Foreign clients against the running listener")
    for heading in ("client", "message", "wanted", "answer"):
        found.add_column(heading)
    for row in rows:
        found.add_row(*row)
    Console(width=110).print(found)


def judge(client: str, sent: list[tuple[str, str, str]], answers: list[str]) -> None:
    """Each answer must carry the wanted code and the message's own control id; the rows must stand here."""
    wanted = [f"{code} {text.split('|')[9]}" for _name, text, code in sent]
    rows.extend(
        (client, name, want, answer)
        for (name, _text, _code), want, answer in zip(sent, wanted, answers, strict=False)
    )
    assert answers == wanted
    read_waiting_messages()
    kept = {row.control_id: bytes(row.body) for row in LabMessage.objects.all()}
    for _name, text, _code in sent:
        assert kept[text.split("|")[9]].rstrip(b"\r") == text.encode().rstrip(b"\r")
    assert MessageOutcome.objects.count() == LabMessage.objects.count()


def make_clinic() -> None:
    make_sender()
    make_patient()
    make_local_code()


def test_mllp_send_of_python_hl7(real_commits: str, tmp_path: Path) -> None:
    make_clinic()
    sent = numbered([name for name in SAMPLES if name != "a large attachment"], "PY")
    answers = []
    with listening(real_commits) as (port, _process):
        for number, (_name, text, _code) in enumerate(sent):
            file = tmp_path / f"{number}.hl7"
            file.write_bytes(text.encode())
            program = "from hl7.client import mllp_send; mllp_send()"
            command = [
                sys.executable,
                "-c",
                program,
                "--loose",
                "-f",
                str(file),
                "-p",
                str(port),
                "127.0.0.1",
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
            answers.append(
                " ".join(done.stdout.replace("\n", "\r").split("\rMSA|")[1].split("\r")[0].split("|")[:2])
            )
    judge("python-hl7 mllp_send 0.4.5", sent, answers)


def run_node(script: str, folder: Path, port: int, texts: list[str], tmp_path: Path) -> list[list[str]]:
    """What a Node client got, one list of `AA id` for each message or batch."""
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(texts), encoding="utf-8")
    command = ["node", str(HERE / script), str(folder), str(port), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def test_the_client_of_medplum(real_commits: str, node_folder: Path, tmp_path: Path) -> None:
    make_clinic()
    sent = [*numbered(list(SAMPLES), "MP"), ("enhanced mode, accept only", ENHANCED, "CA")]
    with listening(real_commits) as (port, _process):
        answers = run_node("medplum.cjs", node_folder, port, [text for _, text, _ in sent], tmp_path)
    judge(NODE_CLIENTS[0], sent, [said for each in answers for said in each])


def test_node_hl7_client_with_messages_and_a_batch(
    real_commits: str, node_folder: Path, tmp_path: Path
) -> None:
    make_clinic()
    sent = numbered(list(SAMPLES), "NH")
    both = numbered(["blood count, version 2.3", "chemistry, version 2.5.1"], "NB")
    route = "BHS|^~\\&|LAB|HOSPITAL|PRRT|CLINIC|20260504083000||||B1"
    batch = "\r".join([route, *(text.rstrip("\r") for _, text, _ in both), "BTS|2"])
    with listening(real_commits) as (port, _process):
        texts = [*(text for _, text, _ in sent), batch]
        answers = run_node("node_hl7.cjs", node_folder, port, texts, tmp_path)
    assert [len(each) for each in answers] == [1] * len(sent) + [2]
    named = [(f"batch: {name}", text, code) for name, text, code in both]
    judge(NODE_CLIENTS[1], [*sent, *named], [said for each in answers for said in each])
