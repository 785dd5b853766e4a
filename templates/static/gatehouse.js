// Comfort only: every page works without this file. Texts come from the page's data attributes.
"use strict";

const RANK = { public: 0, member: 1, admin: 2, owner: 3 };

function setUpPicker(form) {
  const picker = form.querySelector("[data-picker]");
  if (!picker) return;
  const scopes = scopeRows(form);
  const choose = (radio) => {
    nameTheHandle(form, picker, radio.value);
    scopes.forEach((row) => fitToRole(row, radio));
  };
  picker.addEventListener("change", (event) => event.target.name === "handle" && choose(event.target));
  const radios = [...picker.querySelectorAll("input[name=handle]:enabled")];
  const checked = radios.find((radio) => radio.checked);
  // A role that is enough at every handle needs no warning.
  scopes.filter((row) => !row.withheldAt && radios.every((radio) => reaches(radio.dataset.role, row.needed)))
    .forEach((row) => { row.reason.textContent = ""; });
  scopes.forEach((row) => { row.final = row.box.disabled && (!checked || reaches(checked.dataset.role, row.needed)); });
  if (checked) choose(checked);
  setUpSearch(picker);
}

function scopeRows(form) {
  const words = form.querySelector("[data-scopes]").dataset;
  return [...form.querySelectorAll("[data-role-needed]")].map((item) => {
    const box = item.querySelector("input");
    const needed = item.dataset.roleNeeded;
    const sentence = { member: words.needsMember, admin: words.needsAdmin, owner: words.needsOwner }[needed] || "";
    const reason = item.querySelector("[data-reason]");
    const withheldAt = item.dataset.withheldAt?.split(" ");
    return { box, needed, sentence, reason, withheldAt, withheld: words.withheld, wanted: box.checked };
  }).filter((row) => !("locked" in row.box.dataset));
}

function reaches(role, needed) {
  return RANK[role] >= (RANK[needed] ?? 0);
}

function fitToRole(row, radio) {
  if (row.final) return;
  const reached = reaches(radio.dataset.role, row.needed);
  const enough = reached && !row.withheldAt?.includes(radio.value);
  if (!row.box.disabled) row.wanted = row.box.checked;
  row.box.disabled = !enough;
  row.box.checked = enough && row.wanted;
  row.reason.textContent = enough ? "" : (reached ? row.withheld : row.sentence).replace("{handle}", radio.value);
}

function nameTheHandle(form, picker, handle) {
  const stays = picker.querySelector("[data-stays]");
  stays.textContent = stays.dataset.stays.replace("{handle}", handle);
  const allow = form.querySelector("[data-allow]");
  allow.textContent = allow.dataset.allow.replace("{handle}", handle);
}

function setUpSearch(picker) {
  const search = picker.querySelector("[data-search]");
  if (!search) return;
  const input = search.querySelector("input");
  const items = [...picker.querySelectorAll("[data-words]")];
  const show = () => filter(items, input.value, search.querySelector("[role=status]"));
  search.hidden = false;
  show();
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();  // Enter would press the form's first button
    const first = items.find((item) => !item.hidden && !item.querySelector("input").disabled);
    if (first) first.querySelector("input").focus();
  });
}

function filter(items, typed, status) {
  const wanted = typed.trim().replace(/^@/, "").toLowerCase();
  let found = 0;
  items.forEach((item) => {
    const matches = item.dataset.words.toLowerCase().includes(wanted);
    item.hidden = !matches && !item.querySelector("input").checked;
    found += matches ? 1 : 0;
  });
  const words = status.dataset;
  const text = found === 0 ? words.countNone : found === 1 ? words.countOne : words.count;
  status.textContent = text.replace("{count}", found);
}

// One answer per page. The buttons are disabled after the form data is taken: a disabled button is not posted.
function setUpSubmitGuard(form) {
  const buttons = [...form.querySelectorAll("button[type=submit]")];
  const live = form.querySelector("[data-live]");
  const release = () => {
    buttons.forEach((button) => { button.disabled = false; });
    live.textContent = "";
  };
  form.addEventListener("submit", (event) => {
    const answer = event.submitter;
    live.textContent = live.dataset[answer ? answer.value : "allow"] || "";
    setTimeout(() => buttons.forEach((button) => { button.disabled = true; }));
    // An installed app opens beside this page, which stays: say so, and let the person try again.
    if (form.dataset.destination === "app") setTimeout(() => { release(); live.textContent = live.dataset.app; }, 6000);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input[type=radio], input[type=checkbox]")) event.preventDefault();
  });
  window.addEventListener("pageshow", (event) => event.persisted && release());
}

function setUpPasswordToggle(button) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  button.hidden = false;
  button.addEventListener("click", () => {
    const show = input.type === "password";
    input.type = show ? "text" : "password";
    button.setAttribute("aria-pressed", String(show));
  });
  input.form.addEventListener("submit", () => { input.type = "password"; });
}

function setUpCopy(button) {
  const source = document.getElementById(button.dataset.copy);
  const live = button.closest("section").querySelector("[data-live]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      live.textContent = button.dataset.done;
    } catch {
      window.getSelection().selectAllChildren(source);  // http, or a browser that forbids it
      live.textContent = button.dataset.failed;
    }
  });
}

// Tells while somebody types whether a name is free, and shows the addresses that it will have.
function setUpHandleName(form) {
  const input = form.querySelector("[data-check]");
  const told = form.querySelector("[data-told]");
  let waiting = 0;
  const ask = async () => {
    const name = input.value.trim();
    const answer = name && await fetch(`${input.dataset.check}?name=${encodeURIComponent(name)}`).catch(() => null);
    if (name !== input.value.trim() || (answer && !answer.ok)) return;  // typed on, or too fast: the form says it
    const found = answer ? await answer.json() : { told: "", is_free: true };
    told.textContent = found.told;
    told.dataset.state = found.is_free ? "free" : "taken";
  };
  input.addEventListener("input", () => {
    const name = input.value.trim().replace(/^@/, "").toLowerCase();
    form.querySelectorAll("[data-pattern]").forEach((code) => {
      code.textContent = code.dataset.pattern.replace("{handle}", name || "…");
    });
    clearTimeout(waiting);
    waiting = setTimeout(ask, 300);
  });
}

// The secret of an invitation link stands behind the #: take it out of the address bar, and send it once.
function setUpInvitationLink(form) {
  const secret = location.hash.slice(1);
  if (!secret.startsWith("inv_")) return;
  history.replaceState(null, "", location.pathname + location.search);
  form.querySelector("input[name=link]").value = secret;
  form.requestSubmit();
}

document.querySelectorAll("[data-handle-form]").forEach(setUpHandleName);
document.querySelectorAll("[data-invitation-link]").forEach(setUpInvitationLink);
document.querySelectorAll("[data-consent]").forEach((form) => { setUpPicker(form); setUpSubmitGuard(form); });
document.querySelectorAll("[data-toggle-password]").forEach(setUpPasswordToggle);
document.querySelectorAll("[data-copy]").forEach(setUpCopy);
document.querySelector("[role=alert][tabindex]")?.focus();
