"""The mirror in the machine's apt sources, in both formats; and when an unpacked prefix is complete."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.errors import LabError
from bench.model import FromDebian
from bench.provision import debian

MIRROR = "http://mirror.example/debian"
ONE_LINE = f"""\
# deb cdrom:[Debian GNU/Linux 12.0.0 _Bookworm_ - Official amd64 NETINST]/ bookworm main
deb cdrom:[Debian GNU/Linux 12.0.0 _Bookworm_ - Official amd64 NETINST]/ bookworm main
deb http://security.example/debian-security bookworm-security main non-free-firmware
deb [arch=amd64 signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example/debian bookworm stable
deb-src http://sources.example/debian bookworm main
deb {MIRROR} bookworm main non-free-firmware # the nearest
deb http://other.example/debian bookworm main
"""
DEB822 = f"""\
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

# Modernised from /etc/apt/sources.list
Types: deb deb-src
URIs: {MIRROR}
Suites: bookworm-updates
# the comment of an installer, in the middle
 bookworm
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
"""
PYPY = FromDebian(suites=("sid",), packages=("pypy3",), executable="usr/bin/pypy3.11")


def machine(tmp_path: Path, files: dict[str, str]) -> Path:
    """An /etc of Debian 12 with these apt sources."""
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID="12"\n')
    for name, text in files.items():
        (tmp_path / "apt" / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "files",
    [
        {"sources.list": ONE_LINE},
        {"sources.list.d/debian.list": ONE_LINE},
        {"sources.list.d/debian.sources": DEB822},
        {"sources.list": "# moved to sources.list.d\n", "sources.list.d/debian.sources": DEB822},
        {"sources.list.d/a-vendor.list": "deb https://vendor.example/apt stable x\n", "sources.list": ONE_LINE},
        {"sources.list.d/debian.sources.save": DEB822.replace(MIRROR, "http://old.example"), "sources.list": ONE_LINE},
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path: Path, files: dict[str, str]) -> None:
    assert debian.mirror(machine(tmp_path, files)) == MIRROR


def test_a_mirror_list_is_passed_on_as_it_is(tmp_path: Path) -> None:
    uri = "mirror+file:///etc/apt/mirrors/debian.list"
    text = f"Types: deb deb-src\nURIs: {uri}\nSuites: bookworm bookworm-updates\nComponents: main\n"
    assert debian.mirror(machine(tmp_path, {"sources.list.d/debian.sources": text})) == uri


def test_no_mirror_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no Debian mirror in /etc/apt/sources\.list"):
        debian.mirror(machine(tmp_path, {"sources.list": "deb http://mirror.example/ubuntu jammy main\n"}))


def test_a_prefix_is_complete_only_with_a_manifest_of_the_same_packages_and_path(tmp_path: Path) -> None:
    prefix = tmp_path / "pypy"
    prefix.mkdir()
    assert not debian.is_unpacked(PYPY, prefix)
    manifest = {"source": debian.identity(PYPY, prefix), "packages": {"pypy3": {"version": "8", "sha256": "0"}}}
    (prefix / "manifest.json").write_text(json.dumps(manifest))
    assert debian.is_unpacked(PYPY, prefix)
    assert debian.packages(prefix) == manifest["packages"]
    more = FromDebian(suites=("sid",), packages=("pypy3", "pypy3-dev"), executable=PYPY.executable)
    assert not debian.is_unpacked(more, prefix)
    assert not debian.is_unpacked(PYPY, prefix.rename(tmp_path / "moved"))


def test_headers_of_an_unpacked_python_find_the_architecture_specific_ones(tmp_path: Path) -> None:
    headers = tmp_path / "usr/include/python3.13"
    other = tmp_path / "usr/include/x86_64-linux-gnu/python3.13"
    for folder in (headers, other):
        folder.mkdir(parents=True)
        (folder / "pyconfig.h").touch()
    debian._find_headers(tmp_path)
    assert (headers / "x86_64-linux-gnu/python3.13/pyconfig.h").samefile(other / "pyconfig.h")


def test_absolute_links_to_unpacked_files_lead_into_the_prefix(tmp_path: Path) -> None:
    (tmp_path / "etc/java").mkdir(parents=True)
    (tmp_path / "etc/java/java.security").write_text("unpacked")
    conf = tmp_path / "usr/lib/jvm/java/conf"
    conf.mkdir(parents=True)
    (conf / "java.security").symlink_to("/etc/java/java.security")
    (conf / "elsewhere").symlink_to("/etc/not/unpacked")
    debian._link_within(tmp_path)
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert (moved / "usr/lib/jvm/java/conf/java.security").read_text() == "unpacked"
    assert (moved / "usr/lib/jvm/java/conf/elsewhere").readlink() == Path("/etc/not/unpacked")


def test_unpacking_names_the_missing_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="unpacking pypy3 requires apt-get, which is not installed"):
        debian.unpack(PYPY, tmp_path / "pypy")


def test_two_that_need_a_prefix_at_once_unpack_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, prefix, unpacked = (
        FromDebian(suites=("sid",), packages=("moon",), executable="usr/bin/moon"),
        tmp_path / "moon",
        [],
    )

    def slowly(source: FromDebian, prefix: Path, executable: Path) -> Path:
        unpacked.append(executable)
        time.sleep(0.1)
        prefix.mkdir()
        (prefix / "manifest.json").write_text(json.dumps({"source": debian.identity(source, prefix), "packages": {}}))
        return executable

    monkeypatch.setattr(debian, "_unpacked", slowly)
    with ThreadPoolExecutor(2) as pool:
        found = set(pool.map(lambda _: debian.unpack(source, prefix), range(2)))
    assert found == {prefix / "usr/bin/moon"} == set(unpacked)
    assert len(unpacked) == 1
