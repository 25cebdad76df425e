# SPDX-License-Identifier: Apache-2.0
"""Starts flashvsr-webrtc and speaks to it, for the tests of this folder: requests, and a WebSocket down to the bytes."""
import base64
import http.client
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from support.program import BUILD, NANO, ROOT
from cases import PATIENCE  # noqa: E402

PROGRAM = BUILD / 'pipelines/webrtc/flashvsr-webrtc'
ENV = {**NANO, 'FLASHVSR_PAGE_DIR': str(ROOT / 'pipelines/webrtc/page'),
       'OMP_NUM_THREADS': '1'}  # the browser and the encoders need a core as well

# An engine that repeats pixels and has the model's schedule: for what a busy machine must not change.
STUB = {'FLASHVSR_ENGINE': str(BUILD / 'tests/gst/libstub_engine.so')}

SMALL = ['test', '--caps', 'video/x-raw,width=96,height=64,framerate=10/1', '--scale', '2']

MB = 1 << 20
BEFORE_LOGIN = 20 * MB  # what all peers together may make the process grow by
OF_VIEWER = 8 * MB      # one peer that was let in


class Server:
    program, first_words = PROGRAM, 'open '

    def __init__(self, *arguments, descriptors=None, **environment):
        self.log = tempfile.TemporaryFile('w+')
        arguments = [str(word) for word in arguments]
        command = [self.program, *arguments] if '--port' in arguments else [self.program, *arguments, '--port', '0']
        if descriptors:
            command = ['prlimit', f'--nofile={descriptors}', *command]
        self.process = subprocess.Popen(command, env={**ENV, **environment}, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith(self.first_words), f'the server printed {line!r} and {self.errors()!r}'
        self.url = line.split()[-1]
        self.port = urlsplit(self.url).port

    def errors(self):
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(f'{self.program.name} ({self.process.poll()}) said:\n{self.errors()}')
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            status = self.process.wait(timeout=PATIENCE)
            assert kind or status == 0, f'exit status {status}: {self.errors()}'
        else:
            assert kind or self.process.returncode == -signal.SIGKILL, \
                f'it ended with {self.process.returncode}: {self.errors()}'
        self.process.stdout.close()

    def memory(self):
        """Bytes of it in RAM; none where a sanitizer (tests/pipelines/sanitize) keeps what is freed."""
        return 0 if 'FLASHVSR_SANITIZED' in os.environ else self.status('VmRSS') * 1024

    def threads(self):
        return self.status('Threads')

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def status(self, name):
        text = Path(f'/proc/{self.process.pid}/status').read_text()
        return int(re.search(rf'^{name}:\s+(\d+)', text, re.M)[1])


def usage(*arguments, status, prefix=(), **environment):
    result = subprocess.run([*prefix, PROGRAM, *arguments], env={**ENV, **environment}, capture_output=True, text=True,
                            timeout=PATIENCE)
    text = result.stdout + result.stderr
    assert result.returncode == status, f'{arguments}: exit status {result.returncode}\n{text}'
    return text


def ask(server, path='/', host=None, method='GET', **headers):
    """Answer and text of the server."""
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=PATIENCE)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader('Host', host or f'127.0.0.1:{server.port}')
    for name, value in headers.items():
        connection.putheader(name.replace('_', '-'), value)
    connection.endheaders()
    answer = connection.getresponse()
    text = '' if answer.status == 101 else answer.read().decode()
    connection.close()
    return answer, text


def get(server, path='/', host=None, **headers):
    """Status and text that the server answers with."""
    answer, text = ask(server, path, host, **headers)
    return answer.status, text


def get_socket(server, path='/socket', **headers):
    return get(server, path, Upgrade='websocket', Connection='Upgrade', Sec_WebSocket_Version='13',
               Sec_WebSocket_Key='MDEyMzQ1Njc4OWFiY2RlZg==', **headers)[0]


def until(condition, what, seconds=PATIENCE):
    """Until the condition is something other than None and False; returns that."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < end, f'{what} has not happened in {seconds} s'
        time.sleep(0.02)


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, data=b'', final=True, reserved=0, length=None):
    """As a browser masks it, with a mask of zeros. length: what its header says, if that is to be something else."""
    data = data.encode() if isinstance(data, str) else data
    size = len(data) if length is None else length
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += struct.pack('>BH', 0x80 | 126, size)
    else:
        head += struct.pack('>BQ', 0x80 | 127, size)
    return head + bytes(4) + data


class Connection:
    """To a server, down to the bytes: `buffer` is what has come and was not taken."""

    def __init__(self, address, tls=False, receive_buffer=None, source=None):
        self.buffer, self.socket = b'', socket.socket()
        if source:
            self.socket.bind((source, 0))
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError('the server has closed')
        self.buffer += data

    def take(self, size):
        while len(self.buffer) < size:
            self.fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data


class Viewer(Connection):
    """A WebSocket of the server's. Reads only when asked to."""
    def __init__(self, server, path='/socket', headers=(), tls=False, early=b'', receive_buffer=None, port=None,
                 host='127.0.0.1'):
        super().__init__((host, port or server.port), tls, receive_buffer)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f'GET {path} HTTP/1.1', f'Host: 127.0.0.1:{server.port}', 'Upgrade: websocket', 'Connection: Upgrade',
                 'Sec-WebSocket-Version: 13', f'Sec-WebSocket-Key: {key}', *headers]
        self.socket.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode() + early)
        while b'\r\n\r\n' not in self.buffer:
            self.fill()
        self.answer, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        assert b' 101 ' in self.answer.split(b'\r\n')[0], self.answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    def receive(self):
        """The next frame: opcode and data. Answers pings."""
        first, size = self.take(2)
        if size == 126:
            size = struct.unpack('>H', self.take(2))[0]
        elif size == 127:
            size = struct.unpack('>Q', self.take(8))[0]
        data = self.take(size)
        if first & 15 == PING:
            self.send_bytes(frame(PONG, data))
        return first & 15, data

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, message):
        self.send_bytes(frame(TEXT, message if isinstance(message, (str, bytes)) else json.dumps(message)))

    def wait(self, kind=None):
        """The next message, of this type."""
        while True:
            opcode, data = self.receive()
            assert opcode != CLOSE, f'closed: {data[2:]}'
            if opcode == TEXT:
                message = json.loads(data)
                if kind in (None, message['type']):
                    return message

    def end(self):
        """Until the server closes. What it said last: (code, reason of the close frame), messages of type error."""
        code, reason, errors = None, '', []
        try:
            while True:
                opcode, data = self.receive()
                if opcode == TEXT and json.loads(data)['type'] == 'error':
                    errors.append(json.loads(data)['why'])
                if opcode == CLOSE:
                    code, reason = struct.unpack('>H', data[:2])[0], data[2:].decode()
                    self.send_bytes(frame(CLOSE, data))
        except OSError:
            return code, reason, errors

    def leave(self):
        self.socket.close()


def answer_to(offer):
    """An answer to the offer's text, as a browser without any way to the server would give it."""
    lines = ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE ' + ' '.join(
        re.findall(r'^a=mid:(\S+)', offer, re.M))]
    for media in re.split(r'^m=', offer, flags=re.M)[1:]:
        kind, _, protocol, payload = media.split('\n')[0].split()[:4]
        lines += [f'm={kind} 9 {protocol} {payload}', 'c=IN IP4 0.0.0.0', 'a=rtcp-mux', 'a=recvonly', 'a=setup:active',
                  'a=mid:' + re.search(r'^a=mid:(\S+)', media, re.M)[1],
                  re.search(rf'^a=rtpmap:{payload} .*?$', media, re.M)[0].strip(), 'a=ice-ufrag:someone',
                  'a=ice-pwd:somebodys0password0of0enough', 'a=fingerprint:sha-256 ' + ':'.join(['AB'] * 32)]
    return '\r\n'.join(lines) + '\r\n'


def silent(server, count):
    """Connections that say nothing."""
    sockets = []
    for _ in range(count):
        try:
            sockets.append(socket.create_connection(('127.0.0.1', server.port), timeout=PATIENCE))
        except ConnectionError:
            pass
    return sockets


def serve(*arguments, **more):
    server = Server(*SMALL, *arguments, **STUB, **more)
    with Viewer(server) as first:  # libraries load what they need
        first.wait('statistics')
    return server


def alive(server):
    """A viewer gets what it needs."""
    with Viewer(server) as viewer:
        assert viewer.wait('offer')['sdp'].startswith('v=0')
        viewer.send({'type': 'clock', 'sent': 5})
        assert viewer.wait('clock')['sent'] == 5


def until_seated(server):
    """A viewer that has a place: the one before may still be on its way out."""
    def seated():
        viewer = Viewer(server)
        opcode, _ = viewer.receive()
        if opcode == TEXT:
            return viewer
        viewer.leave()
        return None
    return until(seated, 'a place')
