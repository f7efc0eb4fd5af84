// @ts-check
import { drawing, round } from './drawing.js';
import { figure, median } from './numbers.js';
import { PEERS, PROGRAMS } from '../plan/programs.js';
import { Results } from './results.js';

/** @typedef {import('./results.js').Server} Server */

/**
 * A drawing (SVG) of every server's requests per second, as multiples of what the limit with one commit per request reaches.
 * @param {import('../run.js').Run} run
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
    top += TOP + Math.max(...row.map(({ bars }) => bars.length)) * BAR + GAP;
  }
  return drawing({ title: TITLE, style: STYLE, width: WIDTH, height: top }, [
    `<text class="head" x="${MARGIN}" y="28">Requests per second with ${connections} connections. 1 is a hand-written server with one commit per request.</text>`,
    `<text x="${MARGIN}" y="46">Blue is ours, grey the limits, yellow the peers. The durability is “process”, but where “power” is said.</text>`,
    ...drawn,
  ]);
}

/** Pixels. A panel holds the bars, left of them the names and right of them room for the value of the longest. */
const [MARGIN, GAP, HEAD, TOP, BAR] = [20, 28, 72, 24, 18];
const [LABEL, BARS, VALUE] = [130, 260, 40];
const PANEL = LABEL + BARS + VALUE;
const COLUMNS = 2;
const WIDTH = 2 * MARGIN + COLUMNS * PANEL + (COLUMNS - 1) * GAP;

const TITLE = 'Requests per second beside a hand-written server with one commit per request';
const STYLE = `
.label { text-anchor: end }
.value { paint-order: stroke; stroke: var(--paper); stroke-width: 4px }
.ours { fill: var(--blue) }
.limit { fill: var(--grey) }
.peer { fill: var(--yellow) }
.one { stroke: var(--ink); stroke-dasharray: 3 3 }
text.ours { fill: var(--ink); font-weight: 600 }
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
  const end = y + TOP + bars.length * BAR;
  return [
    `<text class="title" x="${zero}" y="${y + 12}">${title}</text>`,
    `<path class="one" d="M${round(zero + scale)} ${y + TOP - 4}V${end}"/>`,
    ...bars.map((one, i) => drawBar(one, zero, y + TOP + i * BAR, scale)),
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
    `<text class="value" x="${round(x + length + 5)}" y="${middle}">${figure(value)}</text>`,
  ].join('');
}
