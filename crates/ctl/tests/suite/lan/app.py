"""The old device program: package lists over HTTP on port 5000, no credentials, no way back but a list of versions."""

import base64
import subprocess
import sys

from flask import Flask, jsonify, request

app = Flask(__name__)


def installed(package):
    query = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True)
    return query.stdout if query.returncode == 0 and query.stdout else "unknown"


@app.route("/ping")
def ping():
    return jsonify({"status": "alive", "device": "raspberry-pi"})


@app.route("/update", methods=["POST"])
def update():
    packages = base64.b64decode(request.get_json()["filedata"]).decode("utf-8").splitlines()
    for package in packages:
        subprocess.run(["sudo", "apt-get", "install", package])
    with open("rollbackFile", "w") as file:
        for package in packages:
            file.write(f"{package}={installed(package)}\n")
    return jsonify({"status": "Update completed"})


@app.route("/rollback")
def rollback():
    with open("rollbackFile") as file:
        for line in file.read().splitlines():
            package, version = line.split("=")
            subprocess.run(["sudo", "apt-get", "install", f"{package}={version}"])
    return jsonify({"status": "Rollback completed"})


if __name__ == "__main__":
    app.run(host=sys.argv[1], port=5000)
