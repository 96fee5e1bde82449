// A log-in that nobody uses ends, and the page with it: it warns before, and what it shows does not stay behind on a
// shared screen. The server alone ends it, with or without this script; other tabs of the same log-in count as use.
document.addEventListener("DOMContentLoaded", () => {
  const dialog = document.querySelector("dialog[data-seconds-left]");
  if (!dialog) return;
  const { left, stay, login, token } = dialog.dataset;
  const whole = Number(dialog.dataset.secondsLeft);
  const warnAt = Math.min(120, whole / 3);
  const countdown = dialog.querySelector("[data-countdown]");
  let endsAt = Date.now() + whole * 1000;
  let usedAt = Date.now();
  let isTyped = false;
  let isAsking = false;
  const secondsLeft = () => (endsAt - Date.now()) / 1000;
  const leave = () => {
    const back = { next: location.pathname + location.search, ended: isTyped ? "form" : "idle" };
    location.replace(`${login}?${new URLSearchParams(back)}`);
  };
  const ask = async (address, options) => {
    if (isAsking) return;
    isAsking = true;
    try {
      const answer = await fetch(address, { cache: "no-store", ...options });
      if (answer.ok) endsAt = Date.now() + (await answer.json()).seconds_left * 1000;
      else if (options) leave();
    } catch {
      // No connection: the time that was told last runs on.
    } finally {
      isAsking = false;
    }
    if (secondsLeft() <= 0) leave();
    else if (secondsLeft() > warnAt && dialog.open) dialog.close();
  };
  const goOn = () => {
    usedAt = Date.now();
    return ask(stay, { method: "POST", headers: { "X-CSRFToken": token } });
  };
  // In words that change seldom, so that a screen reader that reads them again is not talking all the time.
  const words = (seconds) => {
    if (seconds > 90) return `about ${Math.round(seconds / 60)} minutes`;
    return seconds > 20 ? `less than ${Math.ceil(seconds / 30) * 30} seconds` : "a few seconds";
  };
  const look = async () => {
    if (isAsking || secondsLeft() > warnAt) return;
    if (!dialog.open || secondsLeft() <= 0) await ask(left);
    if (secondsLeft() > warnAt) return;
    if (!dialog.open) dialog.showModal();
    const said = words(secondsLeft());
    if (countdown.textContent !== said) countdown.textContent = said;
  };
  // Typing and reading on is use as well; told to the server now and then, and not while the question stands.
  const used = () => {
    if (!dialog.open && Date.now() - usedAt > 1000 * Math.min(60, warnAt / 2)) goOn();
  };
  for (const kind of ["keydown", "pointerdown", "wheel"])
    document.addEventListener(kind, used, { capture: true, passive: true });
  document.addEventListener("input", () => { isTyped = true; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(left); });
  dialog.querySelector("button").addEventListener("click", goOn);
  dialog.addEventListener("cancel", goOn);
  setInterval(look, 1000);
});
