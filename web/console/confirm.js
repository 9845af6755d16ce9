// Asks before anything is done.

const dialog = document.getElementById("confirm");
const [title, text] = [document.getElementById("confirm-title"), document.getElementById("confirm-text")];
const [yes, no] = [document.getElementById("confirm-yes"), document.getElementById("confirm-no")];

/** Asks, and returns whether it is to be done. */
export function confirm({ ask, about, act, danger = false }) {
  title.textContent = ask;
  text.textContent = about;
  yes.textContent = act;
  yes.className = danger ? "primary danger" : "primary";
  dialog.returnValue = "";
  dialog.showModal();
  no.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

yes.addEventListener("click", () => dialog.close("yes"));
no.addEventListener("click", () => dialog.close(""));

const told = document.getElementById("told");
let fading;

/** Says what came of it, for some seconds. */
export function tell(message, kind = "good") {
  clearTimeout(fading);
  told.textContent = message;
  told.className = `told ${kind}`;
  fading = setTimeout(() => {
    told.textContent = "";
  }, 8_000);
}
