// Covers the page of an idle terminal: what was entered stays for the same person, who shows all factors again.
"use strict";

(() => {
  const meta = document.querySelector("meta[name=lock]");
  if (!meta) return;
  const idleMs = Number(meta.content) * 1000;
  let seen = Date.now();
  for (const kind of ["pointerdown", "keydown", "input", "scroll"]) {
    document.addEventListener(kind, () => { seen = Date.now(); }, { capture: true, passive: true });
  }

  function field(label, name, type, complete) {
    const told = document.createElement("label");
    told.htmlFor = `lock-${name}`;
    told.textContent = label;
    const input = document.createElement("input");
    Object.assign(input, { id: `lock-${name}`, name, type, required: true, autocomplete: complete });
    return [told, input];
  }

  function cover() {
    const dialog = document.createElement("dialog");
    dialog.className = "lock";
    dialog.setAttribute("aria-labelledby", "lock-word");
    const form = document.createElement("form");
    const word = document.createElement("h2");
    word.id = "lock-word";
    word.textContent = "Locked";
    const lead = document.createElement("p");
    lead.textContent = "Nobody used this terminal for a while. What was entered stays for the same person; anybody else begins anew.";
    const answer = document.createElement("p");
    answer.setAttribute("role", "alert");
    const button = document.createElement("button");
    Object.assign(button, { type: "submit", className: "primary", textContent: "Sign in" });
    form.append(word, lead, ...field("User name", "user_name", "text", "off"), ...field("Password", "password", "password", "off"), answer, button);
    dialog.append(form);
    document.body.append(dialog);
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      unlock(form, answer, dialog).catch(() => { answer.textContent = "The site does not answer. Wait a moment and try again."; });
    });
    dialog.showModal();
    form.elements.user_name.focus();
  }

  async function unlock(form, answer, dialog) {
    const body = JSON.stringify({ user_name: form.elements.user_name.value, password: form.elements.password.value });
    const reply = await fetch("/api/sign-in", { method: "POST", credentials: "same-origin", body, headers: { "Content-Type": "application/json" } });
    const told = await reply.json();
    form.elements.password.value = "";
    if (!reply.ok) {
      answer.textContent = told.text;
      return;
    }
    if (told.person.user_name !== meta.dataset.user) {
      window.location.assign("/batches");
      return;
    }
    document.querySelector("meta[name=csrf]").content = told.csrf;
    seen = Date.now();
    dialog.remove();
    watch();
  }

  // The site ends the session by its own clock; this only hides the page no later than that.
  function watch() {
    const left = idleMs - (Date.now() - seen);
    if (left <= 0) cover();
    else window.setTimeout(watch, Math.min(left, 5000));
  }
  watch();
})();
