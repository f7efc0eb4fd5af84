import { html, Html } from 'tsgi';

/** A page of the examples. The style sheet is inside, so that each chapter shows its pages by itself. */
export function layout(title: string, content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · TSGI</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <a href="/"><strong>TSGI</strong> examples</a>
        </header>
        <main>
          <h1>${title}</h1>
          ${content}
        </main>
      </body>
    </html> `;
}

/** Links that look like what to do next. */
export function actions(...links: readonly Link[]): Html {
  return html`<nav>${links.map(([url, text]) => html`<a href="${url}">${text}</a>`)}</nav>`;
}

export type Link = readonly [url: string, text: string];

const STYLE = `
:root { color-scheme: light dark; --ground: #faf9f7; --card: #fff; --ink: #201d1a; --soft: #6d675f; --line: #e5e0d8; --accent: #0b6b5d; --on-accent: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #171614; --card: #1f1d1b; --ink: #ebe7e1; --soft: #a19a91; --line: #35312d; --accent: #6fd3c1; --on-accent: #10201d; }
}
* { box-sizing: border-box; }
body { max-width: 43rem; margin: 0 auto; padding: 1.25rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
  font: 1.0625rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere; }
header a { display: inline-block; padding: .25rem 0; color: var(--soft); text-decoration: none; }
header strong { color: var(--accent); letter-spacing: .08em; }
h1 { margin: 2.25rem 0 .75rem; font-size: clamp(1.9rem, 7vw, 2.6rem); line-height: 1.15; letter-spacing: -.02em; }
h2 { margin: 0; font-size: 1.2rem; line-height: 1.4; }
p { margin: .25rem 0; }
a { color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: .2rem solid var(--accent); outline-offset: .15rem; }
code, td, .data { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .88em; }

.card { margin: 1.25rem 0 0; padding: .9rem 1.25rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--card); }
.card:empty { display: none; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 0 1.25rem; }
.number { font-size: 3.5rem; font-weight: 700; line-height: 1.2; font-variant-numeric: tabular-nums; }

ol { margin: 0; padding: 0; list-style: none; }
li { position: relative; }
li:hover { border-color: var(--accent); }
li a::after { content: ""; position: absolute; inset: 0; }
li code { color: var(--soft); }

nav, .buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0 .25rem; }
nav a, button { padding: .5rem 1.1rem; border: 1px solid var(--accent); border-radius: .5rem; background: none; color: var(--accent);
  font: inherit; font-weight: 600; text-decoration: none; cursor: pointer; }
nav a:first-child, button:first-child { background: var(--accent); color: var(--on-accent); }
nav a:hover, button:hover { text-decoration: underline; }

label { display: block; margin: 1.25rem 0; font-weight: 600; }
input, textarea { display: block; width: 100%; margin-top: .35rem; padding: .6rem .75rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--card); color: inherit; font: inherit; font-weight: 400; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .7rem 1rem .7rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: baseline; }
th { min-width: 8rem; }
td { width: 100%; white-space: pre-wrap; }
@media (max-width: 30rem) { th, td { display: block; } th { padding-bottom: 0; border: 0; } }
`;
