#!/bin/sh
# Installs the Debian packages that the local cluster (and `make venv`) need, and nothing else.
#
# Run as root on Debian it installs what is missing, without questions and without starting or enabling any
# service: containerd is wanted as a program that the cluster runs by itself in namespaces of its own, not as a
# daemon of this machine. Anywhere else it names what is missing and exits with 1.
# With everything in place it says nothing and takes a fraction of a second.
set -eu

# package: why
needed="
python3 python3-venv make git ca-certificates  : the project itself
containerd runc containernetworking-plugins    : runs the pods
iproute2 util-linux mount nftables conntrack   : the network and mounts of the node
openssl                                        : certificates of the cluster
mmdebstrap buildah                             : images without a registry
"
packages=$(echo "$needed" | sed 's/:.*//' | tr -s ' \n' ' ')

missing=""
for package in $packages; do
    if ! dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
        missing="$missing $package"
    fi
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null || ! grep -qE '^ID=debian|^ID_LIKE=.*debian' /etc/os-release; then
    echo "The local cluster runs on Debian, this is not one. It needs the programs of these packages:$missing" >&2
    echo "Or set KUBECONFIG to a cluster with Istio and Prometheus: e2e/cluster/README.md" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "Missing Debian packages:$missing" >&2
    echo "Install them as root:  apt-get update && apt-get install --no-install-recommends$missing" >&2
    echo "(the local cluster itself needs root, too, for its namespaces)" >&2
    exit 1
fi

# Debian starts what it installs unless this file says no. Where there is one, it stays as it is.
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
    trap 'rm -f "$guard"' EXIT INT TERM
fi
services="containerd"
was_enabled=""
for service in $services; do
    if [ -d /run/systemd/system ] && systemctl is-enabled --quiet "$service" 2>/dev/null; then
        was_enabled="$was_enabled $service"
    fi
done

echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086
apt-get install -q -y --no-install-recommends $missing

# policy-rc.d keeps them from starting now; this keeps them from starting at the next boot.
if [ -d /run/systemd/system ]; then
    for service in $services; do
        case " $missing " in *" $service "*) ;; *) continue ;; esac
        case " $was_enabled " in *" $service "*) ;; *) systemctl disable --quiet "$service" || true ;; esac
    done
fi
