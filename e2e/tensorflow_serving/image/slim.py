"""Takes from the installed packages what the stand-in never loads: `python slim.py FOLDER`, while building the image.

Of TensorFlow it uses the C library and the message modules. The library is cut after its last loaded segment: what
follows is the symbol table for debuggers, a quarter of the file. That is what `strip` does, without needing binutils.
"""

import shutil
import struct
import sys
from pathlib import Path

LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
PROGRAM_HEADERS = struct.Struct("<32xQ14xHH")  # their offset, the size of one, their number (ELF64, little endian)


def slim(packages: Path) -> None:
    """Remove everything unused below `packages`."""
    for path in (packages / "tensorflow").rglob("*"):
        if path.is_file() and not path.name.endswith("_pb2.py") and path.name not in LIBRARIES:
            path.unlink()
    for name in LIBRARIES:
        cut(packages / "tensorflow" / name)
    for tests in [*packages.glob("numpy/**/tests"), packages / "bin"]:
        shutil.rmtree(tests, ignore_errors=True)
    for folder in sorted(packages.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def cut(library: Path) -> None:
    """Shorten a shared library to what the loader maps, and say in its header that it has no sections."""
    with library.open("r+b") as file:
        start, size, number = PROGRAM_HEADERS.unpack(file.read(PROGRAM_HEADERS.size))
        file.seek(start)
        headers = [file.read(size) for _ in range(number)]
        end = max(sum(struct.unpack("<8xQ16xQ", header[:40])) for header in headers)
        file.truncate(end)
        file.seek(40)
        file.write(bytes(8))  # e_shoff: where the section headers were
        file.seek(60)
        file.write(bytes(4))  # e_shnum and e_shstrndx


slim(Path(sys.argv[1]))
