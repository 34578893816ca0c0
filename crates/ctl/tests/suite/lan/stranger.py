"""Somebody on port 5000 who misbehaves: mute, stuck and cut take an order's connection and do as they are called."""

import socket
import sys
import threading

PING = b'{"status":"alive","device":"raspberry-pi"}'


def answer(connection, status, body):
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)


def serve(connection, habit):
    if habit == "mute":
        threading.Event().wait()
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    if habit == "other":
        answer(connection, "200 OK", b'{"product":"a printer"}')
    elif head.startswith(b"GET /ping"):
        answer(connection, "200 OK", PING)
    elif habit == "stuck":
        threading.Event().wait()
    elif habit == "broken":
        answer(connection, "500 INTERNAL SERVER ERROR", b"<h1>Internal Server Error</h1>")
    print(head.split(b"\r\n")[0].decode(), flush=True)
    connection.close()


listener = socket.create_server(("0.0.0.0", 5000), backlog=64)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0], sys.argv[1]), daemon=True).start()
