import { expect, it } from 'vitest'
import { browserRuntime, engineText, type Runtime, runtimeOf, v8Number } from './runtime.ts'

it.each<[string, Runtime, Runtime, number | null, string]>([
  [
    'Node',
    runtimeOf({ node: '20.19.0', v8: '11.3.244.8-node.26' }),
    { name: 'Node', version: '20.19.0', v8: '11.3.244.8-node.26' },
    11.3,
    'V8 11.3',
  ],
  [
    'Bun, which claims to be Node and to have V8',
    runtimeOf({ node: '26.3.0', bun: '1.4.5', webkit: 'd6375c7', v8: '14.6.202.34-node.20' }),
    { name: 'Bun', version: '1.4.5', v8: null },
    null,
    'Bun 1.4.5, without V8',
  ],
  [
    'Deno, which claims to be Node and has V8',
    runtimeOf({ node: '26.3.0', deno: '2.9.6', v8: '15.0.245.2-rusty' }),
    { name: 'Deno', version: '2.9.6', v8: '15.0.245.2-rusty' },
    15,
    'V8 15.0',
  ],
  [
    'Chromium',
    browserRuntime('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36'),
    { name: 'browser', version: '', v8: '14.0' },
    14,
    'V8 14.0',
  ],
  [
    'Firefox',
    browserRuntime('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'),
    { name: 'browser', version: '', v8: null },
    null,
    'a browser without V8',
  ],
])('%s', (_, runtime, expected, number, text) => {
  expect(runtime).toEqual(expected)
  expect(v8Number(runtime)).toBe(number)
  expect(engineText(runtime)).toBe(text)
})
