"""A service behind the edge: answers GET and POST, streams, echoes a websocket, and reports each POST to the ledger.

With LEDGER=1 it is the ledger itself: it counts how often each POST ran."""
import asyncio
import base64
import collections
import hashlib
import os
import signal
import socket

VERSION = os.environ.get("VERSION", "1")
# Asked for once: a lookup per request would be a load of its own.
LEDGER = None if "LEDGER" in os.environ else socket.gethostbyname("ledger")
counts = collections.Counter()


async def report(number):
    reader, writer = await asyncio.open_connection(LEDGER, 7000)
    writer.write(number + b"\n")
    await writer.drain()
    await reader.readline()
    writer.close()


async def ledger(reader, writer):
    line = (await reader.readline()).strip()
    if line == b"?":
        writer.write(b"%d %d\n" % (sum(counts.values()), len(counts)))
    else:
        counts[line] += 1
        writer.write(b"ok\n")
    await writer.drain()
    writer.close()


async def serve(reader, writer):
    try:
        while True:
            line = await reader.readline()
            if not line:
                return
            method, path, protocol = line.decode().split()
            length, key, caller = 0, None, b""
            while True:
                name, _, value = (await reader.readline()).strip().partition(b":")
                if not name:
                    break
                if name.lower() == b"content-length":
                    length = int(value)
                if name.lower() == b"x-forwarded-for":
                    caller = value.strip()
                if name.lower() == b"sec-websocket-key":
                    key = value.strip()
            body = await reader.readexactly(length)
            if method == "POST":
                await report(body)
            if key:
                accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept)
                while line := await reader.readline():
                    writer.write(line)
                    await writer.drain()
                return
            if path.startswith("/stream/"):
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(int(path.rsplit("/", 1)[1]) * 2):
                    writer.write(b"4\r\nline\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.5)
                writer.write(b"0\r\n\r\n")
                await writer.drain()
                continue
            if path == "/caller":
                body = caller
            text = f"{VERSION} {path} {body.decode()}".encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(text))
            # Who closes a connection has to say it: else the proxy may send the next request to it.
            writer.write(b"Connection: close\r\n\r\n" if protocol == "HTTP/1.0" else b"\r\n")
            writer.write(text)
            await writer.drain()
            if protocol == "HTTP/1.0":
                return
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    handler, port = (ledger, 7000) if "LEDGER" in os.environ else (serve, 8000)
    await asyncio.start_server(handler, "0.0.0.0", port, backlog=1000)
    if handler is serve:
        await asyncio.start_server(serve, "0.0.0.0", 9000)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    os._exit(0)


asyncio.run(main())
