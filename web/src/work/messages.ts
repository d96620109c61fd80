// What the page and its workers say to each other. A worker does one task at a time and says everything it has to say in
// events; several at once, so that a thousand steps a second are some twenty messages.

export type ToWorker<Request> =
  | { readonly kind: 'begin'; readonly task: string; readonly request: Request }
  | { readonly kind: 'stop' }

export type FromWorker<Event> =
  | { readonly kind: 'events'; readonly events: readonly Event[] }
  | { readonly kind: 'end' }
  /** The library's errors are sentences for people; others are the page's own faults. */
  | { readonly kind: 'failed'; readonly message: string }
