// Fastify 5 with Prisma 7, as its own users write it: JSON schemas for what goes in and out (which
// Fastify compiles), one PrismaClient with the adapter of its database.
//
//   DATABASE_URL=file:/path.db | postgresql://...   PORT=8000   FLUSH=1   node server.ts

import Fastify from "fastify";

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
