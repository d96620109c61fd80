// The Chromium that is installed here; nothing is fetched.
import { findCommand } from './find-command.ts'

export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Null where there is none. */
export const chromiumPath = findCommand([
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
])
