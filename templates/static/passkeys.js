// Passkeys: asks the browser for one and posts what it answers. Texts come from the page's data attributes.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const withBytes = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));
const canUse = "credentials" in navigator && "PublicKeyCredential" in window;
let waiting = null;  // the request behind the suggestions of the e-mail field: there may be one at a time

function toMake({ publicKey }) {
  const selection = { ...publicKey.authenticatorSelection, residentKey: "required", requireResidentKey: true, userVerification: "required" };
  const user = { ...publicKey.user, id: bytes(publicKey.user.id) };
  const known = withBytes(publicKey.excludeCredentials);
  return { publicKey: { ...publicKey, user, challenge: bytes(publicKey.challenge), excludeCredentials: known, authenticatorSelection: selection } };
}

function toUse({ publicKey }) {
  return { publicKey: { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: withBytes(publicKey.allowCredentials) } };
}

function asJson(credential) {
  const given = credential.response;
  const response = { clientDataJSON: text(given.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (given[name]) response[name] = text(given[name]);
  }
  if (given.getTransports) response.transports = given.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
}

async function options(form) {
  if (form.dataset.options) return JSON.parse(document.getElementById(form.dataset.options).textContent)[form.dataset.passkey === "make" ? "creation_options" : "request_options"];
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return (await answer.json()).request_options;
}

function finish(form, credential) {
  form.elements.credential.value = asJson(credential);
  form.submit();
}

async function ask(form, alert) {
  waiting?.abort();
  alert.textContent = "";
  try {
    const asked = await options(form);
    finish(form, await (form.dataset.passkey === "make" ? navigator.credentials.create(toMake(asked)) : navigator.credentials.get(toUse(asked))));
  } catch {
    alert.textContent = alert.dataset.failed;
  }
}

// Passkeys among the suggestions of the e-mail field, from the moment that somebody goes to it.
async function suggest(form) {
  if (waiting || !await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
  waiting = new AbortController();
  try {
    const asked = toUse(await options(form));
    finish(form, await navigator.credentials.get({ ...asked, mediation: "conditional", signal: waiting.signal }));
  } catch {
    // Nothing was chosen, which is no fault; the button stays.
  }
}

document.querySelectorAll("form[data-passkey]").forEach((form) => {
  const alert = form.querySelector("[role=alert]");
  if (!canUse) {
    alert.textContent = alert.dataset.unable || "";
    form.querySelector("button").disabled = true;
    return;
  }
  form.hidden = false;
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(form, alert); });
  if (form.dataset.passkey === "sign-in") {
    document.querySelector("[autocomplete~=webauthn]")?.addEventListener("focus", () => suggest(form), { once: true });
  }
});
