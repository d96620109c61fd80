// The only way to make HTML and SVG here: literal text of a template is markup, inserted values are text.

/** Only `html` can make it, so that no text from a file is mistaken for markup. */
class Fragment {
  readonly #source: string

  constructor(source: string) {
    this.#source = source
  }

  toString(): string {
    return this.#source
  }
}

export type Markup = Fragment
/** What can be inserted into a template: null and false become nothing, and lists are joined without a separator. */
export type Content = Markup | string | number | null | false | readonly Content[]

/** ``html`<td title="${name}">${name}</td>` `` makes markup and escapes the values. Attributes must be in double quotes. */
export function html(literals: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Fragment(literals.map((literal, i) => literal + sourceOf(values[i] ?? null)).join(''))
}

function sourceOf(content: Content): string {
  if (content === null || content === false) return ''
  if (content instanceof Fragment) return content.toString()
  if (typeof content === 'string' || typeof content === 'number') return escapeText(String(content))
  return content.map(sourceOf).join('')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Control characters that no document may contain, lone surrogates, and characters that change the direction of the
 * text after them.
 */
const UNFIT = /(?![\t\n])[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069]/gu

function escapeText(text: string): string {
  return text.replace(UNFIT, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}
