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

// --- Tools follow what is ticked, and the handle. The server's rule is authserver/protocol/tools.

function setUpTools(form) {
  const section = form.querySelector("[data-tools]");
  if (!section) return;
  const live = section.querySelector("[data-tool-live]");
  section.querySelectorAll("[data-without-script]").forEach((each) => { each.hidden = true; });
  const show = () => showTools(form, section);
  let said = show();
  let waiting;
  form.addEventListener("change", () => {
    const text = show();
    clearTimeout(waiting);
    // One word for many quick ticks, and none where the tools stay the same.
    if (text !== said) waiting = setTimeout(() => { said = live.textContent = text; }, 600);
  });
}

function showTools(form, section) {
  const chosen = form.querySelector("input[name=handle]:checked");
  const boxes = [...form.querySelectorAll("input[name=scope]")];
  const ticked = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  form.querySelectorAll("[data-tool]").forEach((tool) => { tool.hidden = !reachesTool(tool, ticked, chosen); });
  form.querySelectorAll("[data-new-tools]").forEach((part) => {
    const elsewhere = chosen && part.dataset.newTools !== chosen.value;
    part.hidden = Boolean(elsewhere) || !part.querySelector("[data-tool]:not([hidden])");
  });
  section.querySelectorAll("[data-tool-group]").forEach((group) => {
    group.hidden = !group.querySelector("[data-tool]:not([hidden])");
  });
  const words = section.dataset;
  const usable = [...section.querySelectorAll("[data-tool-group] [data-tool]:not([hidden])")];
  const changing = usable.filter((tool) => !("reads" in tool.dataset)).length;
  const text = words.together.replace("%(tools)s", counted(words.toolWords, usable.length))
    .replace("%(changing)s", counted(words.changingWords, changing));
  const count = section.querySelector("details:not([data-asking]) [data-count]");
  if (count) count.textContent = text;
  return showAsking(section, words.askingWords, text);
}

function showAsking(section, words, text) {
  const asking = section.querySelector("[data-asking]");
  if (!asking) return text;
  const count = asking.querySelectorAll("[data-tool]:not([hidden])").length;
  asking.hidden = count === 0;
  asking.querySelector("[data-count]").textContent = counted(words, count);
  return count ? `${text}. ${counted(words, count)}` : text;
}

function reachesTool(tool, ticked, chosen) {
  const words = (text) => (text ? text.split(" ") : []);
  const { needs, toolRole, keptFrom } = tool.dataset;
  if (!words(needs).every((scope) => ticked.has(scope))) return false;
  if (!chosen || chosen.type !== "radio") return true;
  return reaches(chosen.dataset.role, toolRole || "public") && !words(keptFrom).includes(chosen.value);
}

function counted(forms, number) {
  const found = JSON.parse(forms);
  const category = new Intl.PluralRules(document.documentElement.lang).select(number);
  return (found[category] ?? found.other).replace("%(count)d", number);
}

function setUpPresets(form) {
  const presets = form.querySelector("[data-presets]");
  if (!presets) return;
  const boxes = () => [...form.querySelectorAll("input[name=scope]:enabled")];
  const wanted = { read: (box) => box.dataset.level === "read", all: () => true };
  const press = (value) => presets.querySelectorAll("button").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.value === value));
  });
  presets.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    event.preventDefault();
    press(button.value);
    const isTicked = wanted[button.value];
    if (!isTicked) return;
    boxes().forEach((box) => { box.checked = isTicked(box); });
    form.dispatchEvent(new Event("change"));
  });
  form.addEventListener("change", (event) => {
    if (!["scope", "handle"].includes(event.target.name)) return;
    const fits = (value) => boxes().every((box) => box.checked === wanted[value](box));
    press(fits("all") ? "all" : fits("read") ? "read" : "custom");
  });
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
  const matching = items.filter((item) => item.dataset.words.toLowerCase().includes(nameTyped(input)));
  const enter = (shown) => shown.map((item) => item.querySelector("input")).find((radio) => !radio.disabled)?.focus();
  if ("goToList" in input.dataset) enter(matching);
  if (!("whole" in search.dataset)) return;  // the server searches: not every handle is on the page
  const show = () => filter(items, nameTyped(input), search.querySelector("[role=status]"));
  search.querySelector("button").hidden = true;
  show();
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();  // Enter would press the form's first button
    enter(items.filter((item) => !item.hidden));
  });
}

function nameTyped(input) {
  return input.value.trim().replace(/^@/, "").toLowerCase();
}

function filter(items, wanted, status) {
  let found = 0;
  items.forEach((item) => {
    const matches = item.dataset.words.toLowerCase().includes(wanted);
    item.hidden = !matches && !item.querySelector("input").checked;
    found += matches ? 1 : 0;
  });
  status.textContent = found ? counted(status.dataset.counts, found) : status.dataset.none;
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
    if (answer?.name === "find") return;
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
  const live = button.closest("[data-copying], section").querySelector("[data-live]");
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

// An attempt that goes on: its part of the page is asked for again each second while somebody looks.
function setUpAttempt(place) {
  const told = document.querySelector("[data-live-told]");
  let tag = "";
  let code = place.querySelector("[data-code]").dataset.code;
  const show = (text) => {
    place.innerHTML = text;
    const verdict = place.querySelector("[data-code]");
    // Seconds that go by are not read out, what becomes of it is.
    if (verdict.dataset.code !== code) told.textContent = verdict.querySelector("[data-verdict]").textContent;
    code = verdict.dataset.code;
  };
  const ask = async () => {
    if (document.hidden) return true;
    const answer = await fetch(place.dataset.liveUrl, { headers: { "If-None-Match": tag }, cache: "no-store" }).catch(() => null);
    if (!answer || answer.status >= 500) return true;  // away for a moment
    if (answer.redirected || ![200, 304].includes(answer.status)) return false;
    if (answer.status === 200) show(await answer.text());
    tag = answer.headers.get("ETag") || "";
    return Boolean(place.querySelector("[data-goes-on]"));
  };
  const again = () => setTimeout(async () => { if (await ask()) again(); else reload.hidden = false; }, 1000);
  const reload = document.querySelector("[data-without-live]");
  reload.hidden = true;
  again();
}

document.querySelectorAll("[data-live-url]").forEach(setUpAttempt);
document.querySelectorAll("[data-handle-form]").forEach(setUpHandleName);
document.querySelectorAll("[data-invitation-link]").forEach(setUpInvitationLink);
document.querySelectorAll("[data-consent]").forEach((form) => {
  setUpPicker(form);
  setUpPresets(form);
  setUpTools(form);
  setUpSubmitGuard(form);
});
document.querySelectorAll("[data-toggle-password]").forEach(setUpPasswordToggle);
document.querySelectorAll("[data-copy]").forEach(setUpCopy);
document.querySelector("[role=alert][tabindex]")?.focus();
