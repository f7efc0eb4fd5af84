import type { Format } from './accept.js';
import { debugHtml } from './debug-html.js';
import { headline } from './log.js';
import { reasonOf, statusLine } from './page.js';
import { groupsOf, type Insight } from './insight.js';
import { frameText, type SourceLine } from './stack.js';
import type { Thrown } from './thrown.js';
import { oneLine, visible } from '../../app/visible.js';

/** The development page. */
export function debugPage(insight: Insight, format: Format): string {
  if (format === 'html') return debugHtml(insight);
  return format === 'json' ? asJson(insight) : asText(insight);
}

function asText(insight: Insight): string {
  const { status, reference, request, chain, layers, environ } = insight;
  const head = [
    statusLine(status),
    oneLine(request),
    ...(reference === undefined ? [] : [`Reference: ${reference}`]),
  ];
  const parts = [
    head.join('\n'),
    ...chain.map((thrown) => thrownText(thrown, insight)),
    `Layers: ${[...layers, 'application'].join(' > ')}`,
    ...groupsOf(environ).map(([name, variables]) =>
      [name, ...variables.map(([key, value]) => `  ${oneLine(key)}: ${oneLine(value)}`)].join('\n'),
    ),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The source of a place once: recursion names it often. */
function thrownText(thrown: Thrown, { source }: Insight): string {
  const places = thrown.frames.map(({ place }) => place);
  const calls = thrown.frames.flatMap((frame, i) => [
    `  at ${oneLine(frameText(frame))}`,
    ...(places.indexOf(frame.place) === i ? source(frame).map(sourceText) : []),
  ]);
  return [visible(headline(thrown)), ...calls].join('\n');
}

function sourceText({ number, text, here }: SourceLine): string {
  return `  ${here ? '>' : ' '} ${String(number).padStart(5)} | ${oneLine(text)}`;
}

function asJson(insight: Insight): string {
  const { status, reference, request, chain, layers, environ, source } = insight;
  const errors = chain.map(({ frames, ...thrown }) => ({
    ...thrown,
    frames: frames.map((frame) => ({ call: frame.call, place: frame.place, source: source(frame) })),
  }));
  const page = {
    status,
    title: reasonOf(status),
    reference,
    request,
    errors,
    layers,
    environ: Object.fromEntries(environ),
  };
  return `${JSON.stringify(page, null, 2)}\n`;
}
