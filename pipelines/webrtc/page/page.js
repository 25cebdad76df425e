// SPDX-License-Identifier: Apache-2.0
import {Peer} from './peer.js';
import {Meter, difference, percentile} from './measure.js';

const element = id => document.getElementById(id);
const stage = element('stage');
const videos = [element('input'), element('output')];
let statistics = {};

const inputSize = () => statistics['input-size'] ?? null;
const meters = videos.map(video => new Meter(video, inputSize));

const peer = new Peer({
  video(index, stream) {
    videos[index].srcObject = stream;
    meters[index].reset();
  },
  message(message) {
    if (message.type === 'statistics') showStatistics(message);
    if (message.type === 'controls') showControls(message.values);
    if (message.type === 'refused') showRefusal(message.why);
  },
  state: showState,
});

// ---- State -----------------------------------------------------------------------------------

let connection = {state: 'connecting', text: 'Connecting'};

function showState(state, text) {
  connection = {state, text};
  refreshState();
}

// The connection comes first; when that is well, what the server has to say.
function refreshState() {
  let {state, text} = connection;
  if (state === 'live' && statistics.state === 'loading') {
    [state, text] = ['connecting', 'The server loads the model.'];
  } else if (state === 'live' && statistics['source-up'] === false) {
    [state, text] = ['connecting', 'The server waits for its source.'];
  } else if (state === 'live' && !element('output').videoWidth) {
    [state, text] = ['connecting', 'The first chunk is being computed.'];
  }
  const words = {live: 'Live', connecting: 'Waiting', lost: 'Lost'};
  element('status').dataset.state = state;
  element('status').textContent = words[state];
  element('message').textContent = text;
  element('message').hidden = !text;
  stage.classList.toggle('stale', state === 'lost');
}

// ---- Statistics ------------------------------------------------------------------------------

const size = pair => pair ? `${pair[0]}×${pair[1]}` : '';

function showStatistics(message) {
  statistics = message;
  const [input, output] = [statistics['input-size'], statistics['output-size']];
  if (output) stage.style.setProperty('--ratio', output[0] / output[1]);
  element('input-label').textContent = `Input ${size(input)}, scaled by the browser`;
  element('output-label').textContent = `FlashVSR ${size(output)}`;
  const codec = {vp8: 'VP8', h264: 'H.264'}[statistics.codec];
  element('format').textContent = output ? `${size(input)} → ${size(output)}, ${codec}` : '';
  element('server-fps').textContent = statistics.fps.toFixed(1);
  const ms = name => Math.round(statistics[name] / 1e6);
  element('chunk').textContent =
    statistics['chunk-time-p50'] ? `${ms('chunk-time-p50')} / ${ms('chunk-time-p99')} ms` : '–';
  element('viewers').textContent = statistics.viewers;
  for (const name of ['dropped', 'replaced']) {
    element(name).textContent = statistics[name];
    element(name).classList.toggle('warn', statistics[name] > 0);
  }
  refreshState();
}

function showMeasurements() {
  const [input, output] = meters;
  const live = connection.state === 'live';
  element('fps').textContent = live ? output.fps().toFixed(1) : '–';
  const latency = live ? output.latency(peer.clock) : null;
  element('latency').textContent = latency === null ? '–' : `${(latency / 1000).toFixed(2)} s`;
  refreshState();
  const both = live && input.code && output.code;
  const apart = both && difference(input.code.time, output.code.time) - (input.code.at - output.code.at);
  element('offset').textContent = both ? `${Math.round(apart)} ms` : '–';
  drawIntervals(output.intervals);
}

// ---- Frame intervals -------------------------------------------------------------------------

function drawIntervals(intervals) {
  const canvas = element('intervals');
  canvas.width = canvas.clientWidth;
  const context = canvas.getContext('2d');
  const style = getComputedStyle(document.documentElement);
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (intervals.length < 2) return;
  const middle = percentile(intervals, 0.5), slow = percentile(intervals, 0.99);
  element('interval-summary').textContent =
    `median ${middle.toFixed(0)}, 99 % ${slow.toFixed(0)} ms`;
  const end = Math.max(80, 20 * Math.ceil(middle * 2.5 / 20));
  const bars = 80, counts = new Array(bars).fill(0);
  for (const interval of intervals) counts[Math.min(bars - 1, Math.floor(interval / end * bars))]++;
  const most = Math.max(...counts), width = canvas.width / bars, floor = canvas.height - 16;
  context.fillStyle = style.getPropertyValue('--accent');
  counts.forEach((count, i) => {
    const height = count ? Math.max(2, count / most * (floor - 6)) : 0;
    context.fillRect(i * width + 1, floor - height, width - 2, height);
  });
  context.fillStyle = style.getPropertyValue('--line');
  context.fillRect(0, floor, canvas.width, 1);
  context.fillStyle = style.getPropertyValue('--quiet');
  context.font = `11px ${style.fontFamily}`;
  const texts = [['0', 'left', 0], [`${end / 2} ms`, 'center', canvas.width / 2],
                 [`${end} ms and more`, 'right', canvas.width]];
  for (const [text, align, x] of texts) {
    context.textAlign = align;
    context.fillText(text, x, canvas.height - 3);
  }
}

// ---- Controls --------------------------------------------------------------------------------

const SET_PERIOD_MS = 50;  // the server takes so many messages a second and no more
const CONTROLS = ['strength', 'color-fix', 'sparse-ratio', 'time-code'];

// The newest value of each control that is not sent yet.
const unsent = new Map();

function sendSoon(name, value) {
  if (unsent.size === 0) setTimeout(sendUnsent, SET_PERIOD_MS);
  unsent.set(name, value);
}

function sendUnsent() {
  for (const [name, value] of unsent) peer.send({type: 'set', name, value});
  unsent.clear();
}

for (const name of CONTROLS) {
  const control = element(name);
  control.addEventListener('input', () => {
    element('refusal').hidden = true;
    const value = control.type === 'checkbox' ? control.checked
      : control.type === 'range' ? control.valueAsNumber : control.value;
    showValue(name, value);
    sendSoon(name, value);
  });
}

// What the element says it has, whoever changed it.
function showControls(values) {
  for (const name of CONTROLS) {
    const control = element(name);
    if (control.matches(':active')) continue;  // it is being dragged
    if (control.type === 'checkbox') control.checked = values[name];
    else control.value = values[name];
    showValue(name, values[name]);
  }
}

function showValue(name, value) {
  const output = element(`${name}-value`);
  if (output) output.textContent = value.toFixed(name === 'strength' ? 2 : 1);
}

function showRefusal(why) {
  element('refusal').textContent = why;
  element('refusal').hidden = false;
}

// ---- Divider ---------------------------------------------------------------------------------

const divider = element('divider');

function moveDivider(percent) {
  const place = Math.min(100, Math.max(0, percent));
  stage.style.setProperty('--split', `${place}%`);
  divider.setAttribute('aria-valuenow', Math.round(place));
}

function follow(event) {
  const box = stage.getBoundingClientRect();
  moveDivider(100 * (event.clientX - box.left) / box.width);
}

stage.addEventListener('pointerdown', event => {
  stage.setPointerCapture(event.pointerId);
  follow(event);
});
stage.addEventListener('pointermove', event => {
  if (stage.hasPointerCapture(event.pointerId)) follow(event);
});
divider.addEventListener('keydown', event => {
  const steps = {ArrowLeft: -2, ArrowRight: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100};
  if (!(event.key in steps)) return;
  event.preventDefault();
  moveDivider(Number(divider.getAttribute('aria-valuenow')) + steps[event.key]);
});

moveDivider(50);
setInterval(showMeasurements, 500);
