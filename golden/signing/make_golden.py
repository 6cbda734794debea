#!/usr/bin/env python3
"""Makes the signatures in this folder with OpenSSF's own tool, to be read by crates/provenance.

Needs: pip install model-signing pyOpenSSL. Run it in this folder; the keys are for tests only and change with each run.
The signed folder is the one that the test builds: model/a.gguf ("hi\\n") and model/d/b.txt ("there\\n").
"""
import pathlib, subprocess, sys, tempfile
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

here = pathlib.Path(__file__).parent
with tempfile.TemporaryDirectory() as work:
    model = pathlib.Path(work, "model")
    (model / "d").mkdir(parents=True)
    (model / "a.gguf").write_text("hi\n")
    (model / "d/b.txt").write_text("there\n")
    # One private key in each of the two forms that PEM files have.
    for name, curve, form in [
        ("p256", ec.SECP256R1(), serialization.PrivateFormat.TraditionalOpenSSL),
        ("p384", ec.SECP384R1(), serialization.PrivateFormat.PKCS8),
    ]:
        key = ec.generate_private_key(curve)
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        (here / f"{name}.pem").write_bytes(pem)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (here / f"{name}.pub").write_bytes(public)
        for kind, path in [("folder", model), ("file", model / "a.gguf")]:
            subprocess.run([sys.executable, "-m", "model_signing", "sign", "key", path, "--private_key", here / f"{name}.pem",
                            "--signature", here / f"{name}-{kind}.sig"], check=True)
