#!/bin/bash
# Start of the Asterisk container: writes the `local` files (addresses and passwords) from the environment, then starts
# Asterisk. Files in /etc/asterisk/yours, where somebody mounts that folder, take the place of those written here.
#
# ASTERISK_AMI_SECRET  password of the manager user "callcard" (required)
# ASTERISK_AMI_BIND    address the manager interface listens on (127.0.0.1)
# ASTERISK_AMI_PERMIT  the one address that may sign in there (127.0.0.1)
# ASTERISK_ADDRESS     this machine's address as phones and provider see it
# ASTERISK_LOCAL_NET   network in which the container's own address can be reached
# ASTERISK_TRUNK       provider's address, host:port (127.0.0.2:5080: none)
set -euo pipefail
umask 077

fail() {
  echo "asterisk-entrypoint: $*" >&2
  exit 1
}

local=/etc/asterisk/local
phones=/var/lib/asterisk/phones # "extension password PIN", made once, kept in the volume
trunk=${ASTERISK_TRUNK:-127.0.0.2:5080}

[ -n "${ASTERISK_AMI_SECRET:-}" ] || fail "ASTERISK_AMI_SECRET is not set"
for name in ${!ASTERISK_*}; do
  # A ";" would begin a comment, a line break another setting.
  [[ ${!name} =~ ^[A-Za-z0-9._:/@%+=-]*$ ]] || fail "$name: only letters, digits and . _ : / @ % + = - are allowed"
done

random_hex() { od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
random_digits() { od -An -v -N 64 -tu1 /dev/urandom | tr -dc 0-9 | head -c "$1"; }

if [ ! -s "$phones" ]; then
  for extension in 2001 2002 2003 2004 2005 2006 2007 2008; do
    echo "$extension $(random_hex 12) $(random_digits 6)"
  done >"$phones.new"
  mv "$phones.new" "$phones"
fi

cat >"$local/manager.conf" <<END
[general](+)
bindaddr = ${ASTERISK_AMI_BIND:-127.0.0.1}
[callcard](+)
secret = $ASTERISK_AMI_SECRET
permit = ${ASTERISK_AMI_PERMIT:-127.0.0.1}/255.255.255.255
END

cat >"$local/rtp.conf" <<END
[general]
rtpstart = 10000
rtpend = 10099
END

{
  printf '%s\n' '[transport-udp]' 'type = transport' 'protocol = udp' 'bind = 0.0.0.0:5060'
  if [ -n "${ASTERISK_ADDRESS:-}" ]; then
    echo "external_signaling_address = $ASTERISK_ADDRESS"
    echo "external_media_address = $ASTERISK_ADDRESS"
  fi
  [ -z "${ASTERISK_LOCAL_NET:-}" ] || echo "local_net = $ASTERISK_LOCAL_NET"
  while read -r extension password _; do
    printf '%s\n' "[$extension-auth]" 'type = auth' 'auth_type = digest' "username = $extension" "password = $password"
  done <"$phones"
  printf '%s\n' '[trunk-identify]' 'type = identify' 'endpoint = trunk' "match = ${trunk%:*}"
  printf '%s\n' '[trunk]' 'type = aor' "contact = sip:$trunk"
} >"$local/pjsip.conf"

{
  echo "2000 => $(sed -n 's/^2001 [^ ]* //p' "$phones"),Team"
  while read -r extension _ pin; do
    echo "$extension => $pin,Phone $extension"
  done <"$phones"
} >"$local/voicemail.conf"

for file in /etc/asterisk/yours/*.conf; do
  [ ! -e "$file" ] || cp "$file" "$local/"
done

exec "$@"
