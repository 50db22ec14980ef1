"""A certificate that nobody but its maker trusts, for a web server of a story."""

from __future__ import annotations

import subprocess
from pathlib import Path


def self_signed(host: str, folder: Path) -> tuple[str, str]:
    """Certificate and key for a host name, in PEM, made in ``folder``. The certificate is its own authority."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    subprocess.run([*command, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate.read_text(), key.read_text()
