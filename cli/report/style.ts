/** The page's style, for light and dark. */
export const style = `
:root { --back: #fff; --text: #1c1e21; --dim: #6a6f76; --line: #d9dce0; --good: #17733b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --back: #17191c; --text: #e6e8ea; --dim: #9aa0a6; --line: #3a3f45; --good: #6fd08c; --bad: #ff8a80; }
}
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { font-weight: 600; } .clean { color: var(--good); } .found { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.5rem; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem 1rem .25rem 0; text-align: left; vertical-align: top; }
th { color: var(--dim); font-weight: 500; }
td + td { overflow-wrap: anywhere; }
.u-legend { color: var(--text); font-size: 13px; }
.u-legend th, .u-legend td { border: 0; padding: .1rem .3rem; }
`;
