// @ts-check

/**
 * @typedef {object} Sheet
 * @property {string} title
 * @property {string} style In CSS, with the colours by their names: `var(--blue)`.
 * @property {number} width In pixels.
 * @property {number} height
 */

/**
 * A drawing (SVG) that is dark where its reader's screen is.
 * @param {Sheet} sheet
 * @param {readonly string[]} parts
 */
export function drawing({ title, style, width, height }, parts) {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>
<style>${COMMON}${style}</style>
<rect class="paper" width="${width}" height="${height}" rx="8"/>
${parts.join('\n')}
</svg>
`;
}

/**
 * To a tenth of a pixel.
 * @param {number} value
 */
export function round(value) {
  return Math.round(value * 10) / 10;
}

/** @type {readonly (readonly [name: string, light: string, dark: string])[]} */
const COLOURS = [
  ['ink', '#24292f', '#e6edf3'],
  ['paper', '#ffffff', '#0d1117'],
  ['faint', '#d0d7de', '#30363d'],
  ['grey', '#6e7781', '#8b949e'],
  ['blue', '#0969da', '#58a6ff'],
  ['orange', '#bc4c00', '#f0883e'],
  ['yellow', '#bf8700', '#d29922'],
  ['green', '#1a7f37', '#3fb950'],
  ['purple', '#8250df', '#bc8cff'],
];

const COMMON = `
svg { ${COLOURS.map(([name, light]) => `--${name}: ${light}`).join('; ')} }
@media (prefers-color-scheme: dark) {
  svg { ${COLOURS.map(([name, , dark]) => `--${name}: ${dark}`).join('; ')} }
}
text { font: 12px system-ui, sans-serif; fill: var(--ink) }
.head { font-size: 14px; font-weight: 600 }
.title { font-weight: 600 }
.paper { fill: var(--paper) }`;
