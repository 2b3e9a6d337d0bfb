// What an integrator writes: every name, status and field below is checked by the compiler against docs/openapi.yaml.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type EventIn = components["schemas"]["EventIn"];
type StageName = components["schemas"]["StageName"];

const api = createClient<paths, "application/json" | "application/problem+json">({
  baseUrl: process.env.BASE ?? "",
  headers: { Authorization: `Bearer ${process.env.KEY}` },
});

function insist<T>(value: T | undefined, error: unknown): T {
  if (value === undefined) throw new Error(JSON.stringify(error));
  return value;
}

// Which fields `data` has follows from `type`.
function described(event: EventIn): string {
  switch (event.type) {
    case "meeting_held":
      return `met ${event.data.mode}`;
    case "message_sent":
      return `wrote ${event.data.direction}`;
    default:
      return event.type;
  }
}

const name = `Harbour ${process.pid}`;
const head = insist((await api.GET("/api/v1/events/head")).data, "no head");

const made = await api.POST("/api/v1/clients", {
  body: { name, tier: "key", external_ids: [{ source: "crm", id: name }] },
  params: { header: { "Idempotency-Key": name } },
});
const client = insist(made.data, made.error);

const meeting: EventIn = {
  type: "meeting_held",
  occurred_at: new Date(Date.now() - 86_400_000).toISOString(),
  data: { meeting_id: "visit-1", mode: "in_person", contacts: ["ann@harbour.example"] },
};
const bulk = await api.POST("/api/v1/events/bulk", {
  body: { events: [{ ...meeting, client: { source: "crm", id: name } }, { ...meeting, client_id: crypto.randomUUID() }] },
});
const statuses = insist(bulk.data, bulk.error).results.map((one) =>
  "problem" in one ? one.problem.code : one.event_id.length,
);

let after = head.cursor;
const seen: string[] = [];
for (;;) {
  const page = await api.GET("/api/v1/events", { params: { query: { after, limit: 1 } } });
  const { data, next_cursor, has_more } = insist(page.data, page.error);
  for (const event of data) if ("type" in event && event.client_id === client.id) seen.push(event.type);
  after = next_cursor;
  if (!has_more) break;
}

const asked = await api.GET("/api/v1/clients/{id}/stage", { params: { path: { id: client.id } } });
const stage: StageName = insist(asked.data, asked.error).stage;

const lost = await api.GET("/api/v1/clients/{id}", { params: { path: { id: crypto.randomUUID() } } });
const code = insist(lost.error, "it was found").code;

console.log(JSON.stringify({ said: described(meeting), statuses, seen, stage, code }));
