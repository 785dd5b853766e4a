// Maps. The provider's own adapter for a quick start forgets all but the newest thousand entries; this one forgets none.
const entries = new Map();
const grants = new Map();

class Adapter {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    put(this.model, id, payload);
  }

  async find(id) {
    return entries.get(this.key(id));
  }

  async findByUid(uid) {
    return entries.get(`uid:${uid}`);
  }

  async findByUserCode(userCode) {
    return entries.get(`userCode:${userCode}`);
  }

  async consume(id) {
    entries.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    entries.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const key of grants.get(grantId) ?? []) entries.delete(key);
    grants.delete(grantId);
  }
}

function put(model, id, payload) {
  const key = `${model}:${id}`;
  entries.set(key, payload);
  if (payload.uid) entries.set(`uid:${payload.uid}`, payload);
  if (payload.userCode) entries.set(`userCode:${payload.userCode}`, payload);
  if (payload.grantId) {
    const keys = grants.get(payload.grantId);
    if (keys) keys.push(key);
    else grants.set(payload.grantId, [key]);
  }
}

// For the benchmark: one entry per line, `model id payload`.
async function fill(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  for (const line of Buffer.concat(chunks).toString().split('\n')) {
    const [model, id] = line.split('\t', 2);
    if (id) put(model, id, JSON.parse(line.slice(model.length + id.length + 2)));
  }
  response.end();
}

export async function open() {
  return { makeAdapter: Adapter, fill };
}
