// oauth4webapi, a strict OAuth library that knows nothing of MCP: each step of the flow written out.
import * as oauth from "oauth4webapi";
import { askForBrowser, document, expiry, listenForReturn, name, obey, textOf, url } from "./loop.mjs";

const insecure = { [oauth.allowInsecureRequests]: true }; // plain http, on this machine only
const revision = "2026-07-28";
const browser = await listenForReturn();
let server, client, authentication, tokens, receivedAt;

// Ask with a token that cannot be: the challenge says where to learn more.
async function discover() {
  const challenge = await request("tools/list", {}, "unknown").catch((error) => error);
  const pointer = challenge.cause[0].parameters.resource_metadata;
  const resource = await oauth.processResourceDiscoveryResponse(new URL(url), await fetch(pointer));
  const issuer = new URL(resource.authorization_servers[0]);
  const answer = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  server = await oauth.processDiscoveryResponse(issuer, answer);
  return challenge.cause[0].parameters.scope;
}

async function register() {
  if (document) {
    client = { client_id: document };
    authentication = oauth.None();
    return;
  }
  const metadata = {
    client_name: name,
    redirect_uris: [browser.redirectUri],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: "client_secret_basic",
  };
  const answer = await oauth.dynamicClientRegistrationRequest(server, metadata, insecure);
  client = await oauth.processDynamicClientRegistrationResponse(answer);
  authentication = oauth.ClientSecretBasic(client.client_secret);
}

async function authorize(scope) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const address = new URL(server.authorization_endpoint);
  address.search = new URLSearchParams({
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: browser.redirectUri,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    scope,
    resource: url,
  });
  askForBrowser(address);
  const returned = oauth.validateAuthResponse(server, client, await browser.next(), state);
  const options = { additionalParameters: { resource: url }, ...insecure };
  const answer = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, returned, browser.redirectUri, verifier, options,
  );
  keep(await oauth.processAuthorizationCodeResponse(server, client, answer));
}

async function refresh() {
  const options = { additionalParameters: { resource: url }, ...insecure };
  const answer = await oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token, options);
  keep(await oauth.processRefreshTokenResponse(server, client, answer));
}

function keep(fresh) {
  tokens = fresh;
  receivedAt = Date.now();
}

async function request(method, params, token = tokens.access_token) {
  const headers = new Headers({
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": revision,
    "mcp-method": method,
    ...(params.name && { "mcp-name": params.name }),
  });
  const meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta: meta } });
  const answer = await oauth.protectedResourceRequest(token, "POST", new URL(url), headers, body, insecure);
  const { result, error } = await answer.json();
  if (error) throw new Error(error.message);
  return result;
}

async function signedIn(method, params) {
  if (!server) {
    const scope = await discover();
    await register();
    await authorize(scope);
  }
  try {
    return await request(method, params);
  } catch (error) {
    if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
    const { scope } = error.cause[0].parameters;
    await (error.status === 403 ? authorize(scope) : refresh().catch((refused) => again(refused, scope)));
    return await request(method, params);
  }
}

async function again(refused, scope) {
  if (refused.error !== "invalid_grant") throw refused;
  await authorize(scope);
}

await obey({
  tools: async () => (await signedIn("tools/list", {})).tools.map((tool) => tool.name),
  call: async (order) => textOf(await signedIn("tools/call", { name: order.tool, arguments: order.arguments })),
  credential: () => tokens.access_token,
  expire: () => expiry(receivedAt, tokens.expires_in),
});
