// The one way to make HTML and SVG here: what a template holds literally is markup, what is put into it is text.

/** Made by `html` alone, so that no text of a file can pass for markup. */
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
/** What a template takes: nothing for null and false, and lists without a separator. */
export type Content = Markup | string | number | null | false | readonly Content[]

/** ``html`<td title="${name}">${name}</td>` ``: markup, its values escaped. Attributes must be in double quotes. */
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

/** Controls that no document may hold, lone surrogates, and those that turn the direction of what follows. */
const UNFIT = /(?![\t\n])[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069]/gu

function escapeText(text: string): string {
  return text.replace(UNFIT, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}
