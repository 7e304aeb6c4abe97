#!/bin/sh
# An image of the service with buildah and Podman. Their state is all in $HOME. Requires root.
#
#   containers.sh base ARCHIVE PACKAGE [SUITE]    make an archive of Debian with a package, from the machine's own apt
#                                                 sources, or of another suite of the same mirror
#   containers.sh build PACKAGES                  build the image, with the archive and the wheels in the folder PACKAGES
#   containers.sh ship                            push the image to a registry, here a folder, and pull it on the host
#   containers.sh run WORD...                     run the image on the host, with more words for its command
set -eu

# Both engines keep a cache in /var/lib/containers, and have no setting for it: here they see another /var/lib.
if [ "$1" != base ] && [ -z "${APART:-}" ]; then
    mkdir -p "$HOME/var-lib"
    export APART=1
    exec unshare --mount sh -c 'mount --bind "$HOME/var-lib" /var/lib && exec sh "$0" "$@"' "$0" "$@"
fi

own="--storage-driver overlay"
builder="$own --root $HOME/builder --runroot $HOME/builder-run"
host="$own --root $HOME/host --runroot $HOME/host-run"
quiet="--cgroup-manager cgroupfs --events-backend none --network-backend cni --network-config-dir $HOME/networks"
registry="oci:registry:service" # in $HOME: the image is named by this path, which must have no `_` at an end

case "$1" in
base)
    . /etc/os-release
    archive=$2 package=$3 suite=${4:-}
    if [ -n "$suite" ]; then
        until=true # a mirror of an earlier day needs false, and then apt has it set
        eval "$(apt-config shell until Acquire::Check-Valid-Until/b)"
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
        set -- --aptopt="Acquire::Check-Valid-Until \"$until\"" "$suite" "$archive" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
    else
        set -- "$VERSION_CODENAME" "$archive"
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
            [ ! -s "$file" ] || set -- "$@" "$file"
        done
    fi
    mmdebstrap --quiet --variant=minbase --include="$package" "$@"
    ;;
build)
    podman $builder $quiet image exists localhost/base || podman $builder $quiet import --quiet "$2/base.tar" localhost/base
    buildah $builder bud --quiet --layers --isolation chroot --volume "$2:/packages:ro" --tag localhost/service .
    ;;
ship)
    cd "$HOME"
    buildah $builder push --quiet localhost/service "$registry"
    podman $host $quiet pull --quiet "$registry"
    ;;
run)
    shift
    within=$(sed -n 's/^[0-9]*:[^:]*cpuacct[^:]*://p' /proc/self/cgroup)
    image=$(podman $host $quiet images --quiet --no-trunc | head -n 1)
    exec podman $host $quiet --runtime runc run --rm --network host --cgroup-parent "$within" --log-driver none \
        --ulimit nofile=20000:20000 --ulimit nproc=10000:10000 --read-only --tmpfs /tmp "$image" "$@"
    ;;
esac
