// SPDX-License-Identifier: Apache-2.0
// The connection to the server: a WebSocket for messages, over which a peer connection for the two videos is set
// up. When either fails, both are made anew after a while.

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 15000;
const CLOCK_PERIOD_MS = 2000;
const CLOCK_ANSWERS = 8;

export class Peer {
  // handlers: video(index, stream), message(message), state(state, text)
  constructor(handlers) {
    this.handlers = handlers;
    this.delay = FIRST_DELAY_MS;
    this.clock = new ServerClock();
    setInterval(() => this.send({type: 'clock', sent: performance.now()}), CLOCK_PERIOD_MS);
    this.connect();
  }

  connect() {
    const url = new URL('socket' + location.search, location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    this.socket = new WebSocket(url);
    this.socket.onmessage = event => this.receive(JSON.parse(event.data));
    this.socket.onopen = () => this.handlers.state('connecting', 'Connecting the videos');
    this.socket.onclose = event => this.lose(event.reason || 'The server is gone.');
  }

  // From here on: nothing of the old connection, and another try later.
  lose(why) {
    this.socket.onclose = this.socket.onmessage = null;
    this.socket.close();
    this.connection?.close();
    this.connection = null;
    const seconds = Math.round(this.delay / 1000);
    this.handlers.state('lost', `${why}\nTrying again in ${seconds} s.`);
    setTimeout(() => this.connect(), this.delay);
    this.delay = Math.min(this.delay * 2, LONGEST_DELAY_MS);
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  async receive(message) {
    switch (message.type) {
      case 'welcome': this.prepare(message['ice-servers']); break;
      case 'offer': await this.accept(message.sdp); break;
      case 'candidate':
        await this.connection?.addIceCandidate({sdpMLineIndex: message.line, candidate: message.candidate});
        break;
      case 'clock': this.clock.note(message.sent, performance.now(), message.time); break;
      case 'error': this.lose(message.why); break;
      case 'failed': this.lose(`The server could not send the videos: ${message.why}`); break;
      default: this.handlers.message(message);
    }
  }

  prepare(iceServers) {
    const connection = new RTCPeerConnection({iceServers});
    connection.ontrack = event => this.handlers.video(
      connection.getTransceivers().indexOf(event.transceiver), new MediaStream([event.track]));
    connection.onicecandidate = ({candidate}) => {
      if (candidate?.candidate) {
        this.send({type: 'candidate', line: candidate.sdpMLineIndex, candidate: candidate.candidate});
      }
    };
    connection.onconnectionstatechange = () => {
      if (connection !== this.connection) return;
      if (connection.connectionState === 'connected') {
        this.delay = FIRST_DELAY_MS;
        this.handlers.state('live', '');
      } else if (connection.connectionState === 'disconnected') {
        this.handlers.state('connecting', 'No video arrives. Waiting for it.');
      } else if (connection.connectionState === 'failed') {
        this.lose('The videos do not get through, though the server answers.\n' +
                  'A firewall may be in the way of UDP: see docs/live.md.');
      }
    };
    this.connection = connection;
    for (const _ of [1, 2, 3, 4]) this.send({type: 'clock', sent: performance.now()});
  }

  async accept(sdp) {
    const connection = this.connection;
    try {
      await connection.setRemoteDescription({type: 'offer', sdp});
      await connection.setLocalDescription(await connection.createAnswer());
      this.send({type: 'answer', sdp: connection.localDescription.sdp});
    } catch (error) {
      if (connection === this.connection) this.lose(`The browser does not take the videos: ${error.message}`);
    }
  }
}

// The server's clock as seen from here, by the answer that came back fastest (as NTP does).
class ServerClock {
  constructor() {
    this.answers = [];
  }

  note(sent, received, time) {
    this.answers.push({trip: received - sent, offset: time - (sent + received) / 2});
    if (this.answers.length > CLOCK_ANSWERS) this.answers.shift();
  }

  // The server's time in ms at this time of performance.now(); null: not known.
  at(now) {
    if (this.answers.length === 0) return null;
    return now + this.answers.reduce((a, b) => b.trip < a.trip ? b : a).offset;
  }
}
