"""Container images without a registry.

`mmdebstrap` makes a small Debian with Python, which becomes `localhost/modelrollout/python:3.11`; the project's own
Dockerfiles build on it with buildah, so that the image that users get and the image under test have one source.
buildah keeps a layer as long as neither the instruction nor the files that it copies have changed, so building
again costs about a second. Everything is kept in the cache folder, under the image's content hash.

pip inside a build uses this machine's pip settings, handed in as a file that is mounted for the build only: the image
and the repository never hold an address of a package registry.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster import node
from e2e.cluster.addresses import Cluster, cache_root
from e2e.cluster.programs import PAUSE_IMAGE
from e2e.cluster.report import ClusterError, run, run_long, say
from e2e.cluster.toolchain import Toolchain, locked

PYTHON_IMAGE = "localhost/modelrollout/python:3.11"
DEBIAN = "bookworm"  # the Debian whose Python is 3.11
PYTHON_PACKAGES = ("python3", "python3-pip", "ca-certificates", "libstdc++6")
UNUSED = ("doc", "man", "locale", "info", "lintian")  # folders of /usr/share that a container never reads
CTR = ("ctr", "--namespace", "k8s.io", "images")
ISOLATION = {"BUILDAH_ISOLATION": "chroot"}  # works as root without any further rights


def folder() -> Path:
    return cache_root(os.environ) / "images"


def buildah(*arguments: str | Path) -> list[str]:
    """A buildah command whose storage lies in the cache, apart from any other on this machine."""
    storage = ["--root", str(folder() / "storage"), "--runroot", str(folder() / "run"), "--storage-driver", "overlay"]
    return ["buildah", *storage, *(str(argument) for argument in arguments)]


def image_id(name: str) -> str | None:
    """Content hash of a local image, None when there is none of that name."""
    found = run(buildah("images", "--all", "--json"))
    for image in json.loads(found):
        if name in (image.get("names") or []):
            return str(image["id"])
    return None


def ensure_python() -> None:
    """Make the base image: Debian's essential packages, Python 3.11, pip and the C++ library that wheels need.

    It is made once, and again when its recipe has changed.
    """
    root = folder() / "python.tar"
    known = folder() / "python.recipe"
    recipe = _recipe(root)
    with locked(folder() / "lock"):
        made = known.read_text() if known.exists() else ""
        if made == "\n".join(recipe) and image_id(PYTHON_IMAGE) is not None:
            return
        log = folder() / "logs" / "python.log"
        run_long("making a Debian root with Python (mmdebstrap)", recipe, log=log, given=_sources())
        _from_root(root, PYTHON_IMAGE)
        root.unlink()
        known.write_text("\n".join(recipe))


def _recipe(root: Path) -> list[str]:
    """The command that makes the base image's files, as a tar archive at `root`."""
    command = ["mmdebstrap", "--variant=essential", f"--include={','.join(PYTHON_PACKAGES)}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in UNUSED]
    # As in the official Python images: `python` exists and pip may install into the system.
    command += ["--customize-hook=ln -s python3 $1/usr/bin/python"]
    command += ["--customize-hook=rm -f $1/usr/lib/python3.*/EXTERNALLY-MANAGED"]
    return [*command, DEBIAN, str(root), "-"]


def _sources() -> str:
    """Lines of a sources.list for DEBIAN out of this machine's mirrors, whatever Debian the machine itself runs."""
    here = _codename()
    if not _archives(here):
        run(["apt-get", "update", "-q"])  # an image of Debian comes without its lists
    lines = [f"deb {uri} {suite.replace(here, DEBIAN)} main\n" for uri, suite in _archives(here)]
    if not lines:
        raise ClusterError(f"apt on this machine knows no archive of Debian {here} to make the base image from")
    return "".join(lines)


def _archives(codename: str) -> list[tuple[str, str]]:
    """Address and suite of Debian's own archives that apt uses, however its settings are written."""
    fields = "|".join(["$(REPO_URI)", "$(CODENAME)", "$(COMPONENT)", "$(ORIGIN)"])
    targets = run(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]).splitlines()
    suites = {codename, f"{codename}-updates", f"{codename}-security"}
    found = [target.split("|") for target in targets]
    return sorted({(uri, suite) for uri, suite, *rest in found if suite in suites and rest == ["main", "Debian"]})


def _codename() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return DEBIAN


def _from_root(root: Path, name: str) -> None:
    container = run(buildah("from", "scratch"), env=ISOLATION).strip()
    run_long(f"making {name}", buildah("add", container, root, "/"), log=folder() / "logs" / "add.log", env=ISOLATION)
    run(buildah("config", "--env", "LANG=C.UTF-8", "--env", "PYTHONUNBUFFERED=1", container))
    run(buildah("commit", "--rm", container, name), env=ISOLATION)


def ensure_pause(tools: Toolchain) -> Path:
    """The archive of the image that holds a pod's namespaces, made once per build of the program."""
    context = tools.folder / "pause-image"
    archive = context / "pause.tar"
    if archive.exists():
        return archive
    context.mkdir(exist_ok=True)
    shutil.copy2(tools.program("pause"), context / "pause")
    (context / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
    with locked(folder() / "lock"):
        run(buildah("bud", "--quiet", "--tag", PAUSE_IMAGE, context), env=ISOLATION)
        _push(PAUSE_IMAGE, archive)
    return archive


def build(dockerfile: Path, context: Path, tag: str, arguments: Mapping[str, str], target: str | None = None) -> Path:
    """Build an image from a Dockerfile and return its archive; quick when nothing has changed.

    The base image is offered as the build argument BASE unless `arguments` has another.
    """
    ensure_python()
    values = {"BASE": PYTHON_IMAGE, **arguments}
    options = [f"--build-arg={name}={value}" for name, value in values.items()]
    options += [f"--target={target}"] if target else []
    with locked(folder() / "lock"):
        settings = _pip_settings()
        command = buildah("bud", "--layers", "--pull=false", *settings, *options, "-t", tag, "-f", dockerfile, context)
        name = tag.rpartition("/")[2].replace(":", "-")
        run_long(f"building {tag}", command, log=folder() / "logs" / f"{name}.log", env=ISOLATION)
        identity = image_id(tag)
        assert identity is not None, "a build that succeeded leaves an image"
        archive = folder() / "archives" / f"{identity}-{name}.tar"
        if not archive.exists():
            for older in archive.parent.glob(f"{12 * '?'}-{name}.tar"):
                older.unlink()  # a server image is large: one archive of each tag is enough
            _push(tag, archive)
        return archive


def _push(name: str, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    # A docker archive is not compressed, which is what a file that never leaves this machine should be.
    command = buildah("push", "--quiet", name, f"docker-archive:{partial}:{name}")
    run_long(f"writing the archive of {name}", command, log=folder() / "logs" / "push.log")
    partial.rename(archive)


def _pip_settings() -> list[str]:
    """Options that mount this machine's pip settings (index, certificates, wheel folders) into a build."""
    settings: dict[str, str] = {}
    for line in run([sys.executable, "-m", "pip", "config", "list"]).splitlines():
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = str(ast.literal_eval(value))
    mounts = []
    if certificates := settings.get("cert") or os.environ.get("SSL_CERT_FILE"):
        settings["cert"] = "/run/build/certificates.pem"
        mounts.append(f"--volume={certificates}:{settings['cert']}:ro")
    for number, wheels in enumerate(settings.pop("find-links", "").split()):
        if Path(wheels).is_dir():
            mounts.append(f"--volume={wheels}:/run/build/wheels{number}:ro")
            settings["find-links"] = f"{settings.get('find-links', '')} /run/build/wheels{number}".strip()
    path = folder() / "pip.conf"
    path.touch(mode=0o600)
    path.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return [*mounts, f"--volume={path}:/etc/pip.conf:ro"]


def archive_contents(archive: Path) -> dict[str, str]:
    """Names of the images in an archive, each with the content hash of its configuration, `sha256:...`."""
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None, "a docker archive has a manifest.json"
        images = json.load(manifest)
    return {tag: "sha256:" + image["Config"].removesuffix(".json") for image in images for tag in image["RepoTags"]}


def load(cluster: Cluster, archive: Path) -> None:
    """Hand an image archive to the cluster's containerd, unless it has exactly that image already."""
    contents = archive_contents(archive)
    present = loaded(cluster)
    # The kubelet's side of containerd names each image by its configuration's hash, too.
    if all(name in present and present[name] == present.get(hashed) for name, hashed in contents.items()):
        return
    size = archive.stat().st_size / 1e6
    for name in contents:
        say(f"loading {name} ({size:.0f} MB) into the cluster {cluster.name}")
    run([*node.entry(cluster), *CTR, "import", str(archive)])


def loaded(cluster: Cluster) -> dict[str, str]:
    """Names and manifest digests of the images that the cluster has."""
    rows = [line.split() for line in run([*node.entry(cluster), *CTR, "list"]).splitlines()[1:]]
    return {row[0]: row[2] for row in rows if len(row) > 2}
