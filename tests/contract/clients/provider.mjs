// The memory that an application gives to the TypeScript SDK; the OAuth itself is the SDK's, version 1 or 2.
import { randomUUID } from "node:crypto";
import { askForBrowser, document, expiry, name } from "./loop.mjs";

export class Memory {
  #client;
  #tokens;
  #receivedAt;
  #verifier;

  constructor(redirectUri) {
    this.redirectUrl = redirectUri;
    this.clientMetadataUrl = document;
  }

  get clientMetadata() {
    return {
      client_name: name,
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    };
  }

  state = () => randomUUID();
  clientInformation = () => this.#client;
  tokens = () => this.#tokens;
  codeVerifier = () => this.#verifier;
  redirectToAuthorization = askForBrowser;

  saveClientInformation(client) {
    this.#client = client;
  }

  saveTokens(tokens) {
    this.#tokens = tokens;
    this.#receivedAt = Date.now();
  }

  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }

  invalidateCredentials(what) {
    if (["all", "client"].includes(what)) this.#client = undefined;
    if (["all", "tokens"].includes(what)) this.#tokens = undefined;
  }

  expired = () => expiry(this.#receivedAt, this.#tokens.expires_in);
}
