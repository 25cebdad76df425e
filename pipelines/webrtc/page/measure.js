// SPDX-License-Identifier: Apache-2.0
// What is measured of a video: when its frames are shown, and what time is written in them.

const COLUMNS = 8, ROWS = 4;  // cells of the time code, as in time_code.h
const MARKER = [1, 0, 1, 1, 0, 0, 1, 0];
const SAMPLES = 4;            // a cell is read as so many samples a side
const LEAST_CONTRAST = 40;
const WRAP_MS = 65536;
const KEPT_INTERVALS = 500;
const READ_PERIOD_MS = 200;
const RATE_PERIOD_MS = 5000;

// Where the code lies, in samples of a picture of the input's size.
export function codeGrid(width, height) {
  const cell = Math.max(4, 2 * Math.floor(height / 90));
  return {x: cell, y: (height - cell * (ROWS + 1)) & ~1, cell};
}

function crc8(value) {
  let rest = value << 8;
  for (let bit = 23; bit >= 8; --bit) if (rest >> bit & 1) rest ^= 0x107 << (bit - 8);
  return rest & 0xff;
}

// ms modulo WRAP_MS from the mean brightness of the cells; null: no code is there.
export function decodeCells(cells) {
  const mean = bit => {
    const chosen = cells.slice(0, COLUMNS).filter((_, i) => MARKER[i] === bit);
    return chosen.reduce((sum, value) => sum + value, 0) / chosen.length;
  };
  const light = mean(1), dark = mean(0);
  if (light - dark < LEAST_CONTRAST) return null;
  const bits = cells.map(value => value > (light + dark) / 2 ? 1 : 0);
  if (MARKER.some((bit, i) => bits[i] !== bit)) return null;
  const number = (from, count) => bits.slice(from, from + count).reduce((sum, bit) => sum * 2 + bit, 0);
  const time = number(8, 16);
  return number(24, 8) === crc8(time) ? time : null;
}

// The shortest way from b to a on the circle of WRAP_MS.
export function difference(a, b) {
  const d = ((a - b) % WRAP_MS + WRAP_MS) % WRAP_MS;
  return d > WRAP_MS / 2 ? d - WRAP_MS : d;
}

export class Meter {
  // inputSize(): [width, height] of the input, whose samples the code's place is given in; or null.
  constructor(video, inputSize) {
    this.video = video;
    this.inputSize = inputSize;
    this.canvas = document.createElement('canvas');
    this.canvas.width = COLUMNS * SAMPLES;
    this.canvas.height = ROWS * SAMPLES;
    this.context = this.canvas.getContext('2d', {willReadFrequently: true});
    this.reset();
    const watch = (now, frame) => {
      this.note(frame);
      video.requestVideoFrameCallback(watch);
    };
    video.requestVideoFrameCallback(watch);
  }

  reset() {
    this.intervals = [];   // ms between frames shown one after the other
    this.shown = [];       // times of the newest frames
    this.last = null;      // {time, count}
    this.code = null;      // {time, at}: the newest code and when its frame was displayed
    this.readAt = 0;
  }

  note(frame) {
    const time = frame.expectedDisplayTime;
    // A frame that this page was not told of leaves a gap that is none of the video's.
    if (this.last && frame.presentedFrames === this.last.count + 1) {
      this.intervals.push(time - this.last.time);
      if (this.intervals.length > KEPT_INTERVALS) this.intervals.shift();
    }
    this.last = {time, count: frame.presentedFrames};
    this.shown.push(time);
    while (this.shown[0] <= time - RATE_PERIOD_MS) this.shown.shift();
    if (time - this.readAt >= READ_PERIOD_MS) {
      this.readAt = time;
      const code = this.readCode();
      this.code = code === null ? null : {time: code, at: time};
    }
  }

  // Frames a second; 0: none lately.
  fps() {
    const now = performance.now();
    const times = this.shown.filter(time => time > now - RATE_PERIOD_MS);
    return times.length > 1 ? 1000 * (times.length - 1) / (times.at(-1) - times[0]) : 0;
  }

  // ms between the frame's entry into the server and its display, modulo WRAP_MS; null: not known.
  latency(clock) {
    const now = this.code && clock.at(this.code.at);
    return now === null ? null : ((now - this.code.time) % WRAP_MS + WRAP_MS) % WRAP_MS;
  }

  readCode() {
    const size = this.inputSize();
    const {videoWidth, videoHeight} = this.video;
    if (!size || !videoWidth) return null;
    const {x, y, cell} = codeGrid(...size);
    const [sx, sy] = [videoWidth / size[0], videoHeight / size[1]];
    this.context.drawImage(this.video, x * sx, y * sy, COLUMNS * cell * sx, ROWS * cell * sy,
                           0, 0, this.canvas.width, this.canvas.height);
    const {data} = this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    const cells = [];
    for (let i = 0; i < COLUMNS * ROWS; ++i) {
      cells.push(meanOfMiddle(data, i % COLUMNS, Math.floor(i / COLUMNS)));
    }
    return decodeCells(cells);
  }
}

// The border of a cell is blurred: only its middle counts.
function meanOfMiddle(data, column, row) {
  let sum = 0;
  for (let y = 1; y < SAMPLES - 1; ++y) {
    for (let x = 1; x < SAMPLES - 1; ++x) {
      const at = 4 * ((row * SAMPLES + y) * COLUMNS * SAMPLES + column * SAMPLES + x);
      sum += (data[at] + data[at + 1] + data[at + 2]) / 3;
    }
  }
  return sum / (SAMPLES - 2) ** 2;
}

// The smallest value that this share of the values does not exceed.
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}
