// @ts-check
import { drawing, round } from './drawing.js';

/** @typedef {{ name: string, points: readonly (readonly [x: number, y: number])[] }} Line */

/**
 * @typedef {object} Panel
 * @property {string} title
 * @property {readonly string[]} ticks What stands below the axis, from the left. A point's x counts them from 0 on.
 * @property {readonly Line[]} lines
 */

/**
 * A drawing (SVG) of panels beside each other, each with its lines above an axis of steps. Upwards it is factors that
 * count: from 1 to 10 is as far as from 10 to 100.
 * @param {string} title
 * @param {readonly Panel[]} panels
 */
export function lineChart(title, panels) {
  const values = panels.flatMap(({ lines }) => lines.flatMap((line) => known(line).map(([, y]) => y)));
  const scale = scaleOf(values);
  const width = MARGIN + panels.length * (PANEL + GAP);
  const drawn = panels.map((panel, i) => drawPanel(panel, MARGIN + i * (PANEL + GAP), scale));
  const names = panels[0]?.lines.map(({ name }) => name) ?? [];
  return drawing({ title, style: STYLE, width, height: HEIGHT }, [
    `<text class="head" x="16" y="28">${title}</text>`,
    ...names.map(drawName),
    ...drawn,
  ]);
}

const [MARGIN, PANEL, GAP, HEIGHT] = [52, 260, 70, 380];
const [TOP, BOTTOM] = [104, HEIGHT - 38];

const COLOURS = ['blue', 'orange', 'green', 'purple'];
const STYLE = `
.grid { stroke: var(--faint) }
.middle { text-anchor: middle }
.end { text-anchor: end }
.line { fill: none; stroke-width: 2 }
${COLOURS.map((name, i) => `.s${i} { stroke: var(--${name}) } .d${i} { fill: var(--${name}) }`).join('\n')}
`;

/** @typedef {{ marks: number[], y: (value: number) => number }} Scale */

/**
 * From a mark below the least to one above the most.
 * @param {readonly number[]} values
 * @returns {Scale}
 */
function scaleOf(values) {
  const from = MARKS.findLast((mark) => mark <= Math.min(...values)) ?? MARKS[0] ?? 1;
  const to = MARKS.find((mark) => mark >= Math.max(...values)) ?? Math.max(...values);
  const unit = (BOTTOM - TOP) / Math.log(to / from);
  return {
    marks: MARKS.filter((mark) => mark >= from && mark <= to),
    y: (value) => round(BOTTOM - Math.log(value / from) * unit),
  };
}

const MARKS = [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000].flatMap((power) => [
  power,
  2 * power,
  5 * power,
]);

/**
 * @param {string} name
 * @param {number} i
 */
function drawName(name, i) {
  const x = 16 + i * NAME;
  return `<rect class="d${i}" x="${x}" y="46" width="14" height="4"/><text x="${x + 20}" y="52">${name}</text>`;
}

const NAME = 180;

/**
 * @param {Panel} panel
 * @param {number} left
 * @param {Scale} scale
 */
function drawPanel({ title, ticks, lines }, left, { marks, y }) {
  const x = (/** @type {number} */ at) => round(left + (at * PANEL) / Math.max(1, ticks.length - 1));
  const grid = marks.map(
    (mark) =>
      `<path class="grid" d="M${left} ${y(mark)}H${left + PANEL}"/><text class="end" x="${left - 5}" y="${y(mark) + 4}">${mark}</text>`,
  );
  const below = ticks.map((tick, i) => `<text class="middle" x="${x(i)}" y="${BOTTOM + 20}">${tick}</text>`);
  return [
    `<text class="title" x="${left}" y="${TOP - 16}">${title}</text>`,
    ...grid,
    ...below,
    ...lines.map((line, i) =>
      drawLine(
        known(line).map(([at, value]) => [x(at), y(value)]),
        i,
      ),
    ),
  ].join('\n');
}

/**
 * @param {readonly (readonly [x: number, y: number])[]} points In pixels.
 * @param {number} i
 */
function drawLine(points, i) {
  const dots = points.map(([x, y]) => `<circle class="d${i}" cx="${x}" cy="${y}" r="3"/>`);
  return `<polyline class="line s${i}" points="${points.map((point) => point.join(',')).join(' ')}"/>${dots.join('')}`;
}

/**
 * Without those that could not be measured.
 * @param {Line} line
 */
function known({ points }) {
  return points.filter(([, y]) => Number.isFinite(y) && y > 0);
}
