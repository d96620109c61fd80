import type { EngineOptions, Engine } from "./engine.ts"
export async function openReference(_t: string, _o: EngineOptions): Promise<Engine> { throw new Error("todo") }
