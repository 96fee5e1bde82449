// The place a page points at (a fault, a refusal) takes the focus as soon as the page is read.
// Browsers do this for `autofocus` only with the next frame they draw, and a busy one may draw late or never:
// a screen reader would then stay silent about what went wrong.
document.addEventListener("DOMContentLoaded", () => {
  const pointed = document.querySelector("[autofocus]");
  if (pointed && document.activeElement === document.body) pointed.focus();
});
