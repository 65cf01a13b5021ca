// Passkeys: makes one, and lets one sign a statement. What it signs is the statement in the dialog, nothing else.
"use strict";

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const bytesOfHex = (text) => Uint8Array.from(text.match(/../g), (one) => parseInt(one, 16));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const TOLD = {
  NotAllowedError: "The passkey was not used. Try again, and follow what your authenticator asks.",
  InvalidStateError: "This authenticator holds a passkey of yours already.",
  SecurityError: "Passkeys do not work at this address. Open Septima by its own name.",
};

function tell(form, error) {
  const place = form.querySelector("[data-passkey-told]");
  place.textContent = error ? TOLD[error.name] || "This browser cannot use a passkey here. Sign with your password." : "";
  place.hidden = !error;
}

// While a passkey signs, no password leaves the dialog; and the other way round.
function signsBy(form, passkey) {
  for (const one of form.querySelectorAll("[name^='signature.assertion.']")) one.disabled = !passkey;
  for (const one of form.querySelectorAll(".secret input")) one.disabled = passkey;
}

async function sign(button) {
  const form = button.form;
  const user = form.elements["signature.user_name"];
  if (user && !user.reportValidity()) return;
  const wanted = button.dataset.credentials.split(" ").map((one) => ({ type: "public-key", id: bytesOf(one) }));
  const made = await navigator.credentials.get({
    publicKey: {
      challenge: bytesOfHex(button.dataset.statement),
      rpId: button.dataset.rp,
      allowCredentials: wanted,
      userVerification: "required",
      timeout: 60000,
    },
  });
  signsBy(form, true);
  form.elements["signature.assertion.credential"].value = textOf(made.rawId);
  for (const part of ["authenticatorData", "clientDataJSON", "signature"]) {
    form.elements["signature.assertion." + part].value = textOf(made.response[part]);
  }
  form.requestSubmit();
}

async function create(button) {
  const form = button.form;
  if (!form.reportValidity()) return;
  const options = JSON.parse(form.dataset.passkey);
  options.challenge = bytesOf(options.challenge);
  options.user.id = bytesOf(options.user.id);
  options.excludeCredentials = (options.excludeCredentials || []).map((one) => ({ ...one, id: bytesOf(one.id) }));
  const made = await navigator.credentials.create({ publicKey: options });
  form.elements["answer.id"].value = made.id;
  form.elements["answer.rawId"].value = textOf(made.rawId);
  form.elements["answer.response.clientDataJSON"].value = textOf(made.response.clientDataJSON);
  form.elements["answer.response.attestationObject"].value = textOf(made.response.attestationObject);
  form.requestSubmit();
}

document.addEventListener("click", (event) => {
  for (const [mark, act] of [["[data-passkey-sign]", sign], ["[data-passkey-create]", create]]) {
    const button = event.target.closest(mark);
    if (!button) continue;
    tell(button.form, null);
    button.disabled = true;
    act(button)
      .catch((error) => tell(button.form, error))
      .finally(() => { button.disabled = false; });
  }
});

document.addEventListener("htmx:finally:request", () => {
  for (const form of document.querySelectorAll("dialog.signing form")) signsBy(form, false);
});
