// The frame of every page.
import { type Rules, someText } from '../../check-options.ts'
import { type Content, html, type Markup } from './markup.ts'
import { STYLE } from './style.ts'

/** What a report says of itself. */
export interface ReportOptions {
  /** The command that made the report. */
  readonly command: string
}

export const reportRules: Rules<ReportOptions> = { command: someText }

export interface Page extends ReportOptions {
  /** What it is about: names of files. */
  readonly title: string
  readonly heading: string
  /** Links to its sections. */
  readonly contents: readonly { readonly id: string; readonly text: string }[]
  readonly main: Content
  /** Whether it has pictures, as data URIs. */
  readonly hasImages?: boolean
  /** What it needs beside the style of every page. */
  readonly style?: Markup
}

/** No script, and nothing from elsewhere: if the page may not do it, no text in it can make it do so. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
const WITH_IMAGES = `${POLICY}; img-src data:`

/** One HTML file that needs no other file and runs no script. */
export function pageHtml({
  title,
  heading,
  contents,
  main,
  command,
  hasImages = false,
  style,
}: Page): string {
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${hasImages ? WITH_IMAGES : POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>convmark: ${title}</title>
${STYLE}${style ?? null}
</head>
<body>
<header><h1>${heading}</h1>${THEME}</header>
<main>
<nav aria-label="Contents"><ul>${contents.map(
    ({ id, text }) => html`<li><a href="#${id}">${text}</a></li>`,
  )}</ul></nav>
${main}
</main>
<footer>Made by <code>${command}</code></footer>
</body>
</html>
`
  return page.toString()
}

/** Works by CSS alone, and does not remember the choice. */
const THEME = html`<fieldset class="theme"><legend>Colours</legend>
<label><input type="radio" name="theme" checked> system</label>
<label><input type="radio" name="theme" id="theme-light"> light</label>
<label><input type="radio" name="theme" id="theme-dark"> dark</label></fieldset>`

/** A prominent number, with details in small print. */
export interface Figure {
  readonly name: string
  readonly value: string
  readonly detail: string | null
}

export function figureList(figures: readonly Figure[]): Markup {
  return html`<dl class="figures">${figures.map(
    ({ name, value, detail }) =>
      html`<div><dt>${name}</dt><dd>${value}${detail !== null && html`<small>${detail}</small>`}</dd></div>\n`,
  )}</dl>`
}

/** Null: not known. */
export type Facts = Readonly<Record<string, string | null>>

export function factList(facts: Facts): Markup {
  const known = Object.entries(facts).filter(([, fact]) => fact !== null)
  return html`<dl class="facts">${known.map(([term, fact]) => html`<dt>${term}</dt><dd>${fact}</dd>\n`)}</dl>`
}

export interface Notice {
  readonly level: 'bad' | 'warn' | 'good'
  readonly word: string
  readonly text: string
}

export const warn = (word: string, text: string): Notice => ({ level: 'warn', word, text })

export function noticeList(notices: readonly Notice[], label: string): Markup {
  return html`<ul class="notices" aria-label="${label}">${notices.map(
    ({ level, word, text }) => html`<li class="${level}"><strong>${word}:</strong> ${text}</li>\n`,
  )}</ul>`
}

/** The commands that repeat it in a shell. */
export function commandBlock(heading: string, commands: readonly string[]): Content {
  return commands.length > 0 && html`<h4>${heading}</h4><pre>${commands.join('\n')}</pre>`
}
