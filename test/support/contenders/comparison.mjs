// Two contenders that are stopped, and one whose turn does not end: what a comparison looks like when it is killed. The
// argument is the build's module.
const { Contender } = await import(process.argv[2])
const setup = (engine) => ({ engine })
const script = new URL('fake.mjs', import.meta.url)
const [, , turning] = await Promise.all(
  ['works', 'works', 'hangs-later'].map((engine) => Contender.start(script, setup(engine))),
)
turning.turn(1).catch(() => {})
// And one that has just been started
Contender.start(script, setup('hangs')).catch(() => {})
console.log('ready')
setInterval(() => {}, 1000)
