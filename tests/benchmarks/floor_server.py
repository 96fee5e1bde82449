"""The least a safe listener can do: find the frame, commit one raw row, acknowledge. Judges nothing.

Run as a program: `python -m tests.benchmarks.floor_server DATABASE_URL`; prints its port.
"""

import asyncio
import sys

import psycopg

TABLE = "CREATE TABLE IF NOT EXISTS floor_message (id bigserial PRIMARY KEY, body bytea NOT NULL)"
INSERT = "INSERT INTO floor_message (body) VALUES (%b)"


async def serve_one(url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection: its frames, one commit each, then `MSA|AA` and the control id."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = connection.cursor()
        try:
            while True:
                frame = await reader.readuntil(b"\x1c\r")
                body = frame[1:-2]
                control_id = body.split(b"|", 10)[9]
                await cursor.execute(INSERT, [body], prepare=True)
                writer.write(b"\x0bMSH|^~\\&|F|F|||||ACK|1|P|2.5.1\rMSA|AA|" + control_id + b"\r\x1c\r")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main(url: str) -> None:
    """Make the table, listen, say where."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(TABLE)
    server = await asyncio.start_server(
        lambda reader, writer: serve_one(url, reader, writer), "127.0.0.1", 0, limit=2**25
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
