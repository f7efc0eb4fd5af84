import { html, type Html } from '../../app/html.js';
import { documentOf, reasonOf, statusLine } from './page.js';
import { groupsOf, type Insight, type Variable } from './insight.js';
import type { Frame, SourceLine } from './stack.js';
import type { Thrown } from './thrown.js';
import { oneLine, visible } from '../../app/visible.js';

/** The development page as HTML, without script. */
export function debugHtml(insight: Insight): string {
  const { status, reference, request, chain, layers, environ } = insight;
  const [first] = chain;
  const body = html`<body class="debug">
    <header>
      <p class="request"><strong>${statusLine(status)}</strong> <code>${oneLine(request)}</code></p>
      ${first && title(first, 'h1')}
      <nav>
        <a href="#stack">Stack</a> <a href="#layers">Layers</a>
        <a href="#environ">Environ</a>
        ${reference !== undefined && html`<span class="reference">Reference <code>${reference}</code></span>`}
      </nav>
    </header>
    <main>
      <section id="stack">${chain.map((thrown, i) => thrownSection(thrown, i, insight))}</section>
      <section id="layers">
        <h2>Layers</h2>
        <ol>
          ${[...layers, 'application'].map((name) => html`<li>${visible(name)}</li>`)}
        </ol>
      </section>
      <section id="environ">
        <h2>Environ</h2>
        ${groupsOf(environ).map(environGroup)}
      </section>
    </main>
    <footer>
      <p>
        error() shows this page to local requests because of <code>debug: true</code>. All others get a
        reference only.
      </p>
    </footer>
  </body>`;
  return documentOf(`${first?.name ?? reasonOf(status)}: ${oneLine(first?.message ?? '')}`, body);
}

function title({ name, code, message }: Thrown, heading: 'h1' | 'h2'): Html {
  const words = html`${visible(name)}${code !== undefined && html` <small>${visible(code)}</small>`}`;
  return html`${heading === 'h1' ? html`<h1>${words}</h1>` : html`<h2>${words}</h2>`}
    <p class="message">${visible(message)}</p>`;
}

/** The title of the first stands above already. */
function thrownSection(thrown: Thrown, i: number, { source }: Insight): Html {
  return html`<article>
    ${i > 0 && html`<p class="relation">${visible(thrown.relation)}</p>`} ${i > 0 && title(thrown, 'h2')}
    ${thrown.frames.length > 0 ? stack(thrown.frames, source) : NO_STACK}
  </article>`;
}

const NO_STACK = html`<p class="none">
  No stack. Only an error that is thrown as <code>new Error(…)</code> carries one.
</p>`;

/** The first of the user's own calls is unfolded. */
function stack(frames: readonly Frame[], source: Insight['source']): Html {
  const open = frames.find(isOwn);
  const groups = consecutive(frames, isOwn).map((group) =>
    group.some(isOwn) ? group.map((frame) => own(frame, source(frame), frame === open)) : foreign(group),
  );
  return html`<div class="frames">${groups}</div>`;
}

function isOwn({ file }: Frame): boolean {
  return file !== undefined;
}

function own(frame: Frame, lines: readonly SourceLine[], open: boolean): Html {
  if (lines.length === 0) return html`<p class="frame">${call(frame)}</p>`;
  const rows = lines.map(
    ({ number, text, here }) =>
      html`<span class="${here ? 'line here' : 'line'}"><b>${number}</b>${visible(text)}</span>`,
  );
  const body = html`<summary class="frame">${call(frame)}</summary>
    <pre><code>${rows}</code></pre>`;
  return open ? html`<details open>${body}</details>` : html`<details>${body}</details>`;
}

function foreign(frames: readonly Frame[]): Html {
  const count = frames.length === 1 ? '1 call' : `${frames.length} calls`;
  return html`<details class="foreign">
    <summary>${count} in Node and packages</summary>
    ${frames.map((frame) => html`<p class="frame">${call(frame)}</p>`)}
  </details>`;
}

function call({ call, place }: Frame): Html {
  return html`<span class="call">${visible(call === '' ? '(top)' : call)}</span>
    <span class="place">${visible(place)}</span>`;
}

function environGroup([name, variables]: readonly [string, readonly Variable[]]): Html {
  return html`<details open>
    <summary>${name} <small>${variables.length}</small></summary>
    <table>
      ${variables.map(
        ([key, value]) =>
          html`<tr>
            <th scope="row">${oneLine(key)}</th>
            <td>${oneLine(value)}</td>
          </tr>`,
      )}
    </table>
  </details>`;
}

/** Neighbours of one kind together. */
function consecutive(frames: readonly Frame[], kind: (frame: Frame) => boolean): Frame[][] {
  const groups: Frame[][] = [];
  for (const [i, frame] of frames.entries()) {
    const before = frames[i - 1];
    if (before !== undefined && kind(before) === kind(frame)) groups.at(-1)?.push(frame);
    else groups.push([frame]);
  }
  return groups;
}
