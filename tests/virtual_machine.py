"""Debian 12 in QEMU, without KVM and with no network but forwarded ports: it tells what works, and never how fast.

The disk is made once, from Debian's packages alone, and kept in `.lab/machine`. No machine writes to it.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import NamedTuple

from bench.build import commands
from bench.errors import MissingError
from bench.paths import LAB
from bench.provision import debian, stamp, system
from bench.serve.ports import LOOPBACK, free_port
from bench.serve.process import Program, running
from tests import whole_machine

HOME = LAB / "machine"
NEEDS = ("image tools", "QEMU")
RELEASE = "bookworm"
PROCESSORS = 2
# What Debian's boxes have, and the packages that the script asks apt for: it has no network here.
PACKAGES = ("dbus", "linux-image-cloud-amd64", "openssh-server", "python3-pip", "python3-venv", "systemd-sysv", "udev")
FILES = {
    # Only with the drivers that this machine needs is the initial RAM disk small, and soon unpacked.
    "etc/initramfs-tools/conf.d/machine": "MODULES=list\n",
    "usr/share/initramfs-tools/modules.d/machine": "virtio_pci\nvirtio_blk\nvirtio_net\next4\n",
    "etc/systemd/network/machine.network": "[Match]\nName=en*\n\n[Network]\nAddress=10.0.2.15/24\n",  # as QEMU expects
}
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
KERNEL = "root=/dev/vda rw console=ttyS0 mitigations=off systemd.getty_auto=no"
# Drivers are loaded by then, and the disk is never checked.
KERNEL += " systemd.mask=systemd-udev-trigger.service systemd.mask=e2scrub_reap.service"
SSH = ["ssh", "-F", "none", "-i", str(HOME / "key"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
SSH += ["-o", "LogLevel=ERROR", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
BOOT_SECONDS = COMMAND_SECONDS = 240.0  # beside other tests
STOP_SECONDS = 10.0


class Machine(NamedTuple):
    """A running machine: the ports of this host that reach its SSH server and its service."""

    ssh: int
    port: int

    def run(self, script: str, given: bytes = b"") -> str:
        """Run a shell script as root, with `given` as its input. Returns what it prints."""
        done = self._asked(f"set -e; {script}", given)
        assert done.returncode == 0, f"{script}: {(done.stdout + done.stderr).decode()}"
        return done.stdout.decode()

    def copy(self, folder: Path, destination: str) -> None:
        """Copy what is in a folder of this host to a folder of the machine."""
        packed = subprocess.run(["tar", "-C", str(folder), "-c", "."], capture_output=True, check=True).stdout
        self.run(f"mkdir -p {destination}; tar -C {destination} -x --no-same-owner", packed)

    def is_up(self) -> bool:
        """Whether root can log in."""
        return self._asked("true", b"").returncode == 0

    def _asked(self, command: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
        argv = [*SSH, "-p", str(self.ssh), f"root@{LOOPBACK}", command]
        return subprocess.run(argv, input=given, capture_output=True, check=False, timeout=COMMAND_SECONDS)


@contextmanager
def booted(guest_port: int, log: Path) -> Iterator[Machine]:
    """A machine during the block, with its console in `log`, and with a port of this host for its `guest_port`.

    Raises MissingError if this host cannot have one.
    """
    _ensure_disk()
    machine = Machine(ssh=free_port(), port=free_port())
    forwarded = ((machine.ssh, 22), (machine.port, guest_port))
    ports = ",".join(f"hostfwd=tcp:{LOOPBACK}:{here}-:{there}" for here, there in forwarded)
    argv = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-smp", str(PROCESSORS), "-m", "1G"]
    argv += ["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"]
    argv += ["-kernel", str(HOME / "vmlinuz"), "-initrd", str(HOME / "initrd.img"), "-append", KERNEL]
    argv += ["-drive", f"file={HOME / 'disk'},format=raw,if=virtio,snapshot=on"]
    argv += ["-netdev", f"user,id=net,restrict=on,{ports}", "-device", "virtio-net-pci,netdev=net,romfile="]
    program = Program(
        name="QEMU",
        argv=argv,
        folder=HOME,
        env=ENVIRONMENT,
        log=log,
        is_ready=machine.is_up,
        ready_seconds=BOOT_SECONDS,
        poll_seconds=0.5,
        signal=SIGTERM,
        stop_seconds=STOP_SECONDS,
    )
    with running(program):
        yield machine


def _ensure_disk() -> None:
    """Make the disk, the kernel beside it, and the key that opens the machine, unless they are there."""
    system.require(NEEDS)
    if os.geteuid() != 0:
        raise MissingError("the disk of a virtual machine requires root: its files belong to several users")
    made_of = stamp.of(RELEASE, *PACKAGES, *FILES, *FILES.values())
    if not stamp.is_current(HOME, made_of):
        with whole_machine.held(), stamp.rebuilding(HOME, made_of):
            _make_key()
            _make_disk()


def _make_key() -> None:
    _command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(HOME / "key"))


def _make_disk() -> None:
    root, files = HOME / "root", HOME / "files"
    for name, text in {**FILES, "root/.ssh/authorized_keys": (HOME / "key.pub").read_text()}.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text(text, encoding="utf-8")
    hooks = [
        f'--essential-hook=cp -r {shlex.quote(str(files))}/. "$1"',
        '--customize-hook=chroot "$1" systemctl enable systemd-networkd',
        '--customize-hook=: > "$1"/etc/apt/sources.list',  # there is no mirror: what is installed is enough for apt
    ]
    source = f"deb [signed-by={debian.KEYRING}] {debian.mirror()} {RELEASE} main"
    include = f"--include={','.join(PACKAGES)}"
    _command("mmdebstrap", "--variant=minbase", include, *hooks, RELEASE, str(root), source)
    for name in ("vmlinuz", "initrd.img"):
        (file,) = (root / "boot").glob(f"{name}-*")
        shutil.copyfile(file, HOME / name)
    _command("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(HOME / "disk"), "2G")
    shutil.rmtree(root)


def _command(*argv: str) -> None:
    commands.run(list(argv), HOME, HOME / "build.log", ENVIRONMENT)
