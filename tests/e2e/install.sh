#!/bin/bash
# Installs what the end-to-end tests run against, on Debian as root: a real Asterisk 22 in a folder of its
# own, SIPp, PostgreSQL, NATS and Chromium. Safe to repeat: what is present is kept.
#
# CALLCARD_E2E_DIR  folder of the installation (default /opt/callcard-e2e)
set -euo pipefail

home=${CALLCARD_E2E_DIR:-/opt/callcard-e2e}
root=$home/asterisk-root
suite=forky # the Debian suite that carries Asterisk 22; bookworm and trixie carry none

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail "the end-to-end tests need root (chroot, debootstrap, PostgreSQL as its own user)"
command -v apt-get >/dev/null || fail "this is not a Debian machine (no apt-get)"

declare -A package_of=(
  [/usr/sbin/debootstrap]=debootstrap
  [/usr/bin/sipp]=sip-tester
  [/usr/bin/pg_ctlcluster]=postgresql
  [/usr/sbin/nats-server]=nats-server
  [/usr/bin/chromium]=chromium
  [/usr/bin/openssl]=openssl
)
missing=()
for program in "${!package_of[@]}"; do
  [ -x "$program" ] || missing+=("${package_of[$program]}")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"/tmp/callcard-e2e-apt.$$" 2>&1 \
    || { tail -20 "/tmp/callcard-e2e-apt.$$" >&2; fail "apt-get install failed"; }
  rm -f "/tmp/callcard-e2e-apt.$$"
fi

# The mirror is whatever this machine's own apt uses for Debian.
debian_mirror() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' | awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

if [ ! -e "$home/asterisk-root.complete" ]; then
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || { apt-get update -qq; mirror=$(debian_mirror); }
  [ -n "$mirror" ] || fail "apt knows no Debian mirror"
  echo "installing Asterisk of Debian $suite into $root (about a minute)"
  mkdir -p "$home"
  rm -rf "$root"
  # sid's script serves every newer suite; bookworm's debootstrap does not know forky by name.
  debootstrap --variant=minbase --include=asterisk,asterisk-core-sounds-en-gsm \
    "$suite" "$root" "$mirror" /usr/share/debootstrap/scripts/sid >"$home/debootstrap.log" 2>&1 \
    || { tail -20 "$home/debootstrap.log" >&2; fail "debootstrap failed, see $home/debootstrap.log"; }
  touch "$home/asterisk-root.complete"
fi

version=$(chroot "$root" /usr/sbin/asterisk -V)
case $version in
  "Asterisk 22."*) echo "$version in $root" ;;
  *) fail "$version in $root: Asterisk 22 is needed; remove $home to install again" ;;
esac
