// What the page does beyond its first paint: it stays as things are, draws charts that can be asked, and gives commands without leaving.
// Plain JavaScript with checked types, so that it is served as it is written.

/** @typedef {{ kind: string, fromMs: number, toMs: number, label: string }} Span */
/** @typedef {{ kind: string, atMs: number, label: string }} Mark */
/** @typedef {{ title: string, unit: string, baseline: number | null, threshold: number | null, points: [number, number | null][], spans: Span[], marks: Mark[], fromMs: number, toMs: number }} ChartData */

/** The server says at least every 15 s that the line stands. */
const silentMs = 40_000;
const againMs = 5_000;
/** What the server has sent and the page does not show yet, by the name of its region. @type {Map<string, string>} */
const waiting = new Map();

keepLive();
sendCommands();
localTimes(document.body);
addEventListener('load', () => drawCharts(document.body));

/** Parts of the page are replaced as the server sends them; a part somebody is typing in waits. */
function keepLive() {
  const source = document.body.dataset.live;
  if (source === undefined) return;
  const liveness = document.getElementById('liveness');
  /** @type {EventSource | undefined} */
  let events;
  let heardMs = Date.now();
  let lostMs = 0;
  const heard = () => {
    heardMs = Date.now();
    lostMs = 0;
    say(liveness, 'Live.');
  };
  const lost = () => {
    lostMs ||= Date.now();
    const since = new Date(heardMs).toLocaleTimeString();
    say(liveness, `Not live: this is how it was at ${since}. Trying again …`);
  };
  const connect = () => {
    events?.close();
    events = new EventSource(source);
    events.addEventListener('hello', heard);
    events.addEventListener('beat', heard);
    events.addEventListener('region', (event) => {
      heard();
      const { name, html } = JSON.parse(event.data);
      waiting.set(name, html);
      replaceWaiting();
    });
    events.addEventListener('order', (event) => {
      heard();
      putInOrder(JSON.parse(event.data));
    });
    events.addEventListener('error', lost);
  };
  connect();
  // A browser gives up for good on any answer but 200, and never notices a line that is only half open.
  const watching = setInterval(() => {
    replaceWaiting();
    const isSilent = Date.now() - heardMs > silentMs;
    if (isSilent) lost();
    const isOver = events?.readyState === EventSource.CLOSED;
    if ((isOver || isSilent) && Date.now() - lostMs > againMs) {
      lostMs = Date.now();
      connect();
    }
  }, 1_000);
  addEventListener('pagehide', () => {
    clearInterval(watching);
    events?.close();
  });
}

/** @param {HTMLElement | null} element @param {string} words */
function say(element, words) {
  if (element !== null && element.textContent !== words) element.textContent = words;
}

function replaceWaiting() {
  for (const [name, html] of waiting) if (replaceRegion(name, html)) waiting.delete(name);
}

/** @param {string} name @param {string} html @returns {boolean} whether it is done with */
function replaceRegion(name, html) {
  const element = document.querySelector(`[data-region="${CSS.escape(name)}"]`);
  // What is not there yet, a product that is new, comes with the order.
  if (!(element instanceof HTMLElement)) return true;
  if (isInUse(element)) return false;
  const open = [...element.querySelectorAll('details[open]')].map(nameOf);
  element.innerHTML = html;
  for (const details of element.querySelectorAll('details')) details.open = open.includes(nameOf(details));
  const tone = element.querySelector('.badge')?.classList[1];
  if (element.classList.contains('card') && tone !== undefined) element.className = `card ${tone}`;
  localTimes(element);
  drawCharts(element);
  return true;
}

/** By what it says, not by its place: other commands may be open now. @param {Element} details */
function nameOf(details) {
  return details.querySelector('summary')?.textContent ?? '';
}

/** Nothing is taken out of the hands of whoever types, or has typed. @param {HTMLElement} element */
function isInUse(element) {
  if (element.querySelector('form[aria-busy]') !== null) return true;
  for (const form of element.querySelectorAll('details[open] form')) {
    if (form.contains(document.activeElement)) return true;
    for (const field of form.querySelectorAll('input, textarea'))
      if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)
        if (field.value !== field.defaultValue) return true;
  }
  return false;
}

/** Worst first, as the server has it; what is new comes with the page. @param {string[]} names */
function putInOrder(names) {
  const parent = document.querySelector('[data-region-parent]');
  const found = names.map((name) => parent?.querySelector(`[data-region="${CSS.escape(name)}"]`));
  if (parent === null || found.includes(null) || parent.children.length !== names.length) {
    if (parent !== null || names.length > 0) location.reload();
    return;
  }
  found.forEach((element, index) => {
    if (element != null && parent.children[index] !== element)
      parent.insertBefore(element, parent.children[index] ?? null);
  });
}

/** Forms give their command in place; the answer, accepted or the reason of refusal, stands above and is read out. */
function sendCommands() {
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.command === undefined) return;
    event.preventDefault();
    void command(form);
  });
}

/** @param {HTMLFormElement} form */
async function command(form) {
  const button = form.querySelector('button');
  form.setAttribute('aria-busy', 'true');
  if (button !== null) button.disabled = true;
  const { ok, words } = await send(form);
  form.removeAttribute('aria-busy');
  if (button !== null) button.disabled = false;
  answer(words, ok);
  if (!ok) return;
  form.reset();
  form.closest('details')?.removeAttribute('open');
  if (document.body.dataset.live === undefined) location.reload();
}

/** @param {HTMLFormElement} form @returns {Promise<{ ok: boolean, words: string }>} */
async function send(form) {
  const { csrf, ...fields } = Object.fromEntries(new FormData(form));
  const said = Object.entries(fields).filter(([, value]) => String(value).trim() !== '');
  const body = Object.fromEntries(
    said.map(([name, value]) => [name, name === 'minutes' ? Number(value) : value]),
  );
  const target = new URL(form.action);
  try {
    const response = await fetch(`/v1${target.pathname}${target.search}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-csrf-token': String(csrf) },
      body: JSON.stringify(body),
    });
    const { accepted = response.ok, reason, error } = await response.json();
    return {
      ok: accepted,
      words: `${accepted ? 'Accepted' : 'Refused'}: ${reason ?? error ?? response.status}`,
    };
  } catch (error) {
    return { ok: false, words: `The command could not be sent: ${error}` };
  }
}

/** @param {string} words @param {boolean} ok */
function answer(words, ok) {
  const said = document.getElementById('said');
  if (said === null) return;
  const line = document.createElement('p');
  line.className = ok ? 'notice' : 'notice bad';
  line.textContent = words;
  said.replaceChildren(line);
  line.scrollIntoView({ block: 'nearest' });
}

/** Times are UTC, as in chats and logs; the reader's own stands behind each. @param {Element} within */
function localTimes(within) {
  for (const element of within.querySelectorAll('time')) {
    element.title = new Date(element.dateTime).toLocaleString(undefined, {
      dateStyle: 'medium',
      timeStyle: 'long',
    });
  }
}

/** In place of the picture that came with the page: the same, and it says what it is at each moment. @param {Element} within */
function drawCharts(within) {
  if (!('uPlot' in window)) return;
  for (const figure of within.querySelectorAll('[data-chart]')) {
    const canvas = figure.querySelector('.canvas');
    const data = figure.querySelector('script')?.textContent;
    if (!(canvas instanceof HTMLElement) || data == null) continue;
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      drawChart(canvas, JSON.parse(data));
    });
    watcher.observe(canvas);
  }
}

/** @param {HTMLElement} canvas @param {ChartData} data */
function drawChart(canvas, data) {
  const style = getComputedStyle(document.documentElement);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const words = canvas.querySelector('svg')?.getAttribute('aria-label') ?? data.title;
  const [times, values] = [data.points.map(([atMs]) => atMs / 1_000), data.points.map(([, value]) => value)];
  const flat = (/** @type {number | null} */ level) => times.map(() => level);
  const span = data.toMs - data.fromMs;
  const clock = span < 600_000 ? '{HH}:{mm}:{ss}' : '{HH}:{mm}';
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--grid'), width: 1 },
    font: '11px system-ui',
  };
  const highest = Math.max(0, data.baseline ?? 0, data.threshold ?? 0, ...values.map((value) => value ?? 0));
  canvas.replaceChildren();
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', words);
  // @ts-expect-error uPlot is a script of its own
  const plot = new uPlot(
    {
      width: canvas.clientWidth,
      height: 200,
      tzDate: (/** @type {number} */ seconds) => uPlotDate(seconds),
      cursor: { sync: { key: 'watch' }, drag: { x: true, y: false } },
      scales: {
        x: { range: () => [data.fromMs / 1_000, data.toMs / 1_000] },
        y: { range: [0, highest * 1.08 || 1] },
      },
      axes: [
        { ...axis, values: uPlotTimes(clock) },
        { ...axis, size: 60 },
      ],
      legend: { live: true },
      series: [
        { label: 'UTC', value: clockFormat('{HH}:{mm}:{ss}') },
        { label: `${data.title} ${data.unit}`, stroke: colour('--line'), width: 1.5, spanGaps: false },
        {
          label: 'baseline',
          stroke: colour('--baseline'),
          width: 1,
          dash: [2, 3],
          show: data.baseline !== null,
        },
        {
          label: 'threshold',
          stroke: colour('--threshold'),
          width: 1.5,
          dash: [6, 4],
          show: data.threshold !== null,
        },
      ],
      hooks: {
        drawClear: [(/** @type {any} */ drawn) => drawSpans(drawn, data.spans, colour)],
        draw: [(/** @type {any} */ drawn) => drawMarks(drawn, data.marks, colour)],
      },
    },
    [times, values, flat(data.baseline), flat(data.threshold)],
    canvas,
  );
  new ResizeObserver(() => plot.setSize({ width: canvas.clientWidth, height: 200 })).observe(canvas);
}

/** @param {string} format @returns {(self: unknown, seconds: number | null) => string} */
function clockFormat(format) {
  // @ts-expect-error uPlot is a script of its own
  const write = uPlot.fmtDate(format);
  return (_, seconds) => (seconds === null ? '' : write(uPlotDate(seconds)));
}

/** @param {string} format @returns {(self: unknown, times: number[]) => string[]} */
function uPlotTimes(format) {
  const write = clockFormat(format);
  return (_, times) => times.map((seconds) => write(null, seconds));
}

/** @param {number} seconds */
function uPlotDate(seconds) {
  // @ts-expect-error uPlot is a script of its own
  return uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC');
}

/** @param {any} plot @param {Span[]} spans @param {(name: string) => string} colour */
function drawSpans(plot, spans, colour) {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const { kind, fromMs, toMs } of spans) {
    const left = plot.valToPos(fromMs / 1_000, 'x', true);
    const right = plot.valToPos(toMs / 1_000, 'x', true);
    ctx.fillStyle = colour(`--span-${kind}`);
    ctx.fillRect(left, bbox.top, Math.max(1, right - left), bbox.height);
  }
  ctx.restore();
}

/** @param {any} plot @param {Mark[]} marks @param {(name: string) => string} colour */
function drawMarks(plot, marks, colour) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = `${10 * devicePixelRatio}px system-ui`;
  for (const [index, { kind, atMs, label }] of marks.entries()) {
    const x = plot.valToPos(atMs / 1_000, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colour(`--mark-${kind}`);
    ctx.setLineDash([]);
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    // One below the other: what happened in one moment stays readable. Near the right edge to the left of its line.
    const fits = x + ctx.measureText(label).width + 8 < bbox.left + bbox.width;
    ctx.textAlign = fits ? 'left' : 'right';
    ctx.fillStyle = colour('--ink');
    ctx.fillText(label, fits ? x + 4 : x - 4, bbox.top + (index + 1) * 12 * devicePixelRatio);
  }
  ctx.restore();
}
