import { html, type Markup } from './markup.ts'

/** Of a contact sheet alone, beside the style of every page. */
export const SHEET_STYLE: Markup = html`<style>
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(168px, 1fr)); gap: 12px; margin: 12px 0; }
.sheet > li { margin: 0; padding: 0 0 8px; overflow: hidden; break-inside: avoid; content-visibility: auto; contain-intrinsic-size: auto 168px auto 360px; }
.sheet .thumbnail { display: block; width: 100%; height: auto; aspect-ratio: 1; margin: 0; object-fit: cover; }
.sheet .none { display: grid; place-content: center; background: var(--band); color: var(--quiet); font-size: 13px; }
.sheet h4, .sheet ol, .sheet .fault { margin: 8px 10px 0; font-size: 13px; line-height: 1.35; }
.sheet ol li { font-variant-numeric: tabular-nums; display: grid; grid-template-columns: 1fr auto; gap: 2px 8px; margin: 7px 0 0; }
.sheet span:first-child { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; line-clamp: 2; overflow: hidden; }
.sheet ol li:first-child span:first-child { -webkit-line-clamp: 3; line-clamp: 3; }
.sheet ol li:first-child { font-weight: 600; }
.sheet i { grid-column: 1 / -1; height: 5px; border-radius: 2px; background: linear-gradient(var(--blue), var(--blue)) left / var(--share) 100% no-repeat var(--band); print-color-adjust: exact; }
.fault { color: var(--bad); }
@media (max-width: 640px) {
  .sheet { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px; }
}
</style>`
