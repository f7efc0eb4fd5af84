// @ts-check
import { median, ratio } from './numbers.js';
import { OURS_AND_LIMITS, PEERS, PROGRAMS } from './programs.js';
import { Results } from './results.js';

/** @typedef {import('./results.js').Server} Server */

/**
 * A drawing (SVG) of every server's requests per second, as multiples of what the limit with one commit per request reaches.
 * @param {import('./run.js').Run} run
 */
export function chart({ samples, connections }) {
  const results = new Results(samples);
  const panels = panelsOf(results, connections);
  const most = Math.max(1, ...panels.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const rows = Math.ceil(panels.length / COLUMNS);
  const heights = Array.from({ length: rows }, (_, row) =>
    Math.max(
      ...panels.slice(row * COLUMNS, (row + 1) * COLUMNS).map(({ bars }) => TITLE + bars.length * BAR),
    ),
  );
  const tops = heights.map((_, row) => sum(heights.slice(0, row)) + row * GAP + HEAD);
  const width = MARGIN * 2 + COLUMNS * PANEL + (COLUMNS - 1) * GAP;
  const height = HEAD + sum(heights) + rows * GAP;
  const drawn = panels.map((panel, i) => {
    const x = MARGIN + (i % COLUMNS) * (PANEL + GAP);
    return drawPanel(panel, x, tops[Math.floor(i / COLUMNS)] ?? 0, (PANEL - LABEL - VALUE) / most);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>Requests per second beside a hand-written server with one commit per request</title>
<style>${STYLE}</style>
<rect class="paper" width="${width}" height="${height}" rx="8"/>
<text class="head" x="${MARGIN}" y="28">Requests per second with ${connections} connections. 1 is a hand-written server with one commit per request.</text>
<text x="${MARGIN}" y="46">Blue is ours, grey the limits, yellow the peers. The durability is \u201cprocess\u201d, but where \u201cpower\u201d is said.</text>
${drawn.join('\n')}
</svg>
`;
}

const [COLUMNS, MARGIN, GAP, HEAD] = [2, 20, 28, 72];
const [PANEL, LABEL, VALUE] = [430, 130, 40];
const [TITLE, BAR] = [24, 18];

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #24292f }
.head { font-size: 14px; font-weight: 600 }
.title { font-weight: 600 }
.paper { fill: #ffffff }
.label { text-anchor: end }
.value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
.ours { fill: #0969da }
.limit { fill: #6e7781 }
.peer { fill: #bf8700 }
.one { stroke: #24292f; stroke-dasharray: 3 3 }
text.ours { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .paper { fill: #0d1117 }
  .value { stroke: #0d1117 }
  .ours { fill: #58a6ff }
  .limit { fill: #8b949e }
  .peer { fill: #d29922 }
  .one { stroke: #e6edf3 }
}
`;

/** @typedef {{ label: string, kind: 'ours' | 'limit' | 'peer', value: number }} Bar */
/** @typedef {{ title: string, bars: Bar[] }} Panel */

/**
 * @param {Results} results
 * @param {number} connections
 * @returns {Panel[]}
 */
function panelsOf(results, connections) {
  const one = serverAt('one-commit', 'process', connections);
  return results.workloads(one).map(({ name, title }) => {
    const bars = shown(connections).map(({ label, kind, server }) => {
      return { label, kind, value: median(results.ratios(name, server, one, 'rate')) };
    });
    return { title, bars: bars.filter(({ value }) => !Number.isNaN(value)) };
  });
}

/** @param {number} connections */
function shown(connections) {
  return [
    { label: 'tsgi', kind: kind('ours'), server: serverAt('tsgi', 'process', connections) },
    { label: 'tsgi, power', kind: kind('ours'), server: serverAt('tsgi', 'power', connections) },
    ...OURS_AND_LIMITS.slice(1).map((name) => bar(name, kind('limit'), connections)),
    ...PEERS.map((name) => bar(name, kind('peer'), connections)),
  ];
}

/**
 * @param {Server['server']} name
 * @param {Bar['kind']} kind
 * @param {number} connections
 */
function bar(name, kind, connections) {
  return { label: PROGRAMS[name].name, kind, server: serverAt(name, 'process', connections) };
}

/** @param {Bar['kind']} name */
function kind(name) {
  return name;
}

/**
 * @param {Server['server']} server
 * @param {Server['durability']} durability
 * @param {number} connections
 * @returns {Server}
 */
function serverAt(server, durability, connections) {
  return { server, durability, connections };
}

/**
 * @param {Panel} panel
 * @param {number} x
 * @param {number} y
 * @param {number} scale Pixels of 1.
 */
function drawPanel({ title, bars }, x, y, scale) {
  const zero = x + LABEL;
  const end = y + TITLE + bars.length * BAR;
  return [
    `<text class="title" x="${zero}" y="${y + 12}">${title}</text>`,
    `<path class="one" d="M${round(zero + scale)} ${y + TITLE - 4}V${end}"/>`,
    ...bars.map((one, i) => drawBar(one, zero, y + TITLE + i * BAR, scale)),
  ].join('\n');
}

/**
 * @param {Bar} bar
 * @param {number} x
 * @param {number} y
 * @param {number} scale
 */
function drawBar({ label, kind, value }, x, y, scale) {
  const length = round(value * scale);
  const middle = y + 13;
  return [
    `<text class="label${kind === 'ours' ? ' ours' : ''}" x="${x - 6}" y="${middle}">${label}</text>`,
    `<rect class="${kind}" x="${x}" y="${y + 2}" width="${length}" height="${BAR - 4}" rx="2"/>`,
    `<text class="value" x="${round(x + length + 5)}" y="${middle}">${ratio(value)}</text>`,
  ].join('');
}

/** @param {readonly number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
