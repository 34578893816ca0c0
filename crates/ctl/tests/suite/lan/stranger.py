"""Somebody on port 5000 who misbehaves: mute, stuck and cut take an order's connection and do as they are called, greedy
and forger say that they are agents: one wants a token, the other has a name that gives orders to terminals."""

import json
import socket
import sys
import threading

PING = b'{"status":"alive","device":"raspberry-pi"}'
STATUS = {
    "hostname": "\x1b]0;owned\x07\x1b[8m\n10.77.0.99  kitchen",
    "version": "\x1b[2J0.1.0",
    "generation": 0,
    "previous": None,
    "needs_attention": False,
    "job": None,
    "progress": None,
    "queued": None,
    "last": None,
    "warnings": [],
}


def answer(connection, status, body, server=""):
    head = f"HTTP/1.1 {status}\r\n{server}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)


def serve(connection, habit):
    if habit == "mute":
        threading.Event().wait()
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    if habit == "other":
        answer(connection, "200 OK", b'{"product":"a printer"}')
    elif habit == "greedy":
        answer(connection, "401 Unauthorized", b"{}", "Server: belay-agent\r\n")
    elif habit == "forger":
        body = json.dumps(STATUS).encode() if head.startswith(b"GET /status") else PING
        answer(connection, "200 OK", body, "Server: belay-agent\r\n")
    elif head.startswith(b"GET /ping"):
        answer(connection, "200 OK", PING)
    elif habit == "stuck":
        threading.Event().wait()
    elif habit == "broken":
        answer(connection, "500 INTERNAL SERVER ERROR", b"<h1>Internal Server Error</h1>")
    print(head.decode(), flush=True)
    connection.close()


listener = socket.create_server(("0.0.0.0", 5000), backlog=64)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0], sys.argv[1]), daemon=True).start()
