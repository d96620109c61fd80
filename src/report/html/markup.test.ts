import fc from 'fast-check'
import { parseFragment } from 'parse5'
import { expect, it } from 'vitest'
import { html } from './markup.ts'

it('keeps what is literal and escapes what is put in', () => {
  const name = `<img src=x onerror="alert('1')">&amp;`
  expect(html`<td title="${name}">${name}</td>`.toString()).toBe(
    '<td title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;">' +
      '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;</td>',
  )
})

it('takes markup, numbers, lists and nothing', () => {
  const items = ['a', '<b>'].map((text) => html`<li>${text}</li>`)
  expect(html`<ul>${items}</ul>${null}${false}${[1, ['&', html`<hr>`]]}`.toString()).toBe(
    '<ul><li>a</li><li>&lt;b&gt;</li></ul>1&amp;<hr>',
  )
})

it('has nothing that passes for markup but markup', () => {
  const forged = { toString: () => '<b>', source: '<b>' } as never
  expect(() => html`${forged}`.toString()).toThrow()
})

it('shows characters that would break or turn the text as replaced', () => {
  expect(html`${'a\u0000b\u202ec\ud800d\n\te\u{1f680}'}`.toString()).toBe(
    'a\ufffdb\ufffdc\ufffdd\n\te\u{1f680}',
  )
})

it('gives any text back as text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const errors: string[] = []
      const source = html`<p title="${text}">${text}</p>`.toString()
      const { childNodes } = parseFragment(source, { onParseError: ({ code }) => errors.push(code) })
      expect(errors).toEqual([])
      expect(childNodes).toHaveLength(1)
      const [paragraph] = childNodes as unknown as {
        attrs: { value: string }[]
        childNodes: { value: string }[]
      }[]
      const kept = text.replace(
        /(?![\t\n])[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069]/gu,
        '\ufffd',
      )
      expect(paragraph!.attrs[0]!.value).toBe(kept)
      expect(paragraph!.childNodes.map(({ value }) => value).join('')).toBe(kept)
    }),
  )
})
