# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium, driven by the DevTools protocol over a pipe."""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from cases import PATIENCE

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-extensions',
         '--autoplay-policy=no-user-gesture-required', '--mute-audio', '--remote-debugging-pipe']


class Browser:
    """A Chromium process; `open` gives pages."""

    def __init__(self, *flags):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()
        # Chromium reads commands from descriptor 3 and answers on 4.
        shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(
            ['bash', '-c', shell, 'bash', CHROMIUM, *FLAGS, f'--user-data-dir={self.profile.name}', *flags,
             'about:blank'],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b''
        self.count = 0

    def call(self, method, session=None, timeout=PATIENCE, **params):
        """The result of a command; events that come meanwhile are dropped."""
        self.count += 1
        command = {'id': self.count, 'method': method, 'params': params}
        if session:
            command['sessionId'] = session
        os.write(self.write_end, json.dumps(command).encode() + b'\0')
        end = time.monotonic() + timeout
        while True:
            answer = self.receive(end, method)
            if answer.get('id') == self.count:
                assert 'error' not in answer, f'{method}: {answer["error"]}'
                return answer['result']

    def receive(self, end, method):
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.read_end], [], [], max(0, end - time.monotonic()))
            data = os.read(self.read_end, 1 << 20) if ready else b''
            assert data, f'{method}: the browser does not answer'
            self.buffer += data
        message, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(message)

    def open(self, url, width=1440, height=900):
        return Page(self, url, width, height)

    def close(self):
        os.close(self.write_end)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.read_end)
        self.profile.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Page:
    def __init__(self, browser, url, width, height):
        self.browser = browser
        # A window of its own: what is in a tab behind another one is not drawn.
        self.target = browser.call('Target.createTarget', url='about:blank', newWindow=True, width=width,
                                   height=height)['targetId']
        self.session = browser.call('Target.attachToTarget', targetId=self.target,
                                    flatten=True)['sessionId']
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1,
                  mobile=False)
        self.call('Page.navigate', url=url)
        self.wait('document.readyState === "complete"')

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def js(self, expression):
        """The value of a JavaScript expression."""
        result = self.call('Runtime.evaluate', expression=expression, returnByValue=True,
                           awaitPromise=True)
        assert 'exceptionDetails' not in result, f'{expression}: {result["exceptionDetails"]}'
        return result['result'].get('value')

    def text(self, element):
        return self.js(f'document.getElementById({json.dumps(element)})?.textContent ?? ""')

    def wait(self, expression, seconds=PATIENCE):
        """Until the expression is true; returns its value. Fails with what the page says then."""
        end = time.monotonic() + seconds
        while not (value := self.js(expression)):
            assert time.monotonic() < end, (
                f'not within {seconds} s: {expression}; the page says: '
                f'{self.js("document.body.innerText")!r}')
            time.sleep(0.2)
        return value

    def drag(self, start, end):
        self.call('Input.dispatchMouseEvent', type='mousePressed', x=start[0], y=start[1], button='left',
                  clickCount=1)
        self.call('Input.dispatchMouseEvent', type='mouseMoved', x=end[0], y=end[1], button='left',
                  buttons=1)
        self.call('Input.dispatchMouseEvent', type='mouseReleased', x=end[0], y=end[1], button='left',
                  clickCount=1)

    def screenshot(self, path, **options):
        data = self.call('Page.captureScreenshot', **options)['data']
        path.write_bytes(base64.b64decode(data))

    def close(self):
        self.browser.call('Target.closeTarget', targetId=self.target)
