import { expect, it } from 'vitest'
import { describeBrowser } from './browser.ts'
import { environmentSchema } from './result.ts'

const CHROMIUM =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const SAFARI =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15'

it('says what Chromium tells, the made-up brand aside', async () => {
  const told = {
    platform: 'Linux',
    platformVersion: '6.1.0',
    architecture: 'x86',
    bitness: '64',
    fullVersionList: [
      { brand: 'Not/A)Brand', version: '99.0.0.0' },
      { brand: 'Chromium', version: '140.0.7339.80' },
    ],
  }
  const userAgentData = { getHighEntropyValues: async () => told }
  const navigator = { userAgent: CHROMIUM, hardwareConcurrency: 8, deviceMemory: 8, userAgentData }
  const environment = await describeBrowser({ navigator, crossOriginIsolated: true })
  expect(environment).toMatchObject({
    processor: 'x86 64-bit processor',
    cores: 8,
    memoryBytes: 8 * 2 ** 30,
    platform: 'Linux 6.1.0',
    browser: 'Chromium 140.0.7339.80',
    isCrossOriginIsolated: true,
    node: 'none',
  })
})

it.each([
  [CHROMIUM, 'Chromium 140.0.0.0'],
  [FIREFOX, 'Firefox 140.0'],
  [SAFARI, 'Safari 18.1'],
  ['curl/8.0', 'unknown'],
])('finds the browser in %s', async (userAgent, browser) => {
  const environment = await describeBrowser({ navigator: { userAgent }, crossOriginIsolated: false })
  expect(environment).toMatchObject({ browser, processor: 'unknown', cores: 1, memoryBytes: null })
})

it('is a whole environment where nothing is told, and where telling is forbidden', async () => {
  const getHighEntropyValues = () => Promise.reject(new Error('NotAllowedError'))
  for (const scope of [{}, { navigator: { userAgentData: { getHighEntropyValues } } }]) {
    const environment = await describeBrowser(scope)
    expect(environmentSchema.parse(environment)).toMatchObject({ browser: 'unknown', platform: 'unknown' })
  }
})
