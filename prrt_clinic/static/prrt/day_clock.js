// The sheet of a day of therapy on a tablet that stays open: what passed since an instant is counted on, and once
// something on the page may have changed by time alone, it asks to be read again. It never reads itself again: what
// somebody is typing would be lost. Without it the page says as of when it was true.
document.addEventListener("DOMContentLoaded", () => {
  const told = document.querySelector("time[data-as-of]");
  const again = document.querySelector("[data-read-again]");
  if (!told || !again) return;
  const asOf = Date.parse(told.dateTime);
  // The tablet's own clock may be wrong: only what passed on it counts, from the server's instant on.
  // One of the two stands still while some tablets sleep, so that the one that went further is right.
  const openedAt = Date.now();
  const ticksThen = performance.now();
  const now = () => asOf + Math.max(Date.now() - openedAt, performance.now() - ticksThen);
  const instants = [...document.querySelectorAll("time[data-until]")]
    .map((each) => Date.parse(each.dateTime))
    .filter((each) => each > asOf);
  const words = (minutes) => {
    const hours = Math.floor(minutes / 60);
    return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
  };
  const count = () => {
    for (const each of document.querySelectorAll("[data-since]")) {
      const passed = Math.floor((now() - Date.parse(each.dataset.since)) / 60000);
      const shown = words(Math.max(0, passed));
      if (each.textContent !== shown) each.textContent = shown;
    }
    if (again.hidden && instants.some((each) => each <= now())) again.hidden = false;
  };
  count();
  setInterval(count, 5000);
  document.addEventListener("visibilitychange", count);
});
