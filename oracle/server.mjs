// Prisma's own client, asked over stdin and stdout: one JSON request a line, one JSON answer a line.
//
//   {"op": "open",  "name", "schema", "provider", "url"}      -> {"ok": dmmf}
//   {"op": "run",   "name", "mode", "calls": [call...]}       -> {"ok": outcome}
//   {"op": "close", "name"}                                   -> {"ok": null}
//
// A call is {"model", "action", "args"}, or {"action": "queryRaw" | "executeRaw", "sql", "values"}.
// mode: "each" (one after the other, every outcome told), "batch" ($transaction of an array),
// "commit" and "rollback" (an interactive transaction around "each").
//
// Nothing here knows our engine: Prisma's client serialises the call, compiles and runs it.

import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'

import { PrismaLibSql } from '@prisma/adapter-libsql'
import { PrismaPg } from '@prisma/adapter-pg'
import runtime from '@prisma/client/runtime/client'
import { buildAndSerializeParamGraph } from '@prisma/param-graph-builder'
import schemaWasm from '@prisma/prisma-schema-wasm'

const { Decimal, getPrismaClient, JsonNull, DbNull, AnyNull } = runtime
const resolve = createRequire(import.meta.url).resolve
const opened = new Map()

// Values that JSON has no word for travel as an object with one key.
function decode(value) {
  if (Array.isArray(value)) return value.map(decode)
  if (value === null || typeof value !== 'object') return value
  const [key, ...rest] = Object.keys(value)
  if (rest.length === 0) {
    const inner = value[key]
    switch (key) {
      case '$date': return new Date(inner)
      case '$decimal': return new Decimal(inner)
      case '$bigint': return BigInt(inner)
      case '$bytes': return new Uint8Array(Buffer.from(inner, 'base64'))
      case '$json': return inner === null ? JsonNull : inner
      case '$null': return { DbNull, JsonNull, AnyNull }[inner]
    }
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decode(v)]))
}

function encode(value) {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (value instanceof Date) return { $date: value.toISOString() }
  if (Decimal.isDecimal(value)) return { $decimal: value.toFixed() }
  if (ArrayBuffer.isView(value)) return { $bytes: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(encode)
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, encode(v)]))
  }
  return value
}

function describe(error) {
  const code = error.code ?? null
  return { name: error.name, code, message: String(error.message), meta: plain(error.meta) }
}

function plain(meta) {
  if (!meta) return null
  const { driverAdapterError, ...rest } = meta
  return { ...rest, cause: driverAdapterError?.cause ?? null }
}

async function open({ name, schema, provider, url }) {
  const dmmf = JSON.parse(schemaWasm.get_dmmf(JSON.stringify({ prismaSchema: [['schema.prisma', schema]] })))
  const { models, enums, types } = dmmf.datamodel
  const byName = (entries) => Object.fromEntries(entries.map(({ name, ...rest }) => [name, rest]))
  const folder = `@prisma/query-compiler-wasm/${provider}/query_compiler_fast_bg`
  const Client = getPrismaClient({
    runtimeDataModel: { models: byName(models), enums: byName(enums), types: byName(types ?? []) },
    previewFeatures: [],
    clientVersion: '7.10.0',
    engineVersion: '561d7b42579a2459cc8edf3788918b626c640023',
    activeProvider: provider,
    inlineSchema: schema,
    parameterizationSchema: buildAndSerializeParamGraph(dmmf),
    compilerWasm: {
      getRuntime: () => import(`${folder}.js`),
      getQueryCompilerWasmModule: async () => new WebAssembly.Module(await readFile(resolve(`${folder}.wasm`))),
      importName: './query_compiler_fast_bg.js',
    },
  })
  const adapter = provider === 'sqlite'
    ? new PrismaLibSql({ url, intMode: 'bigint' })
    : new PrismaPg({ connectionString: url, max: 2 })
  const client = new Client({ adapter, errorFormat: 'minimal', transactionOptions: { timeout: 20000 } })
  await client.$connect()
  opened.set(name, client)
  return dmmf
}

function start(client, call) {
  if (call.action === 'queryRaw') return client.$queryRawUnsafe(call.sql, ...decode(call.values))
  if (call.action === 'executeRaw') return client.$executeRawUnsafe(call.sql, ...decode(call.values))
  const model = call.model[0].toLowerCase() + call.model.slice(1)
  return client[model][call.action](decode(call.args))
}

async function outcome(work) {
  try {
    return { value: encode(await work()) }
  } catch (error) {
    return { error: describe(error) }
  }
}

class Undo extends Error {}

async function run({ name, mode, calls }) {
  const client = opened.get(name)
  const each = async (on) => {
    const outcomes = []
    for (const call of calls) outcomes.push(await outcome(() => start(on, call)))
    return outcomes
  }
  if (mode === 'each') return each(client)
  if (mode === 'batch') return [await outcome(() => client.$transaction(calls.map((call) => start(client, call))))]
  let outcomes = []
  try {
    await client.$transaction(async (tx) => {
      outcomes = await each(tx)
      if (mode === 'rollback') throw new Undo()
    })
  } catch (error) {
    if (!(error instanceof Undo)) outcomes.push({ error: describe(error) })
  }
  return outcomes
}

async function close({ name }) {
  await opened.get(name)?.$disconnect()
  opened.delete(name)
  return null
}

const operations = { open, run, close }

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let answer
  try {
    const request = JSON.parse(line)
    answer = { ok: await operations[request.op](request) }
  } catch (error) {
    answer = { failed: error.stack ?? String(error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
for (const client of opened.values()) await client.$disconnect()
process.exit(0)
