"""TypeScript types generated from docs/openapi.yaml compile, and a program written with them makes real calls."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contract.fuzzing import DOCUMENT
from tests.installation import Installation

pytestmark = [pytest.mark.contract, pytest.mark.slow]

SOURCES = Path(__file__).with_name("typescript")
INSTALL = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel", "error")


def run(folder: Path, *command: str, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300, env={**os.environ, **variables}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program beside the types made from the document; skipped where npm or its registry is not there."""
    if shutil.which("npm") is None:
        pytest.skip("no npm: install Node.js 20 or later")
    folder = tmp_path_factory.mktemp("typescript")
    for source in SOURCES.iterdir():
        shutil.copy(source, folder)
    installed = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if installed.returncode:
        pytest.skip(f"npm cannot install openapi-typescript: {installed.stderr.strip()[-300:]}")
    run(folder, "npx", "openapi-typescript", str(DOCUMENT), "--output", "api.d.ts")
    return folder


def test_the_types_compile(project: Path) -> None:
    run(project, "npx", "tsc", "--noEmit")


MISTAKES = (
    ('mode: "in_person"', 'mode: "by_letter"'),
    ('type: "meeting_held",', 'type: "meeting_hold",'),
    ("occurred_at: new Date(Date.now() - 86_400_000).toISOString(),", ""),
    ('"/api/v1/events/head"', '"/api/v1/event/head"'),
)


def test_what_is_wrong_does_not_compile(project: Path) -> None:
    program = (project / "program.ts").read_text()
    for number, (right, wrong) in enumerate(MISTAKES):
        assert right in program
        (project / f"wrong{number}.ts").write_text(program.replace(right, wrong))
    files = [f"wrong{number}.ts" for number in range(len(MISTAKES))]
    command = ("npx", "tsc", "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", *files)
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=300)
    assert {file for file in files if file in done.stdout} == set(files), "the compiler saw nothing wrong"


def test_a_program_makes_real_calls(project: Path, server: Installation, key: str) -> None:
    run(project, "npx", "tsc")
    told = json.loads(run(project, "node", "built/program.js", BASE=server.url, KEY=key))
    assert told == {
        "said": "met in_person",
        "statuses": [36, "not_found"],
        "seen": ["client_registered", "contact_added", "meeting_held"],
        "stage": "met",
        "code": "not_found",
    }
