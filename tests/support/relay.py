# SPDX-License-Identifier: Apache-2.0
"""A TCP connection between two programs that can be cut: without a word to either, as when a cable is pulled."""
import selectors
import socket
import threading


class Relay:
    """Hands on what comes to `port` of this machine. While it is cut nothing gets through, and no connection ends."""

    def __init__(self, target):
        self.target, self.others, self.whole = target, {}, True
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.wake, self.sleeper = socket.socketpair()
        for source in self.listener, self.sleeper:
            self.selector.register(source, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.sleeper:
                    if self.sleeper.recv(1) == b'x':
                        return
                    self.follow()
                elif key.fileobj is self.listener:
                    self.join(self.listener.accept()[0], socket.create_connection(('127.0.0.1', self.target)))
                else:
                    self.pass_on(key.fileobj)

    def join(self, one, other):
        for here, there in ((one, other), (other, one)):
            self.others[here] = there
            here.settimeout(1)
            if self.whole:
                self.selector.register(here, selectors.EVENT_READ)

    def pass_on(self, here):
        if here not in self.others:
            return  # closed with its other end, just now
        try:
            data = here.recv(65536)
            if data:
                self.others[here].sendall(data)
                return
        except OSError:
            pass
        for side in (here, self.others[here]):
            if side in self.selector.get_map():
                self.selector.unregister(side)
            del self.others[side]
            side.close()

    def follow(self):
        """What is cut is not looked at."""
        for side in list(self.others) + [self.listener]:
            known = side in self.selector.get_map()
            if self.whole and not known:
                self.selector.register(side, selectors.EVENT_READ)
            elif not self.whole and known:
                self.selector.unregister(side)

    def set_whole(self, whole):
        self.whole = whole
        self.wake.send(b'.')

    def cut(self):
        self.set_whole(False)

    def heal(self):
        self.set_whole(True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wake.send(b'x')
        self.thread.join()
        for side in (*self.others, self.listener, self.wake, self.sleeper):
            side.close()
