// Fastify 5 with Prisma 7, as its own users write it: JSON schemas for what goes in and out (which
// Fastify compiles), one PrismaClient with the adapter of its database.
//
//   DATABASE_URL=file:/path.db | postgresql://...   PORT=8000   FLUSH=1   node server.ts

import { createInterface } from "node:readline";
import { Readable } from "node:stream";

import Fastify from "fastify";

type Line = { number: number; record: { video_id: string; description: string } };
type IsRight = (record: unknown) => boolean;
type Record = { id: string; videoId: string; description: string; createdAt: Date; updatedAt: Date };

const record = {
  type: "object",
  properties: {
    id: { type: "string" },
    video_id: { type: "string" },
    description: { type: "string" },
    created_at: { type: "string", format: "date-time" },
    updated_at: { type: "string", format: "date-time" },
  },
} as const;
const list = {
  type: "object",
  properties: { analyses: { type: "array", items: record }, count: { type: "integer" } },
} as const;
const description = { type: "string", minLength: 1, maxLength: 65535 } as const;
const newRecord = {
  type: "object",
  additionalProperties: false,
  required: ["video_id", "description"],
  properties: {
    video_id: { type: "string", pattern: "^[A-Za-z0-9._~:-]{1,255}$" },
    description,
  },
} as const;
const change = {
  type: "object",
  additionalProperties: false,
  required: ["description"],
  properties: { description },
} as const;
const page = {
  type: "object",
  properties: { limit: { type: "integer", minimum: 1, maximum: 1000, default: 100 } },
} as const;

const prisma = await connect(process.env.DATABASE_URL!);
const app = Fastify();

app.get<{ Params: { video_id: string } }>(
  "/api/video-analysis/:video_id",
  { schema: { response: { 200: record } } },
  async (request, reply) => {
    const row = await prisma.videoAnalysis.findUnique({
      where: { videoId: request.params.video_id },
    });
    return row ? body(row) : reply.code(404).send({ detail: "not found" });
  },
);

app.get<{ Querystring: { limit: number } }>(
  "/api/video-analysis/",
  { schema: { querystring: page, response: { 200: list } } },
  async (request) => {
    const rows = await prisma.videoAnalysis.findMany({
      take: request.query.limit,
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
    });
    return { analyses: rows.map(body), count: rows.length };
  },
);

app.post<{ Body: { video_id: string; description: string } }>(
  "/api/video-analysis/",
  { schema: { body: newRecord, response: { 201: record } } },
  async (request, reply) => {
    const { video_id, description } = request.body;
    try {
      const row = await prisma.videoAnalysis.create({ data: { videoId: video_id, description } });
      return reply.code(201).send(body(row));
    } catch (error) {
      if ((error as { code?: string }).code === "P2002") {
        return reply.code(409).send({ detail: "exists" });
      }
      throw error;
    }
  },
);

app.put<{ Params: { video_id: string }; Body: { description: string } }>(
  "/api/video-analysis/:video_id",
  { schema: { body: change, response: { 200: record } } },
  async (request, reply) => {
    try {
      const row = await prisma.videoAnalysis.update({
        where: { videoId: request.params.video_id },
        data: { description: request.body.description },
      });
      return body(row);
    } catch (error) {
      if ((error as { code?: string }).code === "P2025") {
        return reply.code(404).send({ detail: "not found" });
      }
      throw error;
    }
  },
);

// A file of many records: createMany in batches, and a line of what became of each.
app.addContentTypeParser("application/x-ndjson", (_request, payload, done) => done(null, payload));

app.post<{ Body: AsyncIterable<Buffer> }>("/api/import", (request, reply) => {
  const isRight = request.compileValidationSchema(newRecord);
  return reply.type("application/x-ndjson").send(Readable.from(imported(request.body, isRight)));
});

app.get("/api/export", (_request, reply) =>
  reply.type("application/x-ndjson").send(Readable.from(exported())),
);

async function* imported(lines: AsyncIterable<Buffer>, isRight: IsRight) {
  let number = 0;
  let batch: Line[] = [];
  for await (const line of createInterface({ input: Readable.from(lines) })) {
    batch.push({ number: ++number, record: JSON.parse(line) });
    if (batch.length === 500) {
      yield await stored(batch, isRight);
      batch = [];
    }
  }
  yield await stored(batch, isRight);
}

async function stored(batch: Line[], isRight: IsRight) {
  const right = batch.filter(({ record }) => isRight(record));
  const there = await prisma.$transaction(async (transaction) => {
    const ids = right.map(({ record }) => record.video_id);
    const found = await transaction.videoAnalysis.findMany({
      where: { videoId: { in: ids } },
      select: { videoId: true },
    });
    const there = new Set(found.map(({ videoId }) => videoId));
    const data = right
      .filter(({ record }) => !there.has(record.video_id))
      .map(({ record }) => ({ videoId: record.video_id, description: record.description }));
    await transaction.videoAnalysis.createMany({ data });
    return there;
  });
  const valid = new Set(right);
  return batch
    .map((line) => {
      const status = !valid.has(line) || there.has(line.record.video_id) ? "failed" : "created";
      const video_id = line.record.video_id;
      return JSON.stringify({ line: line.number, video_id, status }) + "\n";
    })
    .join("");
}

async function* exported() {
  let rows: Record[] = [];
  do {
    const last = rows.at(-1);
    rows = await prisma.videoAnalysis.findMany({
      take: 500,
      orderBy: [{ createdAt: "asc" }, { id: "asc" }],
      ...(last ? { cursor: { id: last.id }, skip: 1 } : {}),
    });
    yield rows.map((row) => JSON.stringify(body(row)) + "\n").join("");
  } while (rows.length);
}

await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });

function body(row: Record) {
  return {
    id: row.id,
    video_id: row.videoId,
    description: row.description,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  };
}

async function connect(url: string) {
  if (url.startsWith("file:")) {
    const { PrismaClient } = await import("./generated/sqlite/client.ts");
    const { PrismaBetterSqlite3 } = await import("@prisma/adapter-better-sqlite3");
    const prisma = new PrismaClient({ adapter: new PrismaBetterSqlite3({ url }) });
    // better-sqlite3 is compiled with NORMAL as the default of a database in WAL mode.
    if (process.env.FLUSH) await prisma.$executeRaw`PRAGMA synchronous = FULL`;
    return prisma;
  }
  const { PrismaClient } = await import("./generated/postgresql/client.ts");
  const { PrismaPg } = await import("@prisma/adapter-pg");
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
}
