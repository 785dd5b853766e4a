// node-oidc-provider as a capable operator would run it. The environment: PORT, STORE, STORE_URL, PROCESSES, SETTINGS.
import cluster from 'node:cluster';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const processes = Number(process.env.PROCESSES);
const settings = JSON.parse(process.env.SETTINGS);
// The packages live in the cache folder, this file does not.
const { resolve } = createRequire(`${process.env.PACKAGES}/`);
const load = async (name) => import(pathToFileURL(resolve(name)));

if (cluster.isPrimary && processes > 1) {
  const shared = { JWK: makeKey(), COOKIE_KEY: randomBytes(32).toString('hex') };
  for (let number = 0; number < processes; number += 1) cluster.fork(shared);
  cluster.on('exit', () => process.exit(1));
} else {
  await serve();
}

function makeKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return JSON.stringify({ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'benchmark' });
}

async function serve() {
  const { default: Provider } = await load('oidc-provider');
  const { makeAdapter, fill } = await (await import(`./${process.env.STORE}.mjs`)).open(load, process.env.STORE_URL);
  const provider = new Provider(`http://127.0.0.1:${process.env.PORT}`, configuration(makeAdapter));
  const callback = provider.callback();
  const server = createServer((request, response) => {
    if (fill && request.url === '/fill') fill(request, response);
    else callback(request, response);
  });
  server.keepAliveTimeout = 65_000;
  server.listen(Number(process.env.PORT), '127.0.0.1', 1024);
}

function configuration(makeAdapter) {
  const day = 24 * 60 * 60;
  return {
    adapter: makeAdapter,
    clients: [settings.asker],
    jwks: { keys: [JSON.parse(process.env.JWK ?? makeKey())] },
    cookies: { keys: [process.env.COOKIE_KEY ?? randomBytes(32).toString('hex')] },
    scopes: settings.scope.split(' '),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: settings.scope, audience: resource, accessTokenFormat: 'opaque', accessTokenTTL: 3600,
        }),
      },
    },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: () => false,
    rotateRefreshToken: true,
    pkce: { required: () => true },
    ttl: { AccessToken: 3600, AuthorizationCode: 60, RefreshToken: 30 * day, Grant: 365 * day },
    clientBasedCORS: () => false,
  };
}
