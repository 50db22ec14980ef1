"""Fetching models: from folders and over https into place, complete and checked, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelrollout.adapters.storage.archive import DEEPEST, MOST_FILES, unpack
from modelrollout.adapters.storage.digest import digest_of, manifest_of
from modelrollout.adapters.storage.failure import FetchError, without_secrets
from modelrollout.adapters.storage.place import Order, fetch
from modelrollout.adapters.storage.progress import Progress
from modelrollout.adapters.storage.sources import model_folder
from modelrollout.cli.fetch import fetch as fetch_command
from tests.adapters.store import FILES, Store, archive, drips, order_of, write


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with one model in fraud/1187."""
    write(tmp_path / "volume" / "fraud" / "1187")
    return tmp_path / "volume"


@pytest.fixture
def order(volume: Path, tmp_path: Path) -> Order:
    """Fetch that model as version 1187."""
    return Order(
        uri="pvc://models/fraud/1187",
        target=tmp_path / "models" / "fraud",
        number=1187,
        source=volume / "fraud" / "1187",
        source_root=volume,
    )


def quiet(_: str) -> None:
    """No lines."""


def test_a_folder_lands_in_place_as_it_is(order: Order) -> None:
    digest = fetch(order, quiet)
    assert contents(order.target / "1187") == FILES
    assert [path.name for path in order.target.iterdir()] == ["1187"]
    assert digest == digest_of(order.target / "1187")


SEVERAL: dict[str, tuple[str, int, str]] = {
    "a volume": ("pvc://models/fraud", 1, r"write pvc://models/fraud/1187, for example \(spec.model.uri\)"),
    "an archive": ("https://localhost:9/fraud.tar.gz", 1, "pack 1187, or another one, alone"),
    "a volume, with the version's own number": ("pvc://models/fraud", 9, r"write pvc://models/fraud/9 \(spec"),
    "an archive, with the version's own number": ("https://localhost:9/fraud.tar.gz", 9, "pack 9 alone"),
}


@pytest.mark.parametrize(("uri", "number", "way_out"), SEVERAL.values(), ids=SEVERAL)
def test_a_base_folder_with_several_versions_is_refused_with_what_to_write(
    tmp_path: Path, uri: str, number: int, way_out: str
) -> None:
    """As TFX pushes them, each under the number of its pipeline run."""
    for pushed in (9, 1186, 1187):
        write(tmp_path / "fraud" / str(pushed))
    words = rf"{uri} is a base folder with 3 versions \(9, 1186, 1187\), not one of them: {way_out}"
    with pytest.raises(FetchError, match=words):
        model_folder(uri, tmp_path / "fraud", number)


def test_it_is_refused_before_anything_is_copied(order: Order, volume: Path) -> None:
    write(volume / "fraud" / "1188")
    said: list[str] = []
    with pytest.raises(FetchError, match=r"with 2 versions \(1187, 1188\)"):
        fetch(replace(order, uri="pvc://models/fraud", source=volume / "fraud"), said.append)
    assert said == []


def test_everybody_may_read_it(order: Order) -> None:
    os.chmod(order.source / "saved_model.pb", 0o600)  # type: ignore[operator]
    fetch(order, quiet)
    assert (order.target / "1187" / "saved_model.pb").stat().st_mode & 0o777 == 0o644
    assert (order.target / "1187").stat().st_mode & 0o777 == 0o755


def test_a_second_fetch_only_checks(order: Order) -> None:
    first = fetch(order, quiet)
    said: list[str] = []
    assert fetch(order, said.append) == first
    assert said == [f"{order.target / '1187'} is in place already"]


def test_what_a_fetch_that_was_killed_left_is_no_harm(order: Order) -> None:
    write(order.target / ".1187.partial", {"rubbish": b"half"})
    fetch(order, quiet)
    assert contents(order.target / "1187") == FILES


def edit_volume(name: str) -> Callable[[Path], None]:
    return EDITS[name]


def link_out(model: Path) -> None:
    (model / "assets" / "passwd").symlink_to("/etc/passwd")


def folder_link(model: Path) -> None:
    (model / "more").symlink_to(model / "assets")


def dangling(model: Path) -> None:
    (model / "assets" / "gone").symlink_to("nowhere")


def no_graph(model: Path) -> None:
    (model / "saved_model.pb").unlink()


EDITS: dict[str, Callable[[Path], None]] = {
    "link out": link_out,
    "folder link": folder_link,
    "dangling": dangling,
    "no graph": no_graph,
}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        pytest.param("link out", "fraud/1187/assets/passwd is a link that leads out of the volume", id="link out"),
        pytest.param("folder link", "fraud/1187/more is a link to nothing, or no file at all", id="link to a folder"),
        pytest.param("dangling", "fraud/1187/assets/gone is a link to nothing", id="link to nothing"),
        pytest.param(
            "no graph", "is no SavedModel: there is no saved_model.pb in it, but assets, variables", id="no graph"
        ),
    ],
)
def test_a_folder_that_is_not_taken(order: Order, edit: str, words: str) -> None:
    assert order.source is not None
    EDITS[edit](order.source)
    with pytest.raises(FetchError, match=words):
        fetch(order, quiet)
    assert list(order.target.iterdir()) == []


def test_a_link_inside_the_volume_is_its_file(order: Order, volume: Path) -> None:
    assert order.source is not None
    (volume / "shared.txt").write_bytes(b"shared")
    (order.source / "assets" / "shared.txt").symlink_to(volume / "shared.txt")
    fetch(order, quiet)
    copied = order.target / "1187" / "assets" / "shared.txt"
    assert copied.read_bytes() == b"shared"
    assert not copied.is_symlink()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"source": Path("/nowhere")}, "there is no such folder on the volume", id="no such folder"),
        pytest.param({"digest": "sha256:" + "0" * 64}, f"but sha256:{'0' * 64} is wanted", id="another digest"),
        pytest.param({"max_bytes": 3}, "MODELROLLOUT_FETCH_MAX_BYTES", id="too large"),
        pytest.param({"time_limit": -1.0}, "MODELROLLOUT_FETCH_TIMEOUT", id="too slow"),
    ],
)
def test_an_order_that_cannot_be_carried_out(order: Order, change: dict[str, object], words: str) -> None:
    with pytest.raises(FetchError, match=words):
        fetch(replace(order, **change), quiet)  # type: ignore[arg-type]
    assert not (order.target / "1187").exists()


def test_the_digest_that_is_wanted_is_the_one_it_has(order: Order) -> None:
    assert order.source is not None
    assert fetch(replace(order, digest=digest_of(order.source)), quiet) == digest_of(order.source)


def test_the_digest_is_that_of_the_sorted_manifest(tmp_path: Path) -> None:
    write(tmp_path, {"b": b"two", "a/z": b"one", "a.txt": b""})
    lines = [
        f"{hashlib.sha256(b'').hexdigest()}  0  a.txt",
        f"{hashlib.sha256(b'one').hexdigest()}  3  a/z",
        f"{hashlib.sha256(b'two').hexdigest()}  3  b",
    ]
    assert list(manifest_of(tmp_path)) == lines
    manifest = "".join(line + "\n" for line in lines)
    assert digest_of(tmp_path) == "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()


def test_progress_is_a_line_every_few_seconds() -> None:
    now = [0.0]
    said: list[str] = []
    progress = Progress("m", 10**9, 60, say=said.append, clock=lambda: now[0])
    progress.expect(400_000_000)
    for seconds in (1, 4, 6, 7, 12):
        now[0] = seconds
        progress.add(20_000_000)
    assert said == ["fetched 60.0 MB of 400.0 MB, 15 %, 10.0 MB/s", "fetched 100.0 MB of 400.0 MB, 25 %, 8.3 MB/s"]


@pytest.mark.parametrize("top", [".", "fraud-1187"])
def test_an_archive_lands_in_place_with_the_digest_of_its_files(store: Store, tmp_path: Path, top: str) -> None:
    model = write(tmp_path / "model")
    store.files["/m.tar.gz"] = archive(model, tmp_path, top)
    order = order_of(store, tmp_path)
    assert fetch(order, quiet) == digest_of(model)
    assert contents(order.target / "7") == FILES
    assert [path.name for path in order.target.iterdir()] == ["7"]


def climbing(tmp_path: Path) -> bytes:
    path = tmp_path / "climbing.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../evil"))
    return path.read_bytes()


def bomb(tmp_path: Path) -> bytes:
    return archive(write(tmp_path / "bomb", {"saved_model.pb": b"\0" * 3_000_000}), tmp_path)


def crowded(tmp_path: Path) -> bytes:
    path = tmp_path / "crowded.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for number in range(MOST_FILES + 1):
            tar.addfile(tarfile.TarInfo(f"m/{number}"))
    return path.read_bytes()


def headed(tmp_path: Path) -> bytes:
    """With a header of two megabytes, which is read whole, and hardly a kilobyte when it is packed."""
    path = tmp_path / "headed.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("saved_model.pb")
        member.pax_headers = {"comment": "x" * 2_000_000}
        tar.addfile(member)
    return path.read_bytes()


def folders(each: int, files: int) -> Callable[[Path], bytes]:
    """Empty files, each in so many folders of its own."""

    def make(tmp_path: Path) -> bytes:
        path = tmp_path / "folders.tar.gz"
        with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
            for number in range(files):
                tar.addfile(tarfile.TarInfo(f"{number}/" + "a/" * (each - 1) + "f"))
        return path.read_bytes()

    return make


def block(kind: bytes, size: bytes, content: bytes = b"") -> bytes:
    """A header with a size as it is written there, and what follows it."""
    member = tarfile.TarInfo("m")
    member.type = kind
    header = bytearray(member.tobuf(tarfile.USTAR_FORMAT))
    header[124:136], header[148:156] = size, b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content.ljust(-(-len(content) // 512) * 512, b"\0")


def endless(tmp_path: Path) -> bytes:
    """Each header says that another one follows, which is of the same file."""
    comment = b"14 comment=no\n"
    return gzip.compress(block(tarfile.XHDTYPE, b"%011o\0" % len(comment), comment) * 3000)


def negative(tmp_path: Path) -> bytes:
    return gzip.compress(block(tarfile.REGTYPE, b"\xff" * 11 + b"\x00"))


ARCHIVES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "a path that climbs": (climbing, "leads out of it"),
    "a link": (lambda path: archive(write(path / "m"), path, x="/etc/passwd"), "neither file nor folder; pack links"),
    "no archive": (lambda path: b"<html>not found</html>", r"is no .tar.gz that can be unpacked"),
    "a broken archive": (lambda path: archive(write(path / "m"), path)[:60], r"is no .tar.gz that can be unpacked"),
    "small but unpacks to too much": (bomb, "unpacks to more than 1.0 MB"),
    "more files than any model has": (crowded, "has more than 10000 files and folders; pack the model alone"),
    "a header that is larger than a model's": (headed, "can be unpacked: a header of 2.0 MB"),
    "more folders than any model has": (folders(DEEPEST - 1, 200), "has more than 10000 files and folders"),
    "folders within each other": (folders(DEEPEST, 1), "65 folders within each other"),
    "headers without an end": (endless, "can be unpacked: its headers have no end"),
    "a file of less than nothing": (negative, "can be unpacked: m has -256 bytes"),
    "nothing in it": (lambda path: archive(write(path / "m", {"readme": b""}), path), "is no SavedModel"),
}


@pytest.mark.parametrize(("make", "words"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_that_is_not_taken(store: Store, tmp_path: Path, make: Callable[[Path], bytes], words: str) -> None:
    store.files["/m.tar.gz"] = make(tmp_path)
    with pytest.raises(FetchError, match=words):
        fetch(replace(order_of(store, tmp_path), max_bytes=1_000_000), quiet)
    assert not (tmp_path / "evil").exists()
    assert list((tmp_path / "models" / "fraud").iterdir()) == []


def test_unpacking_is_a_part_of_the_time(tmp_path: Path) -> None:
    now = iter(range(1000))
    progress = Progress("m", 10**9, 5, clock=lambda: float(next(now)))
    path = tmp_path / "m.tar.gz"
    path.write_bytes(archive(write(tmp_path / "m", {f"a/{number}": b"x" for number in range(20)}), tmp_path))
    with pytest.raises(FetchError, match="took longer than 5 s"):
        unpack("https://models.example.com/m", path, tmp_path / "out", progress)


def test_what_comes_byte_by_byte_is_not_waited_for(store: Store, tmp_path: Path) -> None:
    store.always = drips
    with pytest.raises(FetchError, match=r"took longer than 1 s, with 0\.0 MB fetched"):
        fetch(replace(order_of(store, tmp_path), time_limit=1.0), quiet)


SECRETS = {
    "a signed address": (
        "https://s3.example.com/m.tar.gz?X-Amz-Signature=abc&x=1: the server answers 403",
        "https://s3.example.com/m.tar.gz?... the server answers 403",
    ),
    "a password": ("https://me:secret@example.com/m cannot be fetched", "https://...@example.com/m cannot be fetched"),
    "two of them": ("https://a/?s=1 leads to http://b/?s=2, which", "https://a/?... leads to http://b/?..., which"),
    "none": ("pvc://models/m?x: there is no such folder", "pvc://models/m?x: there is no such folder"),
}


@pytest.mark.parametrize(("text", "shown"), SECRETS.values(), ids=SECRETS)
def test_what_signs_an_address_is_not_told(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def command(order: Order, tmp_path: Path, *more: str) -> tuple[int, dict[str, str]]:
    result = tmp_path / "termination-log"
    flags = [
        f"--uri={order.uri}",
        f"--source={order.source}",
        f"--source-root={order.source_root}",
        f"--to={order.target}",
        f"--number={order.number}",
        f"--result={result}",
    ]
    outcome = CliRunner().invoke(fetch_command, [*flags, *more])
    return outcome.exit_code, json.loads(result.read_text())


def test_the_command_reports_the_digest(order: Order, tmp_path: Path) -> None:
    monitoring = tmp_path / "monitoring.config"
    code, outcome = command(order, tmp_path, f"--monitoring-config={monitoring}")
    assert (code, outcome) == (0, {"digest": digest_of(order.target / "1187")})
    assert monitoring.read_text().startswith("prometheus_config { enable: true")


def test_names_in_a_model_do_nothing_to_a_terminal(order: Order, tmp_path: Path) -> None:
    assert order.source is not None
    (order.source / "red\x1b[31m\nfetched").symlink_to("/etc/passwd")
    code, outcome = command(order, tmp_path)
    assert code == 1
    assert "red\N{REPLACEMENT CHARACTER}[31m fetched is a link that leads out of the volume" in outcome["error"]


def test_the_command_reports_what_went_wrong(order: Order, tmp_path: Path) -> None:
    code, outcome = command(replace(order, source=Path("/nowhere")), tmp_path)
    assert (code, list(outcome)) == (1, ["error"])
    assert outcome["error"] == "pvc://models/fraud/1187: there is no such folder on the volume (spec.model.uri)"
