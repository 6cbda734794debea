#!/usr/bin/env bash
# Time stamps as authorities give them (RFC 3161), made by OpenSSL 3: ./make_golden.sh
#
# authority.pem is whom the stamps can be checked with; rsa.tsr and ec.tsr are stamps of the SHA-256 of the word `checkpoint` by two
# authorities below it; stranger.pem is somebody else; server.tsr is signed by a certificate that is not for time stamps. The keys are thrown away.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/config" <<CONFIG
[req]
distinguished_name = name
prompt = no
[name]
CN = placeholder
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamp]
basicConstraints = CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[server]
basicConstraints = CA:false
extendedKeyUsage = critical, serverAuth
[tsa]
default_tsa = own
[own]
serial = $work/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
CONFIG
root() {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/$1.key" -out "$work/$1.pem" -days 36500 -subj "/CN=$1" \
    -config "$work/config" -extensions root 2> /dev/null
}
below() { # name, kind of key, extensions
  if [ "$2" = ec ]; then openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"; else openssl genrsa -out "$work/$1.key" 2048 2> /dev/null; fi
  openssl req -new -key "$work/$1.key" -subj "/CN=$1" -out "$work/$1.csr" -config "$work/config"
  openssl x509 -req -in "$work/$1.csr" -CA "$work/authority.pem" -CAkey "$work/authority.key" -CAcreateserial -days 36500 -sha256 \
    -extfile "$work/config" -extensions "$3" -out "$work/$1.pem" 2> /dev/null
}
stamp() {
  openssl ts -query -digest "$digest" -sha256 -cert -out "$work/question.tsq" -config "$work/config" 2> /dev/null
  openssl ts -reply -queryfile "$work/question.tsq" -signer "$work/$1.pem" -inkey "$work/$1.key" -chain "$work/authority.pem" \
    -config "$work/config" -section own -out "$1.tsr" 2> /dev/null
}
digest=$(printf checkpoint | sha256sum | cut -d' ' -f1)
root authority
root stranger
below rsa rsa stamp
below ec ec stamp
below server rsa server
stamp rsa
stamp ec
# `openssl ts` signs with no certificate for something else, so the same statement is signed as any other.
openssl ts -reply -in rsa.tsr -token_out -out "$work/token" -config "$work/config" 2> /dev/null
openssl cms -verify -noverify -inform DER -in "$work/token" -out "$work/statement" 2> /dev/null
openssl cms -sign -cades -binary -nodetach -econtent_type 1.2.840.113549.1.9.16.1.4 -outform DER -md sha256 \
  -in "$work/statement" -signer "$work/server.pem" -inkey "$work/server.key" -out "$work/server"
python3 - "$work/server" server.tsr <<'PYTHON'
import sys
token = open(sys.argv[1], "rb").read()
body = bytes([0x30, 3, 2, 1, 0]) + token  # granted
open(sys.argv[2], "wb").write(bytes([0x30, 0x82]) + len(body).to_bytes(2, "big") + body)
PYTHON
cp "$work/authority.pem" "$work/stranger.pem" .
for name in rsa ec; do openssl ts -verify -digest "$digest" -in "$name.tsr" -CAfile authority.pem; done
