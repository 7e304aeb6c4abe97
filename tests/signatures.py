"""Signatures of wheels by OpenSSH: a key signs for a purpose, and a file of allowed signers says whose keys count."""

import subprocess
from pathlib import Path

PURPOSE = "wheel"


class Signer:
    """A new key."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self._key = name, folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self._key)], check=True)

    @property
    def allowed(self) -> str:
        """Its line in a file of allowed signers."""
        return f'{self.name} namespaces="{PURPOSE}" {self._key.with_suffix(".pub").read_text(encoding="utf-8")}'

    def sign(self, path: Path, purpose: str = PURPOSE) -> bytes:
        argv = ["ssh-keygen", "-Y", "sign", "-f", str(self._key), "-n", purpose]
        return subprocess.run(argv, input=path.read_bytes(), capture_output=True, check=True).stdout


def is_signed(path: Path, signature: bytes, signers: Path, name: str) -> bool:
    """Whether the signer of that name signed the file as a wheel."""
    attached = path.with_suffix(".sig")
    attached.write_bytes(signature)
    argv = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", name, "-n", PURPOSE, "-s", str(attached)]
    return subprocess.run(argv, input=path.read_bytes(), capture_output=True, check=False).returncode == 0


def judged(right: Path, wrong: Path, folder: Path) -> dict[str, bool]:
    """Which signatures OpenSSH accepts: the first alone is that of the right key, for the right file and purpose."""
    release, stranger = Signer(folder, "release"), Signer(folder, "stranger")
    signers = folder / "signers"
    signers.write_text(release.allowed, encoding="utf-8")
    made = {
        "the release key": (right, release.sign(right)),
        "the release key; then a byte was changed": (wrong, release.sign(right)),
        "the release key, for another purpose": (right, release.sign(right, "file")),
        "another key": (right, stranger.sign(right)),
    }
    return {how: is_signed(path, signature, signers, release.name) for how, (path, signature) in made.items()}
