/**
 * A result as text and as a page. All of it also runs in a browser.
 *
 * @module convmark/report
 */
export { formatFixed, formatMeasured, formatUpperPercent, type Measured } from '../digits.ts'
export { formatTime, hasStepLine, passLine, shapeLine, stepLine } from './classic.ts'
export * from './format.ts'
export type { ReportOptions } from './html/page.ts'
export { type NamedResult, reportHtml } from './html/report.ts'
export { commonExtent, type RobustExtent, robustExtent } from './outliers.ts'
