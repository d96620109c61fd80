// What pictures show as one page: a contact sheet.
import type { Classification, ClassifiedPicture } from '../../records/classification.ts'
import { classText, failedCount, imageRate, type Prediction, probabilityText } from '../classification.ts'
import { formatCount, formatDuration, formatImageRate } from '../format.ts'
import { withinColumn } from '../table.ts'
import { environmentFacts } from './environment.ts'
import { type Content, html, type Markup } from './markup.ts'
import {
  type Facts,
  type Figure,
  factList,
  figureList,
  noticeList,
  pageHtml,
  type ReportOptions,
  warn,
} from './page.ts'
import { SHEET_STYLE } from './sheet-style.ts'

/** A classification and the name of its file. */
export interface NamedClassification {
  readonly name: string
  readonly classification: Classification
}

export interface SheetOptions extends ReportOptions {
  /** By file, as data URIs. */
  readonly thumbnails: ReadonlyMap<string, string>
}

/** Of a page: with more of them it would be slow to open. */
export const MAX_THUMBNAILS = 500
const MAX_CARDS = 5000
const MAX_FAILURES_NAMED = 5
/** Of a file's name, in columns of a terminal. Of longer ones both ends matter: the folder and the number. */
const MAX_FILE_WIDTH = 64

/** Classifications as one HTML file that needs no other file and runs no script. */
export function renderClassification(
  classifications: readonly NamedClassification[],
  { command, thumbnails }: SheetOptions,
): string {
  const areAllShown =
    answeredFiles(classifications.map((each) => each.classification)).length <= MAX_THUMBNAILS
  return pageHtml({
    title: classifications.map(({ name }) => name).join(', '),
    heading: 'convmark classification',
    contents: classifications.map(({ name }, i) => ({ id: idOf(i), text: name })),
    main: classifications.map((named, i) => section(named, i, { thumbnails, areAllShown })),
    command,
    hasImages: true,
    style: SHEET_STYLE,
  })
}

/** Each once: of these the page shows the first. */
export const answeredFiles = (
  classifications: readonly Pick<Classification, 'pictures'>[],
): readonly string[] => [
  ...new Set(
    classifications.flatMap(({ pictures }) =>
      pictures.flatMap(({ file, error }) => (error === undefined ? [file] : [])),
    ),
  ),
]

interface Thumbnails {
  readonly thumbnails: ReadonlyMap<string, string>
  readonly areAllShown: boolean
}

const idOf = (i: number): string => `classification-${i + 1}`

function section(
  { name, classification }: NamedClassification,
  i: number,
  { thumbnails, areAllShown }: Thumbnails,
): Markup {
  const { network, model, pictures } = classification
  return html`<h2 id="${idOf(i)}">${name}</h2>
<section class="card"><h3>Classified by ${model}</h3><p class="quiet">Network ${network}.</p>
${figureList(keyFigures(classification))}
${notices(classification)}</section>
<section><h3>Pictures</h3>
${remarks(pictures, areAllShown).map((remark) => html`<p class="quiet">${remark}</p>\n`)}
<ol class="sheet">${pictures.slice(0, MAX_CARDS).map((picture) => card(picture, thumbnails.get(picture.file)))}</ol></section>
<section class="card"><h3>Preparation of the pictures</h3>${factList(preparationFacts(classification))}</section>
<section class="card"><h3>Environment</h3>${factList(environmentFacts(classification))}</section>`
}

function keyFigures({ pictures, elapsedMs, classes, engine }: Classification): Figure[] {
  const failed = failedCount(pictures)
  const rate = imageRate(pictures, elapsedMs)
  return [
    {
      name: 'pictures',
      value: formatCount(pictures.length),
      detail: failed > 0 ? `${formatCount(failed)} without an answer` : null,
    },
    {
      name: 'time',
      value: formatDuration(elapsedMs),
      detail: rate === null ? null : `${formatImageRate(rate)} images/s`,
    },
    { name: 'classes', value: formatCount(classes), detail: null },
    ...(engine
      ? [
          {
            name: 'engine',
            value: engine.name,
            detail: `${engine.target}, ${formatCount(engine.threads)} ${engine.threads === 1 ? 'thread' : 'threads'}`,
          },
        ]
      : []),
  ]
}

function notices({ assumed, pictures }: Classification): Content {
  const failures = pictures.filter(({ error }) => error !== undefined)
  if (assumed.length + failures.length === 0) return null
  const more = failures.length - MAX_FAILURES_NAMED
  return noticeList(
    [
      ...assumed.map((text) => warn('Assumed', text)),
      ...failures
        .slice(0, MAX_FAILURES_NAMED)
        .map(({ file, error }) => warn('No answer', `${file}: ${error}`)),
      ...(more > 0 ? [warn('No answer', `pictures not named here: ${formatCount(more)}`)] : []),
    ],
    'Warnings',
  )
}

/** What of the pictures is not in the page. */
const remarks = (pictures: readonly ClassifiedPicture[], areAllShown: boolean): readonly string[] => [
  ...(pictures.length > MAX_CARDS
    ? [
        `The first ${formatCount(MAX_CARDS)} of ${formatCount(pictures.length)} pictures; the JSON has all of them.`,
      ]
    : []),
  ...(areAllShown
    ? []
    : [`Only the first ${formatCount(MAX_THUMBNAILS)} pictures of a page have thumbnails.`]),
]

const GROUNDS: Readonly<Record<Classification['preprocessing']['ground'], string>> = {
  given: 'options of the command',
  model: "the model's file",
  assumed: 'an assumption, since the model does not say',
}

const preparationFacts = ({ preprocessing: { text, ground } }: Classification): Facts => ({
  preprocessing: text,
  'known from': GROUNDS[ground],
})

function card({ file, top = [], error }: ClassifiedPicture, thumbnail: string | undefined): Markup {
  const name = withinColumn(file, MAX_FILE_WIDTH)
  return html`<li class="card">${
    thumbnail === undefined
      ? html`<p class="thumbnail none">${error === undefined ? 'no thumbnail' : 'no answer'}</p>`
      : html`<img class="thumbnail" src="${thumbnail}" alt="${`thumbnail of ${name}`}" width="160" height="160">`
  }
<h4 title="${file}">${name}</h4>
${error === undefined ? html`<ol>${top.map(answer)}</ol>` : html`<p class="fault">${error}</p>`}</li>\n`
}

function answer(prediction: Prediction): Markup {
  const { probability } = prediction
  const name = classText(prediction)
  return html`<li><span title="${name}">${name}</span> <span>${probabilityText(probability)}</span><i style="--share: ${(100 * probability).toFixed(1)}%"></i></li>\n`
}
