// Text by key; what can be consumed is a hash, so that consuming it is one write; a list per grant knows its keys.
const CONSUMABLE = new Set(['AuthorizationCode', 'RefreshToken', 'DeviceCode', 'BackchannelAuthenticationRequest']);
const OF_A_GRANT = new Set([...CONSUMABLE, 'AccessToken']);

export async function open(load, url) {
  const { Redis } = await load('ioredis');
  // What is asked in one turn of the event loop goes out together.
  const redis = new Redis(url, { enableAutoPipelining: true });

  class Adapter {
    constructor(model) {
      this.model = model;
      this.consumable = CONSUMABLE.has(model);
    }

    key(id) {
      return `${this.model}:${id}`;
    }

    async upsert(id, payload, expiresIn) {
      const key = this.key(id);
      const text = JSON.stringify(payload);
      const writes = redis.multi();
      if (this.consumable) {
        writes.hset(key, 'payload', text);
        if (expiresIn) writes.expire(key, expiresIn);
      } else if (expiresIn) {
        writes.set(key, text, 'EX', expiresIn);
      } else {
        writes.set(key, text);
      }
      if (OF_A_GRANT.has(this.model) && payload.grantId) {
        const list = `grant:${payload.grantId}`;
        writes.rpush(list, key);
        // The list lives as long as the longest of its keys.
        if (expiresIn) writes.expire(list, expiresIn, 'GT');
      }
      if (payload.userCode) writes.set(`userCode:${payload.userCode}`, id, 'EX', expiresIn);
      if (payload.uid) writes.set(`uid:${payload.uid}`, id, 'EX', expiresIn);
      await writes.exec();
    }

    async find(id) {
      if (!this.consumable) {
        const text = await redis.get(this.key(id));
        return text ? JSON.parse(text) : undefined;
      }
      const { payload, consumed } = await redis.hgetall(this.key(id));
      if (!payload) return undefined;
      return consumed ? { ...JSON.parse(payload), consumed: Number(consumed) } : JSON.parse(payload);
    }

    async findByUid(uid) {
      const id = await redis.get(`uid:${uid}`);
      return id ? this.find(id) : undefined;
    }

    async findByUserCode(userCode) {
      const id = await redis.get(`userCode:${userCode}`);
      return id ? this.find(id) : undefined;
    }

    consume(id) {
      return redis.hset(this.key(id), 'consumed', Math.floor(Date.now() / 1000));
    }

    destroy(id) {
      return redis.del(this.key(id));
    }

    async revokeByGrantId(grantId) {
      const keys = await redis.lrange(`grant:${grantId}`, 0, -1);
      await redis.del(`grant:${grantId}`, ...keys);
    }
  }
  return { makeAdapter: Adapter };
}
