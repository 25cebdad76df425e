# SPDX-License-Identifier: Apache-2.0
"""A viewer of flashvsr-webrtc that gets the videos, on a way that can be cut. Needs PyGObject: run by /usr/bin/python3."""
import ctypes
import selectors
import socket
import threading

from support.viewers import Viewer
from live import Gst, wait_for

import gi
gi.require_version('GstSdp', '1.0')
gi.require_version('GstWebRTC', '1.0')
from gi.repository import GstSdp, GstWebRTC  # noqa: E402

# Looked up once: PyGObject makes them when they are first asked for, and not safely by two threads.
OFFER, BUFFER, OK = GstWebRTC.WebRTCSDPType.OFFER, Gst.PadProbeType.BUFFER, Gst.PadProbeReturn.OK


class Way:
    """Hands datagrams on between two that each know one of its ports. While it is cut they are lost."""

    def __init__(self):
        self.whole, self.ends = True, [socket.socket(type=socket.SOCK_DGRAM) for _ in range(2)]
        self.targets = [None, None]  # of what leaves the sockets
        self.selector = selectors.DefaultSelector()
        for number, end in enumerate(self.ends):
            end.bind(('127.0.0.1', 0))
            self.selector.register(end, selectors.EVENT_READ, number)
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            for key, _ in self.selector.select():
                data = key.fileobj.recv(65536)
                other = 1 - key.data
                if self.whole and self.targets[other]:
                    self.ends[other].sendto(data, self.targets[other])

    def replace(self, candidate, number):
        """A candidate that leads to the end `number` instead; the other end sends to where it led. None: not one of
        UDP on this machine, or a second one, or empty, as GStreamer 1.26 ends the candidates."""
        words = candidate.split()
        if not words or words[2].upper() != 'UDP' or words[4] != '127.0.0.1' or self.targets[1 - number]:
            return None
        self.targets[1 - number] = ('127.0.0.1', int(words[5]))
        words[5] = str(self.ends[number].getsockname()[1])
        return ' '.join(words)


class Peer:
    """`packets` of the videos that have come; `viewers` that the server tells of; `gone`: it has ended the connection."""

    def __init__(self, server, port=None):
        """`port`: of a relay to the server's."""
        self.viewer, self.way = Viewer(server, port=port), Way()
        self.packets, self.viewers, self.gone = 0, 0, False
        self.pipeline, self.peer = Gst.Pipeline(), Gst.ElementFactory.make('webrtcbin')
        self.peer.set_property('bundle-policy', GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.peer)
        agent = self.peer.get_property('ice-agent')
        # PyGObject takes the reference for one that it was given, and it was not.
        ctypes.CDLL('libgobject-2.0.so.0').g_object_ref(ctypes.c_void_p(hash(agent)))
        agent.emit('add-local-ip-address', '127.0.0.1')
        self.peer.connect('on-ice-candidate', self.on_candidate)
        self.peer.connect('pad-added', self.on_pad)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            while True:
                message = self.viewer.wait()
                if message['type'] == 'offer':
                    self.answer(message['sdp'])
                elif message['type'] == 'candidate':
                    candidate = self.way.replace(message['candidate'], 1)
                    if candidate:
                        self.peer.emit('add-ice-candidate', message['line'], candidate)
                elif message['type'] == 'statistics':
                    self.viewers = message['viewers']
        except (AssertionError, OSError):
            self.gone = True

    def answer(self, text):
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        offer = GstWebRTC.WebRTCSessionDescription.new(OFFER, sdp)
        self.ask('set-remote-description', offer)
        reply = self.ask('create-answer', None).get_reply()  # which owns the answer
        answer = reply.get_value('answer')
        self.ask('set-local-description', answer)
        self.viewer.send({'type': 'answer', 'sdp': answer.sdp.as_text()})

    def ask(self, signal, argument):
        promise = Gst.Promise.new()
        self.peer.emit(signal, argument, promise)
        promise.wait()
        return promise

    def on_candidate(self, _, line, candidate):
        candidate = self.way.replace(candidate, 0)
        if candidate:
            self.viewer.send({'type': 'candidate', 'line': line, 'candidate': candidate})

    def on_pad(self, _, pad):
        sink = Gst.ElementFactory.make('fakesink')
        sink.set_property('sync', False)
        sink.set_property('async', False)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad('sink'))
        pad.add_probe(BUFFER, self.on_packet)

    def on_packet(self, *_):
        self.packets += 1
        return OK

    def watch(self, packets):
        """Whether so many more have come; False: the server has ended it, as one that is too slow for it."""
        goal = self.packets + packets
        wait_for(lambda: self.gone or self.packets >= goal, 'video')
        return not self.gone

    def leave(self):
        self.pipeline.set_state(Gst.State.NULL)
        self.viewer.leave()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()
