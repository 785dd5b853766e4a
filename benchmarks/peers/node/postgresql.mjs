// Everything in one table, by model and id; named statements, so that PostgreSQL plans each once per connection.
const FIND = { name: 'find', text: 'SELECT payload FROM oidc WHERE model = $1 AND id = $2' };
const UPSERT = {
  name: 'upsert',
  text: `INSERT INTO oidc (model, id, grant_id, user_code, uid, payload, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
    ON CONFLICT (model, id) DO UPDATE SET grant_id = excluded.grant_id, user_code = excluded.user_code,
      uid = excluded.uid, payload = excluded.payload, expires_at = excluded.expires_at`,
};
const CONSUME = {
  name: 'consume',
  text: `UPDATE oidc SET payload = jsonb_set(payload, '{consumed}', to_jsonb(extract(epoch FROM now())::bigint))
    WHERE model = $1 AND id = $2`,
};
const DESTROY = { name: 'destroy', text: 'DELETE FROM oidc WHERE model = $1 AND id = $2' };
const REVOKE = { name: 'revoke', text: 'DELETE FROM oidc WHERE model = $1 AND grant_id = $2' };
const BY_UID = { name: 'by_uid', text: 'SELECT payload FROM oidc WHERE model = $1 AND uid = $2' };
const BY_USER_CODE = { name: 'by_user_code', text: 'SELECT payload FROM oidc WHERE model = $1 AND user_code = $2' };

export async function open(load, url) {
  const { default: pg } = await load('pg');
  const pool = new pg.Pool({ ...JSON.parse(url), idleTimeoutMillis: 0 });

  const run = (statement, ...values) => pool.query({ ...statement, values });
  const first = async (...all) => (await run(...all)).rows[0]?.payload;

  class Adapter {
    constructor(model) {
      this.model = model;
    }

    async upsert(id, payload, expiresIn) {
      const { grantId, userCode, uid } = payload;
      await run(UPSERT, this.model, id, grantId, userCode, uid, payload, expiresIn ?? null);
    }

    find(id) {
      return first(FIND, this.model, id);
    }

    findByUid(uid) {
      return first(BY_UID, this.model, uid);
    }

    findByUserCode(userCode) {
      return first(BY_USER_CODE, this.model, userCode);
    }

    consume(id) {
      return run(CONSUME, this.model, id);
    }

    destroy(id) {
      return run(DESTROY, this.model, id);
    }

    revokeByGrantId(grantId) {
      return run(REVOKE, this.model, grantId);
    }
  }
  return { makeAdapter: Adapter };
}
