# SPDX-License-Identifier: Apache-2.0
"""Starts flashvsr-rtsp and speaks to it, for the tests of this folder: clients are sockets, down to the bytes."""
import hashlib
import re
import subprocess
import time

from support.viewers import BUILD, ENV, SMALL, STUB, Connection, Server
from cases import PATIENCE  # noqa: E402

PROGRAM = BUILD / 'pipelines/rtsp/flashvsr-rtsp'


class RtspServer(Server):
    program, first_words = PROGRAM, 'rtsp'


def serve(*arguments, **more):
    server = RtspServer(*SMALL, '--no-sound', *arguments, **STUB, **more)
    return server


class Peer(Connection):
    """A client of one connection."""

    def __init__(self, server, tls=False, **more):
        super().__init__(('127.0.0.1', server.port), tls, **more)
        self.url, self.number, self.session = server.url, 0, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def packet(self):
        """The next interleaved packet or answer: its channel or None, its bytes."""
        if self.take(1) == b'$':
            channel, high, low = self.take(3)
            return channel, self.take(high << 8 | low)
        self.buffer = b'R' + self.buffer
        while b'\r\n\r\n' not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        length = re.search(rb'(?i)content-length: *(\d+)', head)
        return None, head + b'\r\n\r\n' + (self.take(int(length[1])) if length else b'')

    def answer(self):
        """Status and text of the next answer."""
        while True:
            channel, text = self.packet()
            if channel is None:
                return int(text.split()[1]), text.decode()

    def write(self, method, url=None, body='', **headers):
        self.number += 1
        lines = [f'{method} {url or self.url} RTSP/1.0', f'CSeq: {self.number}']
        lines += [f'{name.replace("_", "-")}: {value}' for name, value in headers.items()]
        if self.session:
            lines.append(f'Session: {self.session}')
        self.send(('\r\n'.join(lines) + '\r\n\r\n' + body).encode())

    def ask(self, method, url=None, **headers):
        self.write(method, url, **headers)
        return self.answer()

    def set_up(self, transport='RTP/AVP/TCP;unicast;interleaved=0-1', **headers):
        status, text = self.ask('SETUP', self.url + '/stream=0', Transport=transport, **headers)
        if status == 200:
            self.session = re.search(r'Session: *([^;\s]+)', text)[1]
        return status, text

    def play(self, **headers):
        assert self.set_up(**headers)[0] == 200
        status, text = self.ask('PLAY', **headers)
        assert status == 200, text

    def end(self):
        """Until the server closes."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass


def alive(server, **options):
    """Who behaves sees pictures."""
    with Peer(server, **options) as peer:
        assert peer.ask('OPTIONS')[0] == 200
        assert peer.ask('DESCRIBE')[0] == 200
        peer.play()
        for _ in range(3):
            while peer.packet()[0] != 0:
                pass


def users(folder, *lines):
    path = folder / 'users'
    path.write_text('\n'.join(lines) + '\n')
    return path


def digest(challenge, name, password, method, url):
    """The Authorization header of a client that knows the password."""
    realm, nonce = (re.search(rf'{word}="([^"]*)"', challenge)[1] for word in ('realm', 'nonce'))

    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()
    response = md5(f'{md5(f"{name}:{realm}:{password}")}:{nonce}:{md5(f"{method}:{url}")}')
    return f'Digest username="{name}", realm="{realm}", nonce="{nonce}", uri="{url}", response="{response}"'


def log_in(peer, name, password, challenge=None):
    """Status and text that DESCRIBE is answered with."""
    if challenge is None:
        status, challenge = peer.ask('DESCRIBE')
        assert status == 401, challenge
    return peer.ask('DESCRIBE', Authorization=digest(challenge, name, password, 'DESCRIBE', peer.url))


def after_wait(try_once):
    """What it gives once it is looked at."""
    while True:
        status, text = try_once()
        if status != 503:
            return status, text
        time.sleep(int(re.search(r'Retry-After: *(\d+)', text)[1]))


def certificate(folder):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                    '-keyout', folder / 'key.pem', '-out', folder / 'cert.pem'], check=True, capture_output=True)
    return '--tls-certificate', folder / 'cert.pem', '--tls-key', folder / 'key.pem'


def refused(*arguments):
    result = subprocess.run([PROGRAM, *map(str, arguments)], env={**ENV, **STUB}, capture_output=True, text=True,
                            timeout=PATIENCE)
    assert result.returncode == 2, f'{arguments}: exit status {result.returncode}\n{result.stderr}'
    return result.stderr
