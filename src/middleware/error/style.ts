/** The style sheet of the error pages: light or dark as the reader likes, from a phone's width up, nothing to load. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #faf9f7; --card: #fff; --ink: #201d1a; --soft: #6d675f; --line: #e5e0d8;
  --accent: #b4231f; --here: #fdebe8; --code: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #171614; --card: #1f1d1b; --ink: #ebe7e1; --soft: #a19a91; --line: #35312d; --accent: #ff8b80; --here: #40231f; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
code, pre, .frame, .message, table { font-family: var(--code); }
h1, h2, p { margin: 0; }

.plain { display: grid; min-height: 100vh; min-height: 100dvh; place-items: center; padding: 2rem 1.5rem; }
.plain main { width: 100%; max-width: 34rem; border-left: .3rem solid var(--accent); padding: .25rem 0 .25rem 1.75rem; }
.plain .status { color: var(--accent); font: 600 1rem/1 var(--code); letter-spacing: .08em; }
.plain h1 { margin: .5rem 0 1rem; font-size: 1.9rem; line-height: 1.2; }
.plain .detail { white-space: pre-wrap; }
.plain .reference { margin-top: 1.5rem; color: var(--soft); font-size: .9rem; }

.debug header { padding: 1.75rem max(1.25rem, calc(50vw - 34rem)) 0; background: var(--card); border-top: .3rem solid var(--accent); border-bottom: 1px solid var(--line); }
.debug main, .debug footer { padding: 0 max(1.25rem, calc(50vw - 34rem)); }
.debug h1 { margin-top: 1.25rem; color: var(--accent); font-size: 1.3rem; line-height: 1.3; }
.debug h2 { font-size: 1.15rem; }
.debug small { margin-left: .35rem; padding: .1rem .45rem; border: 1px solid var(--line); border-radius: 1rem; color: var(--soft); font: .75rem var(--code); }
.request { color: var(--soft); font-size: .9rem; }
.request strong { margin-right: .5rem; color: var(--ink); }
.message { max-height: 20rem; overflow: auto; margin: .35rem 0 1rem; font-size: 1.1rem; white-space: pre-wrap; }
nav { display: flex; flex-wrap: wrap; gap: 0 1.25rem; margin-top: 1.25rem; font-size: .9rem; }
nav a { padding: .6rem 0; color: var(--ink); text-decoration: none; border-bottom: 2px solid transparent; }
nav a:hover, nav a:focus { border-color: var(--accent); }
nav .reference { margin-left: auto; padding: .6rem 0; color: var(--soft); }
section { padding-top: 1.75rem; }
article + article { margin-top: 2rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
.relation { color: var(--soft); font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; }
article h2 { color: var(--accent); }
article .message { font-size: 1rem; }
.none { color: var(--soft); }

.frames, #environ details { border: 1px solid var(--line); border-radius: .5rem; background: var(--card); overflow: hidden; }
.frames > * + * { border-top: 1px solid var(--line); }
#environ details { margin-top: .75rem; }
summary, .frames > p { padding: .55rem .9rem; }
summary { cursor: pointer; }
summary:hover { background: var(--ground); }
.frame { font-size: .85rem; }
.call { font-weight: 600; }
.place { color: var(--soft); }
.foreign { color: var(--soft); font-size: .85rem; }
.foreign p { padding: .15rem .9rem; }
.foreign p:last-child { padding-bottom: .6rem; }
.foreign .call { font-weight: 400; }
pre { margin: 0; padding: .6rem 0; border-top: 1px solid var(--line); overflow-x: auto; font-size: .85rem; line-height: 1.6; tab-size: 4; }
pre code { display: block; width: max-content; min-width: 100%; overflow-wrap: normal; }
.line { display: block; padding-right: 1rem; border-left: .25rem solid transparent; }
.line b { display: inline-block; width: 3.75rem; padding-right: 1rem; color: var(--soft); font-weight: 400; text-align: right; user-select: none; }
.here { border-color: var(--accent); background: var(--here); }
.here b { color: var(--accent); font-weight: 700; }

#layers ol { display: flex; flex-wrap: wrap; gap: .5rem; margin: .75rem 0 0; padding: 0; list-style: none; }
#layers li { padding: .2rem .8rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--card); font: .85rem/1.6 var(--code); }
#layers li + li::before { content: "→"; margin: 0 .5rem 0 -.2rem; color: var(--soft); }
#layers li:last-child { border-color: var(--accent); }
#environ summary { font-weight: 600; }
table { width: 100%; border-collapse: collapse; font-size: .82rem; }
th, td { padding: .35rem .9rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
th { width: 17rem; color: var(--soft); font-weight: 400; }
td { white-space: pre-wrap; }
footer { margin: 2.5rem 0 2rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 40rem) {
  .debug header { padding-top: 1.25rem; }
  nav .reference { margin-left: 0; padding-top: 0; }
  tr, th, td { display: block; width: 100%; }
  tr { padding: .4rem 0; border-top: 1px solid var(--line); }
  th, td { padding: 0 .9rem; border: 0; }
  .line b { width: 2.75rem; padding-right: .6rem; }
}
`;
