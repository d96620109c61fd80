import { html, type Markup } from './markup.ts'

// Colours are pairs of light and dark; text has a contrast of at least 4.5:1 on both backgrounds.
export const STYLE: Markup = html`<style>
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #14161b);
  --card: light-dark(#ffffff, #1d2027);
  --text: light-dark(#1b1e25, #e9ebf0);
  --quiet: light-dark(#545b68, #a9b0be);
  --edge: light-dark(#d9dde4, #363b46);
  --grid: light-dark(#e4e7ec, #30353f);
  --shade: light-dark(#1b1e2540, #000000cc);
  --band: light-dark(#eef1f5, #262a33);
  --blue: light-dark(#1a5fb4, #7db2ff);
  --pale: light-dark(#a9c8ee, #34557f);
  --orange: light-dark(#a84700, #ffac6b);
  --bad: light-dark(#b00020, #ff9d9d);
  --warn: light-dark(#7a4f00, #f5c35b);
  --good: light-dark(#0f6b39, #73d69b);
  --teal: light-dark(#007a63, #4fd6b0);
  --magenta: light-dark(#a3268f, #f291dd);
  --gold: light-dark(#806300, #e8d154);
  --grey: light-dark(#4a5060, #c3c9d6);
  --right: light-dark(#82aee6, #2d5c99);
  --wrong: light-dark(#f2a673, #8a4515);
}
:root:has(#theme-light:checked) { color-scheme: light; }
:root:has(#theme-dark:checked) { color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main, header, footer { max-width: 1120px; margin: 0 auto; padding: 0 16px; }
header { display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: baseline; justify-content: space-between; padding-top: 24px; }
h1 { font-size: 26px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 21px; margin: 40px 0 8px; }
h3 { font-size: 18px; margin: 0 0 4px; }
h4 { font-size: 15px; margin: 0; }
p { margin: 4px 0 10px; }
ul, ol { margin: 0; padding: 0; list-style: none; }
a { color: var(--blue); }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
.quiet, figcaption p, footer { color: var(--quiet); font-size: 14px; }
.theme { border: 1px solid var(--edge); border-radius: 8px; padding: 2px 10px; margin: 0; font-size: 14px; display: flex; gap: 12px; }
.theme legend { color: var(--quiet); padding: 0 4px; font-size: 12px; }
.theme label { display: inline-flex; align-items: center; gap: 4px; min-height: 28px; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 14px; margin: 8px 0; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 16px; margin: 12px 0; }
.notices li { border-left: 5px solid var(--edge); background: var(--card); border-radius: 4px; padding: 8px 12px; margin: 6px 0; }
.notices .bad { border-color: var(--bad); }
.notices .warn { border-color: var(--warn); }
.notices .good { border-color: var(--good); }
.bad > strong { color: var(--bad); }
.warn > strong { color: var(--warn); }
.good > strong { color: var(--good); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); gap: 10px; margin: 14px 0; }
.figures div { border: 1px solid var(--edge); border-radius: 8px; padding: 8px 12px; }
.figures dt { color: var(--quiet); font-size: 13px; }
.figures dd { margin: 0; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
.figures dd small { display: block; font-size: 13px; font-weight: 400; color: var(--quiet); }
.facts { display: grid; grid-template-columns: minmax(110px, max-content) 1fr; gap: 4px 16px; margin: 0; font-size: 15px; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 8px 28px; }
.chart { margin: 18px 0 0; min-width: 0; }
.plot { padding: 6px 22px 42px max(54px, var(--before)); }
.plot svg { display: block; width: 100%; overflow: visible; }
.plot svg svg { width: 1px; height: 1px; }
.plot svg .canvas { width: 100%; height: 100%; }
p.axis-label { margin: 0; font-size: 12px; color: var(--quiet); }
svg text { font-size: 12px; fill: var(--text); font-variant-numeric: tabular-nums; paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
svg .tick, svg .axis-label { fill: var(--quiet); }
.strips > ol > li { border-top: 1px solid var(--edge); padding: 8px 0; display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 7fr); gap: 4px 20px; align-items: center; }
.strips .axis { padding: 0; }
.strips .plot { padding: 0 max(22px, var(--after)) 0 max(22px, var(--before)); }
.strips li p { margin: 0; font-size: 14px; }
.grid { stroke: var(--grid); stroke-width: 1; }
.reference { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 5 4; }
.limit { stroke: var(--text); stroke-width: 2; }
.interval { stroke: var(--blue); stroke-width: 3; }
.middle { stroke: var(--orange); stroke-width: 3; }
.band { fill: var(--band); }
.hit { fill: transparent; }
.span { fill: var(--orange); fill-opacity: 0.22; }
.bar { fill: var(--pale); stroke: var(--blue); }
.bar.back { fill: var(--blue); }
.bar.beyond { fill: var(--card); stroke: var(--orange); stroke-width: 2; }
.far { fill: var(--orange); stroke: var(--card); }
.cut { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 2 3; }
.bar.change { fill: var(--orange); stroke: var(--orange); }
.sample { fill: var(--blue); fill-opacity: 0.6; }
.first { fill: var(--blue); stroke: var(--card); }
.second { fill: var(--card); stroke: var(--orange); stroke-width: 2; }
.series-1 { --series: var(--blue); }
.series-2 { --series: var(--orange); }
.series-3 { --series: var(--teal); }
.series-4 { --series: var(--magenta); }
.series-5 { --series: var(--gold); }
.series-6 { --series: var(--grey); }
.dash-2 { stroke-dasharray: 8 4; }
.dash-3 { stroke-dasharray: 2 3; }
.dash-4 { stroke-dasharray: 9 3 2 3; }
.curve { fill: none; stroke: var(--series); stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.curve.faint { stroke-width: 1; stroke-opacity: 0.4; stroke-dasharray: none; }
.mark { fill: var(--series); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 13px; color: var(--quiet); margin-bottom: 6px; }
.swatch { vertical-align: -3px; }
.finding { font-size: 15px; }
details { margin: 6px 0; font-size: 14px; }
summary { cursor: pointer; color: var(--blue); padding: 4px 0; }
/* A shadow at an edge behind which there is more, hidden by covers that scroll along to the ends. */
.scroll {
  overflow-x: auto;
  border: 1px solid var(--edge);
  border-radius: 6px;
  overflow-wrap: normal;
  background:
    linear-gradient(to right, var(--card) 55%, transparent) left / 64px 100% no-repeat local,
    linear-gradient(to left, var(--card) 55%, transparent) right / 64px 100% no-repeat local,
    linear-gradient(to right, var(--shade), transparent) left / 28px 100% no-repeat scroll,
    linear-gradient(to left, var(--shade), transparent) right / 28px 100% no-repeat scroll,
    var(--card);
}
.scroll + .scroll { margin-top: 14px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 6px 10px; color: var(--quiet); }
th, td { padding: 5px 10px; border-top: 1px solid var(--edge); vertical-align: top; }
th { font-weight: 600; }
.heat { width: auto; }
.heat th, .heat td { padding: 4px 8px; text-align: right; vertical-align: middle; border: 1px solid var(--grid); }
.heat thead th { writing-mode: vertical-rl; text-align: end; padding: 8px 4px; }
.heat thead span { display: block; max-inline-size: 11em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.heat tbody th { max-width: 16em; overflow-wrap: break-word; }
.heat thead th:first-child { writing-mode: horizontal-tb; vertical-align: bottom; }
.heat .right { background: color-mix(in srgb, var(--right) var(--share), var(--card)); }
.heat .wrong { background: color-mix(in srgb, var(--wrong) var(--share), var(--card)); }
.heat .none { color: var(--quiet); }
.text { text-align: left; min-width: 6em; max-width: 24em; overflow-wrap: break-word; }
.scroll th.text { min-width: 10em; }
.number { text-align: right; white-space: nowrap; }
pre { background: var(--band); border-radius: 6px; padding: 10px 12px; white-space: pre-wrap; font: 14px/1.5 ui-monospace, monospace; margin: 6px 0; }
footer { padding-top: 24px; padding-bottom: 32px; }
@media (max-width: 900px) {
  .strips .plot { padding-right: max(22px, var(--after-short)); }
  .wide { display: none; }
}
@media (max-width: 640px) {
  h1 { font-size: 22px; }
  .card { padding: 12px; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .strips > ol > li { grid-template-columns: minmax(0, 1fr); }
  .facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dd { margin-bottom: 8px; }
  .plot { padding-left: max(44px, var(--before)); padding-right: 14px; }
  .strips .plot { padding: 0 max(14px, var(--after-short)) 0 max(14px, var(--before)); }
  .roomy { display: none; }
}
@media print { body { background: none; } .theme, nav { display: none; } }
</style>`
