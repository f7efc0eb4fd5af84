// @ts-check
import { median, ratio } from './numbers.js';
import { PEERS, PROGRAMS } from './programs.js';
import { Results } from './results.js';

/** @typedef {import('./results.js').Server} Server */

/**
 * A drawing (SVG) of every server's requests per second, as multiples of what the limit with one commit per request reaches.
 * @param {import('./run.js').Run} run
 */
export function chart({ samples, connections }) {
  const panels = panelsOf(new Results(samples), connections);
  const most = Math.max(1, ...panels.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const drawn = [];
  let top = HEAD;
  for (let i = 0; i < panels.length; i += COLUMNS) {
    const row = panels.slice(i, i + COLUMNS);
    drawn.push(
      ...row.map((panel, column) => drawPanel(panel, MARGIN + column * (PANEL + GAP), top, BARS / most)),
    );
    top += TITLE + Math.max(...row.map(({ bars }) => bars.length)) * BAR + GAP;
  }
  return sheet(drawn, top, connections);
}

/** Pixels. A panel holds the bars, left of them the names and right of them room for the value of the longest. */
const [MARGIN, GAP, HEAD, TITLE, BAR] = [20, 28, 72, 24, 18];
const [LABEL, BARS, VALUE] = [130, 260, 40];
const PANEL = LABEL + BARS + VALUE;
const COLUMNS = 2;
const WIDTH = 2 * MARGIN + COLUMNS * PANEL + (COLUMNS - 1) * GAP;

/**
 * @param {readonly string[]} panels
 * @param {number} height
 * @param {number} connections
 */
function sheet(panels, height, connections) {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>Requests per second beside a hand-written server with one commit per request</title>
<style>${STYLE}</style>
<rect class="paper" width="${WIDTH}" height="${height}" rx="8"/>
<text class="head" x="${MARGIN}" y="28">Requests per second with ${connections} connections. 1 is a hand-written server with one commit per request.</text>
<text x="${MARGIN}" y="46">Blue is ours, grey the limits, yellow the peers. The durability is “process”, but where “power” is said.</text>
${panels.join('\n')}
</svg>
`;
}

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

/** @typedef {'ours' | 'limit' | 'peer'} Kind */
/** @typedef {{ label: string, kind: Kind, value: number }} Bar */
/** @typedef {{ title: string, bars: Bar[] }} Panel */

/**
 * @param {Results} results
 * @param {number} connections
 * @returns {Panel[]}
 */
function panelsOf(results, connections) {
  /** @type {Server} */
  const one = { server: 'one-commit', durability: 'process', connections };
  return results.workloads(one).map(({ name, title }) => {
    const bars = SHOWN.map(({ server, durability = 'process', label = PROGRAMS[server].name, kind }) => {
      const rates = results.ratios(name, { server, durability, connections }, one, 'rate');
      return { label, kind, value: median(rates) };
    });
    return { title, bars: bars.filter(({ value }) => !Number.isNaN(value)) };
  });
}

/** @type {readonly { server: Server['server'], durability?: Server['durability'], label?: string, kind: Kind }[]} */
const SHOWN = [
  { server: 'tsgi', kind: 'ours' },
  { server: 'tsgi', durability: 'power', label: 'tsgi, power', kind: 'ours' },
  { server: 'one-commit', kind: 'limit' },
  { server: 'group-commit', kind: 'limit' },
  ...PEERS.map((server) => ({ server, kind: /** @type {const} */ ('peer') })),
];

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

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
